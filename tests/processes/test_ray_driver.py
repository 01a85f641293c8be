"""The process of Ray's driver: a module that stands for Ray says how that ends, or a script what it says."""

import os
import socket
import sys

import msgspec
import pytest

from sebench.errors import SebenchError, UsageError, WorkerError
from sebench.runner.sweeping.ray import RayExecutor, executor
from sebench.runner.sweeping.ray.messages import (
    Alive,
    Began,
    CaseReply,
    Joined,
    LeftOut,
    Loaded,
    Lost,
    NodeFacts,
    Over,
    Refused,
    Versions,
)
from sebench.schema.sweep import Case, CaseOutcome
from tests.interpreter import FRESH

CASE = Case(id="0" * 12, model="resnet50", variant="se")


@pytest.fixture
def refusal(tmp_path, monkeypatch):
    """What is said where ``ray.init`` does this."""
    monkeypatch.setattr(sys, "executable", FRESH)
    monkeypatch.setattr(executor, "find_spec", lambda name: name)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), *sys.path)))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def run(body, address="auto", kind=SebenchError):
        (tmp_path / "ray" / "util").mkdir(parents=True)
        for name in ("util/__init__.py", "util/scheduling_strategies.py"):
            (tmp_path / "ray" / name).touch()
        (tmp_path / "ray" / "__init__.py").write_text(
            f"import os, sys, time\nprint('(raylet) words')\ndef init(**arguments):\n    {body}\n"
        )
        with pytest.raises(kind) as caught:
            list(RayExecutor(address)([CASE]))
        return str(caught.value)

    return run


def test_no_cluster_on_this_machine(refusal):
    assert refusal("raise ConnectionError('Could not find any running Ray instance.')") == (
        "--ray auto: there is no Ray cluster on this machine; make one with 'ray start --head', or start "
        "sebench on a machine of one"
    )


def test_another_ray_than_that_of_the_cluster(refusal):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        said = refusal("raise RuntimeError('Version mismatch:\\n  Ray: 2.60.0.')", address)
    assert said == (
        f"--ray {address}: Version mismatch: Ray: 2.60.0; start sebench on a machine of the cluster, with "
        "the Ray that runs there"
    )


def test_a_cluster_that_does_not_answer(refusal, monkeypatch):
    monkeypatch.setattr(executor, "JOIN_S", 0.5)
    assert refusal("time.sleep(600)", kind=WorkerError) == "--ray auto: no Ray cluster answered within 0.5 s"


def test_an_address_is_always_named_and_nothing_is_reported(refusal):
    said = refusal("raise ValueError(repr((arguments['address'], os.environ['RAY_USAGE_STATS_ENABLED'])))")
    assert said.startswith("--ray auto: ('auto', '0'); ")


def test_a_ray_that_ends_the_process_is_one_line(refusal):
    said = refusal(
        "sys.stderr.write('the head is gone\\n'); sys.stderr.flush(); os._exit(1)", kind=WorkerError
    )
    assert said == (
        "Ray's driver ended with status 1: the head is gone; go on with --resume when the cluster is back"
    )


# --- what the driver says -------------------------------------------------------------------------------

VERSIONS = Versions(sebench="0.1.0", sources="ab", torch="2.11.0", python="3.11")
NODE = NodeFacts(node="n", host="here", versions=VERSIONS, processor="X", cpus=(0, 1))
JOINED = [Loaded(), Alive(), Joined(nodes=(NODE,))]


@pytest.fixture
def said(tmp_path, monkeypatch):
    """Run cases by a driver that says these messages, some of them after it has heard of the cases."""
    monkeypatch.setattr(executor, "find_spec", lambda name: name)
    monkeypatch.setattr(sys, "executable", FRESH)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def run(before, after=(), then="pass"):
        lines = [[msgspec.json.encode(each).decode() for each in part] for part in (before, after)]
        program = (
            f"import os, sys, time\nbefore, after = {lines!r}\n"
            "sys.stdin.readline()\nprint(*before, sep='\\n', flush=True)\n"
            f"sys.stdin.readline()\nprint(*after, sep='\\n', flush=True)\n{then}\nsys.stdin.read()\n"
        )
        monkeypatch.setattr(executor, "DRIVER", ("-c", program))
        with RayExecutor("auto", tell=run.told.append) as execute:
            run.over.extend(execute([CASE, OTHER]))

    run.told, run.over = [], []
    return run


OTHER = Case(id="1" * 12, model="resnet50", variant="eca")


def over(case, **fields):
    outcome = CaseOutcome(id=case.id, machine="here", **fields)
    return Over(reply=msgspec.Raw(msgspec.json.encode(CaseReply(outcome=outcome))))


def test_cases_come_as_they_are_over_and_what_runs_where_is_told(said):
    left_out = LeftOut(host="there", reason="did not answer")
    first = over(CASE, status="done")
    second = over(OTHER, status="failed", reason="memory")
    said(
        [*JOINED, left_out],
        [
            Began(case=CASE.id, host="here"),
            Lost(host="here", cases=(CASE.id,)),
            Alive(),
            first,
            Began(case=OTHER.id, host="here"),
            second,
        ],
    )
    assert [(ran.case, ran.outcome.status, ran.result) for ran in said.over] == [
        (CASE, "done", None),
        (OTHER, "failed", None),
    ]
    assert said.told == [
        "ray: 1 node (X, 2 CPUs): here",
        "ray: there is left out: did not answer",
        "ray: here measures resnet50 se (0 of 2 are over)",
        "ray: here is lost; for another node: resnet50 se",
        "ray: here measures resnet50 eca (1 of 2 are over)",
    ]


@pytest.mark.parametrize(("usage", "kind"), [(False, SebenchError), (True, UsageError)])
def test_what_the_driver_refuses_is_refused(said, usage, kind):
    with pytest.raises(kind) as caught:
        said([Loaded(), Refused(message="no node", hint="add one", usage=usage)])
    assert (type(caught.value), str(caught.value)) == (kind, "no node; add one")


def test_a_driver_that_ends_in_mid_run_leaves_what_came_before(said):
    with pytest.raises(WorkerError, match=r"^Ray's driver was killed by SIGKILL"):
        said(JOINED, [over(CASE, status="done")], then="os.kill(os.getpid(), 9)")
    assert [ran.case for ran in said.over] == [CASE]


def test_a_driver_that_loses_the_head_says_no_more_than_that(said):
    words = "[2026-11-30 E 1 2] rpc_client.h:204: Failed to connect to GCS within 60 seconds. See the log."
    expected = "^Ray's driver lost the head of the cluster; go on with --resume when the cluster is back$"
    with pytest.raises(WorkerError, match=expected):
        said(JOINED, then=f"print({words!r}, file=sys.stderr, flush=True); os._exit(1)")


def test_a_driver_that_falls_silent_is_ended(said, monkeypatch):
    monkeypatch.setattr(executor, "SILENCE_S", 0.5)
    with pytest.raises(WorkerError, match=r"^--ray auto: Ray's driver said nothing for 0\.5 s$"):
        said(JOINED, [Alive()])
