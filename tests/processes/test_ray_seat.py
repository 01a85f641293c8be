"""What Ray's process on a node does with a case, and takes back of what Ray does: none of this needs Ray."""

import json
import os
import platform
import subprocess
import sys
import threading
import time

import msgspec
import pytest

import sebench
from sebench.runner.sweeping.ray.case import take_back_niceness
from sebench.runner.sweeping.ray.messages import CaseReply, CaseRequest, Versions
from sebench.runner.sweeping.ray.seat import Seat, environ_of_case, sources_digest, versions_of
from sebench.schema import WorkloadRequest
from sebench.schema.sweep import Case
from tests.interpreter import FRESH
from tests.running import assert_gone
from tests.workers import ray_case

COMMAND = ["-P", ray_case.__file__]
NICER = 3


@pytest.fixture
def seat(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", FRESH)
    made = Seat()
    yield made
    for hold in tmp_path.glob("hold-*"):
        hold.unlink()
    made.stop()


def request_of(batch, **fields):
    case = Case(
        id=f"{batch:012x}",
        model="nets.py:net",
        variant="se",
        request=WorkloadRequest(device="cpu", batch_size=batch, threads=2),
        **fields,
    )
    return msgspec.to_builtins(CaseRequest(case=case))


def measure(seat, folder, batch, *, gpu=None, command=COMMAND):
    request = request_of(batch)
    return seat.measure(request["case"]["id"], request, command, str(folder), gpu)


def in_background(seat, folder, batch):
    """Measure in a thread; the list has the outcome when it has ended."""
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(measure(seat, folder, batch)))
    thread.start()
    return thread, outcome


def begun(folder):
    """Notes of the cases that were begun."""
    path = folder / "begun"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_until_begun(folder, count=1):
    deadline = time.monotonic() + 60
    while len(begun(folder)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_cases_run_in_one_process_and_what_they_print_is_no_reply(seat, tmp_path):
    for batch in (1, 2):
        status, reply, last_words = measure(seat, tmp_path, batch)
        assert (status, last_words) == (0, "")
        said = msgspec.json.decode(reply, type=CaseReply)
        assert (said.outcome.id, said.outcome.status) == (f"{batch:012x}", "done")
        assert said.outcome.machine == platform.node()
        assert said.result is not None
    first, second = begun(tmp_path)
    assert first["pid"] == second["pid"]


def test_each_gpu_has_a_process_that_sees_it_alone(seat, tmp_path):
    for batch, gpu in ((1, None), (2, "3"), (3, "4"), (4, "3")):
        measure(seat, tmp_path, batch, gpu=gpu)
    notes = begun(tmp_path)
    seen = [note["variables"]["CUDA_VISIBLE_DEVICES"] for note in notes]
    assert seen == [os.environ.get("CUDA_VISIBLE_DEVICES"), "3", "4", "3"]
    assert len({note["pid"] for note in notes}) == 3


def test_a_process_that_ends_is_said_to_with_its_last_words_and_started_again(seat, tmp_path):
    (tmp_path / "die-1").touch()
    assert measure(seat, tmp_path, 1) == (7, b"", "some library said no")
    assert measure(seat, tmp_path, 2)[0] == 0


def test_a_node_without_sebench_says_so(seat, tmp_path):
    status, reply, last_words = measure(seat, tmp_path, 1, command=["-P", "-m", "no_such_package"])
    assert (status, reply) == (1, b"")
    assert last_words.endswith("No module named no_such_package")


def test_a_folder_that_a_node_does_not_have_is_no_obstacle(seat, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert measure(seat, tmp_path / "gone", 1)[0] == 0
    assert len(begun(tmp_path)) == 1


def test_a_case_that_is_stopped_ends_as_after_ctrl_c_and_the_next_one_runs(seat, tmp_path):
    (tmp_path / "hold-1").touch()
    thread, outcome = in_background(seat, tmp_path, 1)
    wait_until_begun(tmp_path)
    seat.stop(f"{1:012x}")
    thread.join(timeout=60)
    assert [(status, reply) for status, reply, _ in outcome] == [(130, b"")]
    assert_gone(begun(tmp_path)[0]["pid"], within_s=5)
    assert measure(seat, tmp_path, 2)[0] == 0


def test_a_case_that_was_stopped_before_it_began_does_not_run_to_its_end(seat, tmp_path):
    (tmp_path / "hold-1").touch()
    seat.stop(f"{1:012x}")
    assert measure(seat, tmp_path, 1) == (130, b"", "")
    assert begun(tmp_path) == []


def test_a_seat_that_hears_nothing_any_more_ends_its_cases(seat, tmp_path, monkeypatch):
    exits = []
    monkeypatch.setattr(os, "_exit", exits.append)
    (tmp_path / "hold-1").touch()
    thread, outcome = in_background(seat, tmp_path, 1)
    wait_until_begun(tmp_path)
    seat.still_wanted()
    seat.watch(0.2)
    thread.join(timeout=60)
    assert [status for status, _, _ in outcome] == [130]
    assert exits == [1]


def test_nothing_lives_on_when_the_process_of_the_seat_is_killed(tmp_path):
    (tmp_path / "hold-1").touch()
    program = (
        "import json, sys\n"
        "from sebench.runner.sweeping.ray.seat import Seat\n"
        f"Seat().measure('1', json.loads(sys.argv[1]), {COMMAND!r}, {str(tmp_path)!r}, None)\n"
    )
    process = subprocess.Popen([FRESH, "-c", program, json.dumps(request_of(1))], env=paths())
    wait_until_begun(tmp_path)
    process.kill()
    process.wait()
    assert_gone(begun(tmp_path)[0]["pid"], within_s=15)


# --- what Ray changes -----------------------------------------------------------------------------------


def paths():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_threads_that_ray_sets_do_not_reach_a_case(seat, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as Ray does, after the process has started
    assert "OMP_NUM_THREADS" not in environ_of_case()
    measure(seat, tmp_path, 1)
    assert begun(tmp_path)[0]["variables"]["OMP_NUM_THREADS"] is None


def test_threads_that_the_node_was_started_with_stay(tmp_path):
    program = (
        "from sebench.runner.sweeping.ray.seat import environ_of_case\n"
        "print(environ_of_case()['OMP_NUM_THREADS'])\n"
    )
    done = subprocess.run(
        [FRESH, "-c", program],
        env={**paths(), "OMP_NUM_THREADS": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "3\n"


def measured_by_a_nicer_process(folder, nice_of_node):
    """As Ray does, which gives its processes another niceness than the node has."""
    request = {**request_of(1), "nice": nice_of_node}
    command = ["nice", "-n", str(NICER), FRESH, *COMMAND]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder) as process:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        return msgspec.json.decode(process.stdout.readline(), type=CaseReply)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become less nice")
def test_a_case_runs_at_the_niceness_of_its_node(tmp_path):
    own = os.getpriority(os.PRIO_PROCESS, 0)
    reply = measured_by_a_nicer_process(tmp_path, own)
    assert begun(tmp_path)[0]["nice"] == own
    assert reply.result.findings == ()


def test_where_that_is_not_allowed_it_is_recorded(monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "getpriority", lambda *_: 15)
    monkeypatch.setattr(os, "setpriority", refuse)
    assert take_back_niceness(15) is None
    found = take_back_niceness(0)
    assert (found.code, found.severity) == ("niced", "warning")
    assert "at nice 15" in found.message


def test_a_node_describes_itself(seat):
    facts = seat.describe()
    assert facts["host"] == platform.node()
    assert msgspec.convert(facts["versions"], Versions) == Versions(
        sebench=sebench.__version__,
        sources=sources_digest(sebench.__path__[0]),
        torch=facts["versions"]["torch"],
        python=".".join(platform.python_version_tuple()[:2]),
    )
    assert set(facts["cpus"]) == os.sched_getaffinity(0)


def test_a_node_without_sebench_or_torch_has_no_versions_of_them(tmp_path):
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nexec {FRESH} -S -I "$@"\n')
    program.chmod(0o755)
    versions = versions_of(str(program), environ)
    assert (versions["sebench"], versions["sources"], versions["torch"]) == (None, None, None)


def test_two_working_trees_of_one_version_differ(tmp_path):
    for name, text in (("a", "x = 1\n"), ("b", "x = 2\n"), ("c", "x = 1\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "module.py").write_text(text)
    digests = [sources_digest(str(tmp_path / name)) for name in "abc"]
    assert digests[0] == digests[2] != digests[1]
