"""Workers that load side by side, as small processes that say a line and wait."""

import psutil
import pytest

from sebench.runner.workers.child import Child
from sebench.runner.workers.loading import LoadedWorkers
from sebench.runner.workers.session import WorkerDied, expect
from sebench.schema import ModelSpec
from sebench.worker.protocol import CountRequest, Ready
from tests.interpreter import FRESH
from tests.running import assert_gone

REQUEST = CountRequest(
    spec=ModelSpec(model="toy"), input_shape=(1, 3, 8, 8), phase="inference", dtype="float32"
)
LOADS = 'print(\'{"type": "Alive"}\', flush=True)\n'
# Its answer holds its own variable, so that one can tell which of them it is.
ANSWERS = (
    "import os, sys\n"
    + LOADS
    + "sys.stdin.readline()\n"
    + "which = os.environ['WHICH']\n"
    + 'print(\'{"type": "Ready", "step_s": {}, "runtime": {"which": "\' + which + \'"}}\', flush=True)\n'
    + "sys.stdin.read()"
)
ENVIRONS = [{"WHICH": which} for which in "abc"]


class Started(list):
    """Starts the script, and keeps the processes."""

    def __init__(self, script):
        super().__init__()
        self.script = script

    def __call__(self, environ):
        self.append(Child((FRESH, "-c", self.script), environ=environ, directory=None))
        return self[-1]


def opened(workers, environ):
    return workers(REQUEST, environ=environ, timeout_s=600.0, ready_within_s=None)


def test_as_many_load_as_may_and_each_is_taken_by_its_environment():
    start = Started(ANSWERS)
    with LoadedWorkers((FRESH, "-c", ANSWERS), at_once=2, start=start) as workers:
        assert workers.load(ENVIRONS, within_s=600.0) == 2
        assert workers.load(ENVIRONS[1:], within_s=600.0) == 0  # loaded with the first
        for environ in (ENVIRONS[1], ENVIRONS[0], ENVIRONS[2]):  # the last one is started when it is opened
            with opened(workers, environ) as worker:
                assert expect(worker, Ready).runtime == {"which": environ["WHICH"]}
    assert len(start) == 2


def test_those_left_over_are_ended():
    start = Started(ANSWERS)
    with LoadedWorkers((), at_once=3, start=start) as workers:
        assert workers.load(ENVIRONS, within_s=600.0) == 3
        assert all(psutil.pid_exists(child.pid) for child in start)
    for child in start:
        assert_gone(child.pid, within_s=60)


def test_one_that_dies_while_loading_is_a_death_when_it_is_opened():
    start = Started("exit(7)")
    with LoadedWorkers((FRESH, "-c", ANSWERS), at_once=2, start=start) as workers:
        workers.load(ENVIRONS[:2], within_s=600.0)
        with pytest.raises(WorkerDied, match="status 7"), opened(workers, ENVIRONS[0]) as worker:
            expect(worker, Ready)
        with opened(workers, {"WHICH": "again"}) as worker:  # as another attempt has another environment
            assert expect(worker, Ready).runtime == {"which": "again"}


def test_one_that_says_nothing_is_left_to_whoever_opens_it():
    start = Started("import sys\nsys.stdin.read()")
    with LoadedWorkers((), at_once=2, start=start) as workers:
        assert workers.load(ENVIRONS, within_s=0.05) == 2
    assert_gone(start[0].pid, within_s=60)


def test_one_core_loads_none_ahead():
    start = Started(ANSWERS)
    with LoadedWorkers((), at_once=1, start=start) as workers:
        assert workers.load(ENVIRONS, within_s=600.0) == 0
    assert start == []
