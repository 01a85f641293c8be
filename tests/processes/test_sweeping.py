"""Cases of a sweep in real worker processes, whose times are pretended: done, failed, timed out, killed."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from sebench.errors import Interrupted
from sebench.profilers.environment import capture_environment
from sebench.runner.measuring.context import Host, RunContext
from sebench.runner.sweeping.estimate import Estimate
from sebench.runner.sweeping.execution import run_case
from sebench.runner.sweeping.local import LocalExecutor
from sebench.runner.sweeping.sweep import open_run, run_sweep
from sebench.schema import WorkloadRequest
from sebench.schema.sweep import Case
from sebench.store import ResultStore
from sebench.store.sweeps import SweepBook
from tests import samples
from tests.interpreter import FRESH
from tests.pretended import WORKER, steady_host
from tests.running import children_of, command_of
from tests.scripts import benchmark

NETWORK = "from torch import nn\n\n\ndef net():\n    return nn.Conv2d(3, 4, 1)\n"
SLEEPER = "import time; time.sleep(600)"


@pytest.fixture(autouse=True)
def _network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(NETWORK)


def case(number=1, **fields):
    values = {
        "id": f"{number:012x}",
        "model": "nets.py:net",
        "variant": "se",
        "request": WorkloadRequest(device="cpu", batch_size=number, threads=1),
        "seed": 1,
    }
    return Case(**{**values, **fields})


def steady(**fields):
    return RunContext(host=steady_host(), **fields)


def broken(code):
    """A machine whose workers run this program."""
    counts = samples.SameCounts(samples.cost(100, 1000))
    return RunContext(
        host=Host(
            command=(FRESH, "-c", code),
            open_counter=counts.open,
            capture_environment=capture_environment,
            findings_for=lambda environment, **workload: (),
        )
    )


def test_a_case_becomes_a_result():
    ran = run_case(case(), steady())
    assert (ran.outcome.id, ran.outcome.status, ran.outcome.reason) == (case().id, "done", "")
    assert ran.outcome.result is None  # not stored yet
    assert ran.outcome.wall_s > 0
    (measurement,) = ran.result.measurements
    assert (measurement.workload.batch_size, measurement.workload.phase) == (1, "inference")
    assert (measurement.policy.effort, ran.result.seed) == ("quick", 1)


def test_what_cannot_be_meant_here_is_skipped():
    training = WorkloadRequest(device="cpu", phase="training", runtime="openvino")
    ran = run_case(case(request=training), steady())
    assert (ran.outcome.status, ran.result, ran.outcome.wall_s) == ("skipped", None, None)
    assert ran.outcome.reason.startswith("--runtime openvino cannot convert a step of --phase training; use")


def test_a_case_has_its_own_time_limit_and_leaves_nothing_running():
    ran = run_case(case(timeout_s=0.3), broken(SLEEPER))
    assert (ran.outcome.status, ran.outcome.reason) == ("failed", "timed out after 0.3 s")
    assert [child for child in children_of(os.getpid()) if SLEEPER in command_of(child)] == []


def test_a_worker_that_never_stops_talking_is_ended_too():
    talker = 'while True: print(\'{"type":"Alive"}\', flush=True)'
    ran = run_case(case(timeout_s=0.3), broken(talker))
    assert ran.outcome.reason == "timed out after 0.3 s"
    assert [child for child in children_of(os.getpid()) if "while True" in command_of(child)] == []


def test_a_worker_that_dies_fails_its_case():
    ran = run_case(case(), broken("raise SystemExit(3)"))
    assert (ran.outcome.status, ran.result) == ("failed", None)
    assert ran.outcome.reason == "a worker process ended with status 3"


def test_a_fault_of_the_program_fails_the_case_alone(monkeypatch):
    def fail(plan, context):
        raise ZeroDivisionError("no steps")

    monkeypatch.setattr("sebench.runner.sweeping.execution.run", fail)
    ran = run_case(case(), steady())
    assert ran.outcome.reason == "internal error: ZeroDivisionError: no steps"


def test_an_interruption_is_no_outcome():
    def interrupt(progress):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        run_case(case(), steady(observer=interrupt))


# --- a whole sweep --------------------------------------------------------------------------------------


def test_the_rest_goes_on_and_what_cannot_be_meant_comes_first():
    cases = (case(1), case(2, model="nets.py:other", timeout_s=60.0), case(3, variant="se(position=3x3)"))
    told = []
    executor = LocalExecutor(steady(observer=told.append), Estimate(cases), lambda: told.append("counting"))
    ran = list(executor(cases))
    assert [(each.case.id[-1], each.outcome.status) for each in ran][1:] == [("1", "done"), ("2", "done")]
    assert (ran[0].case, ran[0].outcome.status) == (cases[2], "skipped")
    assert told[0] == "counting"
    assert {(each.session, each.sessions) for each in told[1:]} == {(0, 2), (1, 2)}


def test_what_cannot_be_counted_in_time_has_failed_before_the_others_are_measured():
    talks = "import sys; sys.stdin.readline(); import time; time.sleep(600)"
    host = Host(command=(FRESH, "-c", talks), findings_for=lambda environment, **workload: ())
    cases = (case(1, timeout_s=0.3), case(2, timeout_s=0.3))
    ran = list(LocalExecutor(RunContext(host=host), Estimate(cases))(cases))
    assert [each.outcome.reason for each in ran] == ["timed out after 0.3 s"] * 2
    assert [child for child in children_of(os.getpid()) if "readline" in command_of(child)] == []


def test_a_network_that_ends_its_counting_process_fails_alone():
    """Its neighbour, which the same program counts, is measured."""
    Path("bad.py").write_text(NETWORK)
    program = Path("picky.py")
    program.write_text(
        "import runpy, sys\n"
        "line = sys.stdin.buffer.readline()\n"
        "if b'CountRequest' in line and b'bad.py' in line:\n"
        "    raise SystemExit(3)\n"
        "class Again:\n"
        "    def __init__(self): self.first = line\n"
        "    def readline(self):\n"
        "        told, self.first = self.first, None\n"
        "        return told if told is not None else sys.__stdin__.buffer.readline()\n"
        "class Input: buffer = Again()\n"
        "sys.stdin = Input()\n"
        f"sys.argv = ['steady.py', 'calm']\n"
        f"runpy.run_path({str(WORKER)!r}, run_name='__main__')\n"
    )
    host = replace(steady_host(), command=(FRESH, str(program.resolve())))
    cases = (case(1, model="bad.py:net"), case(2))
    ran = list(LocalExecutor(RunContext(host=host), Estimate(cases))(cases))
    assert [(each.case.model, each.outcome.status) for each in ran] == [
        ("bad.py:net", "failed"),
        ("nets.py:net", "done"),
    ]
    assert "ended with status 3" in ran[0].outcome.reason


def test_progress_is_that_of_the_whole_sweep():
    cases, told = (case(1), case(2)), []
    list(LocalExecutor(steady(observer=told.append), Estimate(cases))(cases))
    assert told[0].title == "nets.py:net: se against plain, batch 1"
    assert told[-1].title == "nets.py:net: se against plain, batch 2"
    assert (told[0].session, told[-1].session, told[-1].completed) == (0, 1, 1.0)
    # The first has its own 21 s and those of the second before it, which has no other after it.
    assert 21 < told[0].left_s <= 42
    assert told[-1].left_s < 21
    assert told[0].aim_s is None


def test_a_finished_run_is_begun_anew_and_an_unfinished_one_only_when_asked(tmp_path):
    cases = (case(1), case(2))
    book = SweepBook(tmp_path / "results", "nightly")
    with book.held():
        open_run(book, cases, resume=False, restart=False)
        ran = run_sweep(book, cases, LocalExecutor(steady(), Estimate(cases)))
        first = next(ran).outcome
        ran.close()  # as if it was killed
    with book.held():
        with pytest.raises(
            Exception, match=r"was begun and has 1 of its cases left; go on with --resume, or"
        ):
            open_run(book, cases, resume=False, restart=False)
        open_run(book, cases, resume=True, restart=False)
        (second,) = run_sweep(book, cases, LocalExecutor(steady(), Estimate(cases)))
        assert [outcome.result for outcome in book.read().outcomes] == [first.result, second.outcome.result]
        open_run(book, cases, resume=False, restart=False)
        assert book.left(cases) == cases
    assert len(ResultStore(book.directory).paths()) == 2


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(tmp_path):
    with benchmark("sweep_kills") as kills:
        survived = kills.killed_sweep(tmp_path, networks=2, kills=5, seed=1, python=FRESH)
    assert (survived.cases, survived.kills) == (16, 5)
    assert (survived.lost, survived.twice, survived.repeated) == (0, 0, 0)
