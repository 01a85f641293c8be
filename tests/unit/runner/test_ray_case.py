"""Cases as the process on a node runs them, on a pretended machine."""

import platform
from contextlib import ExitStack

import pytest

from sebench.runner.sweeping.ray import case as case_module
from sebench.runner.sweeping.ray.case import CaseRunner, code_digests
from sebench.runner.sweeping.ray.messages import CaseRequest
from sebench.schema import WorkloadRequest
from sebench.schema.sweep import Case
from tests.pretended import steady_host


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text("STEP_S = 0.2\ndef net(): ...\n")


def case(batch, model="nets.py:net"):
    request = WorkloadRequest(device="cpu", batch_size=batch, threads=1)
    return Case(id=f"{batch:012x}", model=model, variant="asis", request=request)


def run(*requests):
    with ExitStack() as kept:
        runner = CaseRunner(requests[0], steady_host(), kept)
        return [runner(request) for request in requests]


def test_cases_are_measured_with_what_the_command_said():
    argv = ("sebench", "sweep")
    first, second = run(
        CaseRequest(case=case(1), argv=argv, ahead=(case(2),), calibrations="calibrations"),
        CaseRequest(case=case(2), argv=argv),
    )
    assert [reply.outcome.status for reply in (first, second)] == ["done", "done"]
    assert first.outcome.machine == platform.node()
    assert first.result.command == argv
    assert second.result.measurements[0].workload.batch_size == 2


def test_networks_of_coming_cases_are_counted_with_the_first(monkeypatch):
    counted = []
    monkeypatch.setattr(
        case_module,
        "count_ahead",
        lambda sessions, counter: counted.append([each.workload.batch_size for each in sessions]),
    )
    run(
        CaseRequest(case=case(1), ahead=(case(2), case(3, model="nets.py:missing_module.x"))),
        CaseRequest(case=case(2), ahead=(case(4),)),
    )
    assert counted[0][:2] == [1, 2]
    assert len(counted) == 1


def test_a_file_that_is_another_than_where_the_sweep_was_started_is_not_measured(tmp_path):
    code = code_digests(case(1))
    assert len(code) == 1
    (reply,) = run(CaseRequest(case=case(1), code=code))
    assert reply.outcome.status == "done"
    (tmp_path / "nets.py").write_text("STEP_S = 0.3\ndef net(): ...\n")
    (reply,) = run(CaseRequest(case=case(1), code=code))
    assert (reply.outcome.status, reply.outcome.reason) == (
        "failed",
        f"nets.py:net is not the same on {platform.node()} as where the sweep was started",
    )


def test_a_file_that_is_not_there_may_be_another_time(tmp_path):
    code = code_digests(case(1))
    (tmp_path / "nets.py").unlink()
    (reply,) = run(CaseRequest(case=case(1), code=code))
    assert (reply.outcome.status, reply.outcome.reason) == (
        "failed",
        f"nets.py:net is not on {platform.node()}",
    )


def test_native_networks_have_no_files_of_the_users():
    assert code_digests(case(1, model="resnet50")) == ()
