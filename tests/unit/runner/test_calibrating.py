"""Calibrations: measured, kept by set-up, network and workload, and found again."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec import structs

from sebench.errors import DataFileError, Interrupted, UsageError, WorkerError
from sebench.runner.measuring import calibrating
from sebench.runner.measuring.calibrating import calibrate, calibration_policy
from sebench.runner.measuring.calibrations import Calibrations
from sebench.schema import CalibrationSession, Finding, ModelSpec, fingerprint
from tests import samples
from tests.samples import ENVIRONMENT, WORKLOAD, block, process

SPEC = ModelSpec(model="resnet50", variant="se")
SESSION = CalibrationSession(
    created_at="2026-01-02T03:04:05+00:00", seed=1, log_ratios=((0.0, 0.01),) * 2, log_times=((0.0, 0.0),) * 2
)


def test_the_policy_is_that_of_standard_effort_with_more_processes():
    soft = calibration_policy(processes=12)
    assert (soft.processes, soft.budget_s, soft.hard_budget, soft.min_blocks) == (12, 168.0, False, 4)
    hard = calibration_policy(processes=5, budget_s=60.0)
    assert (hard.processes, hard.budget_s, hard.hard_budget) == (5, 60.0, True)
    with pytest.raises(UsageError, match="--budget -1 is not a positive number"):
        calibration_policy(processes=5, budget_s=-1.0)


def measured(monkeypatch, measurement, *, interrupted=False):
    plans = []

    def run(plan, context=None, **options):
        plans.append(plan)
        yield samples.result(measurement)
        if interrupted:
            raise Interrupted("interrupted")

    monkeypatch.setattr(calibrating, "run", run)
    return plans


def test_a_session_is_added_to_what_is_known(monkeypatch, tmp_path):
    ratios = (0.99, 1.01, 1.0)
    plans = measured(
        monkeypatch,
        samples.measurement([process([block(0.05, 0.05 * r)] * 2, n) for n, r in enumerate(ratios)]),
    )
    known = Calibrations(tmp_path)
    for sessions in (1, 2):
        found = calibrate(SPEC, WORKLOAD, known, policy=calibration_policy(processes=3), seed=5)
        assert len(found.sessions) == sessions
    (plan, _) = plans
    (session,) = plan.sessions
    assert session.pair.baseline == session.pair.candidate == SPEC
    assert (plan.seed, plan.policy.processes, plan.timed) == (5, 3, True)
    assert known.find(fingerprint(ENVIRONMENT), SPEC, WORKLOAD) == found


@pytest.mark.parametrize(
    ("processes", "sessions", "message"),
    [(3, 1, "^interrupted; what was measured is kept as session 1$"), (1, 0, "^interrupted$")],
)
def test_what_was_measured_until_an_interruption_is_kept_where_it_is_enough(
    monkeypatch, tmp_path, processes, sessions, message
):
    runs = [process([block(0.05, 0.05)] * 2, n) for n in range(processes)]
    measured(monkeypatch, samples.measurement(runs), interrupted=True)
    known = Calibrations(tmp_path)
    with pytest.raises(Interrupted, match=message):
        calibrate(SPEC, WORKLOAD, known, policy=calibration_policy(processes=12), seed=5)
    found = known.find(fingerprint(ENVIRONMENT), SPEC, WORKLOAD)
    assert len(found.sessions if found else ()) == sessions


def test_a_network_that_cannot_be_measured_is_no_calibration(monkeypatch, tmp_path):
    failed = Finding(code="worker-failed", severity="error", message="out of memory: 1 TiB")
    measured(monkeypatch, structs.replace(samples.measurement([]), findings=(failed,)))
    with pytest.raises(WorkerError, match="^out of memory: 1 TiB$"):
        calibrate(SPEC, WORKLOAD, Calibrations(tmp_path), policy=calibration_policy(processes=3), seed=5)
    assert list(tmp_path.glob("*.json")) == []


def test_another_set_up_network_or_workload_is_not_calibrated(tmp_path):
    known = Calibrations(tmp_path / "calibrations")
    assert known.find("f", SPEC, WORKLOAD) is None
    added = known.add("f", SPEC, WORKLOAD, SESSION)
    assert known.find("f", SPEC, WORKLOAD) == added
    assert known.find("g", SPEC, WORKLOAD) is None
    assert known.find("f", ModelSpec(model="resnet50"), WORKLOAD) is None
    assert known.find("f", SPEC, structs.replace(WORKLOAD, threads=1)) is None
    # The tree a network comes from is not the network.
    assert known.find("f", structs.replace(SPEC, commit="1" * 40), WORKLOAD) == added


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (lambda text: text[:50], "is damaged: Input data was truncated"),
        (lambda text: text.replace("sebench/1", "sebench/9"), "has schema 'sebench/9', this version reads"),
        (lambda text: text.replace("sebench/1", "other/1"), "is not a sebench file"),
        (lambda text: text.replace('"calibration"', '"lock"'), "holds a lock, not a calibration"),
        (lambda text: text.replace('"sessions"', '"sessions": 1, "s"'), "is damaged: Expected `array`"),
    ],
)
def test_a_file_that_is_no_calibration_is_named(tmp_path, written, message):
    known = Calibrations(tmp_path)
    known.add("f", SPEC, WORKLOAD, SESSION)
    path = known.path("f", SPEC, WORKLOAD)
    path.write_text(written(path.read_text()))
    with pytest.raises(DataFileError, match=f"{path} {message}.*; delete it and calibrate again"):
        known.find("f", SPEC, WORKLOAD)


def test_sessions_added_at_the_same_time_are_all_kept(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: Calibrations(tmp_path).add("f", SPEC, WORKLOAD, SESSION), range(16)))
    assert len(Calibrations(tmp_path).find("f", SPEC, WORKLOAD).sessions) == 16


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataFileError, match="cannot write .*: Not a directory|File exists"):
        Calibrations(tmp_path / "file" / "sub").add("f", SPEC, WORKLOAD, SESSION)


def test_where_no_folder_can_be_there_is_no_calibration(tmp_path):
    (tmp_path / "file").write_text("")
    assert Calibrations(tmp_path / "file" / "calibrations").find("f", SPEC, WORKLOAD) is None


def test_a_session_that_cannot_be_kept_is_returned_all_the_same(monkeypatch, tmp_path):
    measured(monkeypatch, samples.measurement([process([block(0.05, 0.05)] * 2, n) for n in range(3)]))
    (tmp_path / "file").write_text("")  # no folder can be made there
    known, errors = Calibrations(tmp_path / "file"), []
    policy = calibration_policy(processes=3)
    with pytest.raises(DataFileError, match="cannot write"):
        calibrate(SPEC, WORKLOAD, known, policy=policy, seed=5)
    found = calibrate(SPEC, WORKLOAD, known, policy=policy, seed=5, not_stored=errors.append)
    assert len(found.sessions) == len(errors) == 1


@pytest.mark.parametrize(
    "sessions",
    [
        [{"created_at": "x", "seed": 1, "log_ratios": [[1e308, -1e308]], "log_times": [[0.0]]}],
        [{"created_at": "x", "seed": 1, "log_ratios": [[]], "log_times": [[0.0]]}],
        [{"created_at": "x", "seed": 1, "log_ratios": [], "log_times": []}],
        "[" * 50_000,
    ],
)
def test_a_calibration_that_nothing_could_have_measured_is_refused_by_name(tmp_path, sessions):
    known = Calibrations(tmp_path)
    known.add("print", SPEC, WORKLOAD, SESSION)
    path = known.path("print", SPEC, WORKLOAD)
    document = json.loads(path.read_text())
    text = json.dumps(document | {"sessions": "HERE"})
    path.write_text(text.replace('"HERE"', sessions if isinstance(sessions, str) else json.dumps(sessions)))
    with pytest.raises(DataFileError, match=f"{path.name} is damaged: .*; delete it and calibrate again"):
        known.find("print", SPEC, WORKLOAD)
