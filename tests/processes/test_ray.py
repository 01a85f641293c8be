"""Sweeps on a real Ray cluster of nodes that come and go, all of them on this machine."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import psutil
import pytest

from sebench.errors import SebenchError
from sebench.runner.sweeping.ray import RayExecutor, executor
from sebench.runner.sweeping.sweep import run_sweep
from sebench.schema import WorkloadRequest
from sebench.schema.sweep import Case
from sebench.store import ResultStore
from sebench.store.sweeps import SweepBook
from tests.interpreter import FRESH
from tests.ray_cluster import RayCluster
from tests.running import assert_gone, children_of, command_of, heeding_ctrl_c
from tests.workers import ray_case

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the extra ray"),
    pytest.mark.slow,
    pytest.mark.xdist_group("ray"),
]
CPU, POOLS = "cpu", ("a", "b")


@pytest.fixture(scope="module")
def cluster():
    """Two nodes on one machine; tests add others for themselves, with labels of their own."""
    with RayCluster() as started:
        started.raylets = {
            name: started.add(name, num_cpus=1, labels={"pool": "main", "zone": name}) for name in POOLS
        }
        yield started


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", FRESH)
    yield
    for hold in tmp_path.glob("hold-*"):
        hold.unlink()


def case(batch, *, device=CPU, **fields):
    request = WorkloadRequest(device=device, batch_size=batch, threads=1)
    return Case(id=f"{batch:012x}", model="nets.py:net", variant="asis", request=request, **fields)


class Run:
    """A sweep that is kept in a book, and what is told of it."""

    def __init__(self, cluster, folder, cases, *, on=None, **options):
        self.told, self.cases, self.folder = [], cases, folder
        self.book = SweepBook(folder / "results", "sweep")
        self.executor = RayExecutor(
            cluster.address,
            labels={"pool": ("main",)} if on is None else on,
            tell=self.told.append,
            command=("-P", ray_case.__file__),
            **options,
        )

    def __call__(self):
        """Run it to its end; outcomes in the order of the cases."""
        with self.book.held():
            self.book.go_on(self.cases) if self.book.exists else self.book.begin(self.cases)
            list(run_sweep(self.book, self.cases, self.executor))
        return self.book.read().outcomes

    @contextmanager
    def beside(self):
        """Runs while the block does; yields a list that has the outcomes afterwards."""
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.extend(self()))
        thread.start()
        try:
            yield outcomes
        finally:
            for hold in self.folder.glob("hold-*"):
                hold.unlink()
            thread.join(timeout=120)
            assert not thread.is_alive()

    @property
    def begun(self):
        path = self.folder / "begun"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait_until_begun(self, batch):
        """The note of a case, as soon as its process has it."""
        return wait_for(lambda: next((note for note in self.begun if note["batch"] == batch), None))

    @property
    def stored(self):
        return len(ResultStore(self.folder / "results").paths())


def wait_for(question, within_s=60):
    deadline = time.monotonic() + within_s
    while not (answer := question()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


def raylet_of(note):
    """Of the node that a case runs on: the process that started Ray's worker."""
    return psutil.Process(note["worker"]).ppid()


def test_every_case_is_there_once_on_both_nodes_and_nothing_is_printed(cluster, tmp_path, capfd):
    (tmp_path / "hold-1").touch()
    run = Run(cluster, tmp_path, [case(batch) for batch in range(1, 7)])
    with run.beside() as outcomes:
        first = run.wait_until_begun(1)
        time.sleep(1.5)
        assert len(run.begun) == 1  # both nodes are on one machine, so the other one waits
        raylets = {raylet_of(first)}
        (tmp_path / "hold-2").touch()
        (tmp_path / "hold-1").unlink()
        raylets.add(raylet_of(run.wait_until_begun(2)))
    assert [outcome.status for outcome in outcomes] == ["done"] * 6
    assert run.stored == 6
    assert raylets == set(cluster.raylets.values())
    assert sorted(note["batch"] for note in run.begun) == [1, 2, 3, 4, 5, 6]
    # Neither the threads nor the niceness that Ray's workers have.
    assert {note["variables"]["OMP_NUM_THREADS"] for note in run.begun} == {os.environ.get("OMP_NUM_THREADS")}
    if os.geteuid() == 0:
        assert {note["nice"] for note in run.begun} == {os.getpriority(os.PRIO_PROCESS, 0)}
    assert run.told[0].startswith("ray: 2 nodes (")
    assert run.told[1].endswith(
        "measures nets.py:net asis --device cpu --batch-size 1 --threads 1 (0 of 6 are over)"
    )
    assert capfd.readouterr() == ("", "")


def test_the_cases_of_a_node_that_is_killed_run_on_another(cluster, tmp_path):
    raylets = {cluster.add(name, num_cpus=1, labels={"pool": "kill"}): name for name in ("k1", "k2")}
    (tmp_path / "hold-2").touch()
    run = Run(cluster, tmp_path, [case(batch) for batch in range(1, 6)], on={"pool": ("kill",)})
    with run.beside() as outcomes:
        note = run.wait_until_begun(2)
        cluster.kill(raylets[raylet_of(note)])
        assert_gone(note["pid"], within_s=15)
        wait_for(lambda: [each for each in run.told if " is lost; for another node: " in each])
    assert [(outcome.status, outcome.reason) for outcome in outcomes] == [("done", "")] * 5
    assert run.stored == 5
    # The case that ran there was begun twice, and is there once.
    assert sorted(note["batch"] for note in run.begun) == [1, 2, 2, 3, 4, 5]


def test_a_case_whose_ray_process_is_killed_runs_again_on_the_same_node(cluster, tmp_path):
    (tmp_path / "hold-1").touch()
    run = Run(cluster, tmp_path, [case(1)], on={"zone": ("b",)})
    with run.beside() as outcomes:
        note = run.wait_until_begun(1)
        os.kill(note["worker"], signal.SIGKILL)
        assert_gone(note["pid"], within_s=15)
        wait_for(lambda: len(run.begun) == 2)
    assert [outcome.status for outcome in outcomes] == ["done"]
    assert run.stored == 1


def test_a_case_that_ends_its_process_fails_with_its_last_words_and_the_rest_goes_on(cluster, tmp_path):
    (tmp_path / "die-1").touch()
    cases = [case(1), case(2), case(3, device="cuda")]
    run = Run(cluster, tmp_path, cases, on={"zone": ("a",)}, pending_s=2)
    assert [(outcome.status, outcome.reason) for outcome in run()] == [
        ("failed", "its process ended with status 7: some library said no"),
        ("done", ""),
        ("failed", "no node with 1 GPU was there to take it for 2 s"),
    ]
    (tmp_path / "die-1").unlink()
    (tmp_path / "steady").touch()  # measured by the real runner, what failed alone
    (tmp_path / "nets.py").write_text("STEP_S = 0.2\ndef net(): ...\n")
    run.cases = cases[:2]
    assert [outcome.status for outcome in run()] == ["done", "done"]
    assert [note["batch"] for note in run.begun] == [1, 2, 1]
    assert run.stored == 2


def test_each_gpu_has_a_case_of_its_own(cluster, tmp_path):
    cluster.add("gpu", num_cpus=2, num_gpus=2, labels={"pool": "gpu"})
    for batch in (1, 2):
        (tmp_path / f"hold-{batch}").touch()
    run = Run(
        cluster,
        tmp_path,
        [case(1, device="cuda"), case(2, device="cuda"), case(3)],
        on={"pool": ("gpu",)},
    )
    with run.beside() as outcomes:
        notes = [run.wait_until_begun(batch) for batch in (1, 2)]
        assert sorted(note["variables"]["CUDA_VISIBLE_DEVICES"] for note in notes) == ["0", "1"]
        time.sleep(1.5)
        assert len(run.begun) == 2  # what needs the machine waits
    assert [outcome.status for outcome in outcomes] == ["done"] * 3
    assert run.begun[2]["variables"]["CUDA_VISIBLE_DEVICES"] == "0,1"


# --- what is refused ------------------------------------------------------------------------------------


def refusal(cluster, folder, **options):
    run = Run(cluster, folder, [case(1)], **options)
    with pytest.raises(SebenchError) as caught:
        list(run.executor(run.cases))
    assert not run.begun
    return str(caught.value)


def test_nodes_with_different_versions_of_torch(cluster, tmp_path):
    other = tmp_path / "packages" / "torch-9.9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9.9\n")
    path = os.pathsep.join((str(other.parent), os.environ.get("PYTHONPATH", "")))
    cluster.add("old", num_cpus=1, labels={"pool": "old"}, env_vars={"PYTHONPATH": path})
    said = refusal(cluster, tmp_path, on={"pool": ("main", "old")})
    assert said.startswith("nodes have different versions of torch: ")
    assert "9.9.9 on " in said


def test_a_port_of_something_else(tmp_path, monkeypatch):
    monkeypatch.setattr(executor, "JOIN_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SebenchError, match=rf"^--ray {address}: no Ray cluster answered within 2 s$"):
            list(RayExecutor(address)([case(1)]))


def test_a_node_whose_processors_are_taken(cluster, tmp_path):
    (tmp_path / "hold-1").touch()
    zone = {"zone": ("a",)}
    run = Run(cluster, tmp_path, [case(1)], on=zone)
    with run.beside():
        run.wait_until_begun(1)
        other = Run(cluster, tmp_path / "other", [case(2)], on=zone, patience_s=3)
        with pytest.raises(
            SebenchError, match=r"did not answer within 3 s: other work may hold its CPUs or GPUs"
        ):
            list(other.executor(other.cases))


# --- the command ----------------------------------------------------------------------------------------


def start_command(arguments, folder):
    return subprocess.Popen(
        [FRESH, "-m", "tests.ray_sweep", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heeding_ctrl_c,  # noqa: PLW1509 - no threads here
    )


def test_labels_that_no_node_has_are_one_line_and_no_run_is_begun(cluster, tmp_path):
    command = ["sweep", "-m", "cifar_resnet110", "-b", "1", "-b", "2", "--ray", cluster.address]
    process = start_command([*command, "--on", "zone=c"], tmp_path)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    (line,) = error.splitlines()
    assert line.startswith("sebench: error: no node of the Ray cluster has --on zone=c; there are pool=")
    assert "zone=a, zone=b" in line
    assert not list(tmp_path.rglob("sweep.json"))


def test_ctrl_c_ends_the_cases_and_resuming_repeats_none_that_is_done(cluster, tmp_path):
    (tmp_path / "nets.py").write_text("def net(): ...\n")
    (tmp_path / "hold-2").touch()
    command = [
        "sweep",
        "-m",
        "nets.py:net",
        "-v",
        "asis",
        "--device",
        "cpu",
        "--threads",
        "1",
        "-b",
        "1",
        "-b",
        "2",
    ]
    command += ["--ray", cluster.address, "--on", "pool=main"]
    run = Run(cluster, tmp_path, [])
    process = start_command(command, tmp_path)
    note = run.wait_until_begun(2)
    os.killpg(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert error.splitlines()[-1].startswith("sebench: error: interrupted; 1 of 2 cases kept")
    assert_gone(note["pid"], within_s=5)
    (tmp_path / "hold-2").unlink()
    again = start_command([*command, "--resume", "--format", "json"], tmp_path)
    out, error = again.communicate(timeout=120)
    assert again.returncode == 0, error
    assert [each["status"] for each in json.loads(out)["cases"]] == ["done", "done"]
    assert [note["batch"] for note in run.begun] == [1, 2, 2]


def test_a_driver_that_is_killed_is_one_line_and_leaves_nothing_behind(cluster, tmp_path):
    (tmp_path / "hold-1").touch()
    run = Run(cluster, tmp_path, [case(1)], on={"zone": ("b",)})
    told = []

    def measure():
        try:
            list(run.executor(run.cases))
        except SebenchError as error:
            told.append(str(error))

    thread = threading.Thread(target=measure)
    thread.start()
    note = run.wait_until_begun(1)
    (driver,) = [each for each in children_of(os.getpid()) if "ray.driver" in command_of(each)]
    driver.kill()
    thread.join(timeout=60)
    assert told == [
        "Ray's driver was killed by SIGKILL, often the kernel's out-of-memory killer; go on with --resume "
        "when the cluster is back"
    ]
    assert_gone(note["pid"], within_s=20)
