"""Two workers as one: with sessions that only pretend, and with real processes and tiny networks."""

import os
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from sebench.runner.measuring.series import ProcessSeries
from sebench.runner.workers import side_by_side
from sebench.runner.workers.session import WorkerDied
from sebench.runner.workers.side_by_side import SideBySide
from sebench.schema import ModelSpec, Pair, Session, TimingPolicy, Workload
from sebench.worker.protocol import (
    Done,
    Failed,
    Finish,
    Go,
    Measured,
    Ready,
    Request,
    SideReady,
    Timed,
)
from tests import samples
from tests.repositories import repository

SIDES = Path(__file__).parents[1] / "workers" / "sides.py"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
POLICY = TimingPolicy(
    processes=1, min_blocks=2, segment_s=0.001, warmup_busy_s=0.01, timeout_s=600.0, effort="quick"
)


@pytest.fixture
def repo(tmp_path, monkeypatch):
    repo = repository(tmp_path / "repo", {"nets.py": "a = 1\n"})
    (tmp_path / "base").mkdir()
    monkeypatch.chdir(repo)
    return repo


def session(base="none", head="none"):
    pair = Pair(baseline=ModelSpec(model=base, commit=COMMIT), candidate=ModelSpec(model=head))
    return Session(pair=pair, workload=Workload(input_shape=(1, 3, 16, 16), threads=1))


def request(build_order=("baseline", "candidate"), **names):
    asked = session(**names)
    return Request(
        pair=asked.pair,
        workload=asked.workload,
        policy=POLICY,
        build_order=build_order,
        weight_seed=3,
        process_seed=4,
    )


class Pretended:
    """A worker session that answers at once: the base takes 20 ms a step, the head 30 ms."""

    opened: list
    pid = os.getpid()
    last = Done()

    def __init__(self, request, *, command, environ, timeout_s, directory, ready_within_s=None):
        self.request, self.directory, self.environ = request, directory, environ
        self.cost_s = 0.02 if request.spec.commit else 0.03
        self.replies, self.restored = [self.first()], set()
        self.closed = False
        Pretended.opened.append(self)

    def first(self):
        if self.request.spec.model == "broken":
            return Failed(code="build", message="nets.py cannot be imported: SyntaxError (nets.py:1)")
        if self.request.spec.model == "confused":
            return Done()
        writes = self.request.spec.model == "writes"
        return SideReady(compile_s=1.5, writes_input=writes, runtime={"torch": "2.11.0"})

    def go(self, message):
        if isinstance(message, Finish):
            self.replies.append(self.last)
        elif self.request.spec.model == "fails":
            self.replies.append(Failed(code="build", message="no more"))
        else:
            self.restored.add(message.restored)
            self.replies.append(Timed(steps_s=(self.cost_s,) * message.count))

    def receive(self):
        return self.replies.pop(0)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.closed = True


@pytest.fixture
def pretended(repo, tmp_path, monkeypatch):
    Pretended.opened = []
    monkeypatch.setattr(side_by_side, "WorkerSession", Pretended)

    def open_(**asked):
        trees = {COMMIT: tmp_path / "base"}
        return SideBySide(request(**asked), trees, command=("x",), environ={"A": "b"}, timeout_s=9.0)

    return open_


def blocks(worker, orders=("ABBA", "BAAB")):
    worker.go(Go(steps_per_segment=2, orders=orders, deadline_s=60.0))
    found = []
    while not isinstance(reply := worker.receive(), Done):
        assert isinstance(reply, Measured)
        found.append(reply.block)
    return found


def test_two_workers_look_like_one(pretended, repo, tmp_path):
    with pretended() as worker:
        ready = worker.receive()
        found = blocks(worker)
    assert isinstance(ready, Ready)
    assert ready.step_s == {"baseline": 0.02, "candidate": 0.03}
    assert ready.compile_s == {"baseline": 1.5, "candidate": 1.5}
    assert ready.runtime == {"torch": "2.11.0"}
    assert [block.order for block in found] == ["ABBA", "BAAB"]
    assert [(segment.side, segment.steps_s) for segment in found[0].segments] == [
        ("baseline", (0.02, 0.02)),
        ("candidate", (0.03, 0.03)),
        ("candidate", (0.03, 0.03)),
        ("baseline", (0.02, 0.02)),
    ]
    base, head = Pretended.opened
    assert (base.directory, base.request.not_from) == (tmp_path / "base", str(repo))
    assert (head.directory, head.request.not_from) == (repo, None)
    assert base.environ == head.environ == {"A": "b"}
    assert base.request.weight_seed == head.request.weight_seed == 3
    assert base.closed
    assert head.closed


@pytest.mark.parametrize(("head", "restored"), [("none", {False}), ("writes", {True})])
def test_where_one_network_writes_to_its_input_both_find_theirs_as_it_was(pretended, head, restored):
    with pretended(head=head) as worker:
        ready = worker.receive()
        blocks(worker)
    assert ready.writes_input == (("candidate",) if head == "writes" else ())
    assert [opened.restored for opened in Pretended.opened] == [restored, restored]


def test_what_a_side_says_of_its_last_steps_is_named(pretended, monkeypatch):
    monkeypatch.setattr(Pretended, "last", Failed(code="output", message="toy returned NaN"))
    with pretended(head="toy") as worker:
        worker.receive()
        worker.go(Go(steps_per_segment=2, orders=("ABBA",), deadline_s=60.0))
        assert isinstance(worker.receive(), Measured)
        failed = worker.receive()
    assert failed.message == "none at 0123456789ab: toy returned NaN"


def test_sides_are_opened_in_the_order_drawn(pretended):
    with pretended(build_order=("candidate", "baseline")) as worker:
        worker.receive()
    assert [bool(opened.request.spec.commit) for opened in Pretended.opened] == [False, True]


def test_a_side_that_cannot_be_built_is_named_with_its_commit(pretended):
    with pretended(base="broken") as worker:
        reply = worker.receive()
    assert reply == Failed(
        code="build",
        message="broken at 0123456789ab: nets.py cannot be imported: SyntaxError (nets.py:1)",
    )
    assert all(opened.closed for opened in Pretended.opened)


def test_what_the_protocol_does_not_provide_for_is_a_death(pretended):
    with (
        pretended(head="confused") as worker,
        pytest.raises(WorkerDied, match="sent Done instead of SideReady"),
    ):
        worker.receive()
    with pretended(head="fails") as worker, pytest.raises(WorkerDied, match="^no more$"):
        worker.receive()


def test_no_block_begins_after_the_deadline(pretended):
    with pretended() as worker:
        worker.receive()
        worker.go(Go(steps_per_segment=1, orders=("ABBA",) * 3, deadline_s=-1.0))
        assert worker.receive() == Done()


@pytest.fixture
def series(repo, tmp_path):
    def start(base, head, *, command=None, **policy):
        values = {name: getattr(POLICY, name) for name in POLICY.__struct_fields__}
        plan = samples.plan(session(base, head), policy=TimingPolicy(**{**values, **policy}), seed=3)
        own = (sys.executable, str(SIDES), str(tmp_path / "marker"))
        return ProcessSeries(
            plan,
            0,
            observer=lambda progress: None,
            open_worker=partial(SideBySide, command=command or own, trees={COMMIT: tmp_path / "base"}),
        )

    return start


def measured(series):
    """Its measurement; no process is left behind, whatever came of it."""
    before = set(psutil.Process().children(recursive=True))
    series.measure(deadline_s=time.monotonic() + 0.1)  # a soft deadline: the least there is
    assert set(psutil.Process().children(recursive=True)) <= before
    return series.measurement()


def test_real_workers_deliver_blocks(series):
    found = measured(series("none", "chatty"))
    assert found.findings == ()
    (run,) = found.processes
    assert len(run.blocks) == 2
    assert {segment.side for segment in run.blocks[0].segments} == {"baseline", "candidate"}
    assert run.blocks[0].cpu_ratio is None or run.blocks[0].cpu_ratio >= 0


@pytest.mark.parametrize(
    ("base", "head", "message"),
    [
        ("nan", "none", "nan at 0123456789ab: nan plain returned NaN or infinity"),
        ("none", "shape", "shape: the network does not run on this input: mat1 and mat2"),
        ("none", "exit", "exit: a worker process ended with status 7: some library said no"),
    ],
)
def test_a_side_that_fails_is_one_line(series, base, head, message):
    found = measured(series(base, head))
    assert found.findings[-1].code == "worker-failed"
    assert found.findings[-1].message.startswith(message)
    assert len(found.findings[-1].message.splitlines()) == 1


def test_a_side_that_dies_is_started_again_with_the_other(series):
    found = measured(series("none", "die-once"))
    assert [finding.code for finding in found.findings] == ["worker-retried"]
    died, second = found.processes
    assert "SIGKILL" in died.error
    assert (second.error, second.attempt) == (None, 2)


def test_a_side_that_hangs_is_given_up(series):
    hanging = (sys.executable, "-c", "import signal; signal.pause()")
    found = measured(series("none", "none", command=hanging, timeout_s=0.2))
    assert [finding.code for finding in found.findings] == ["worker-retried", "worker-failed"]
    assert found.findings[-1].message == "a worker process did not answer for 0.2 s"
