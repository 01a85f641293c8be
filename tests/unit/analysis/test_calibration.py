"""From A/A measurements to noise; the arithmetic is in the comments."""

import math

import pytest
from msgspec import structs

from sebench import statistics
from sebench.analysis.calibration import held_margins, noise, session_of
from sebench.errors import WorkerError
from sebench.schema import Calibration, CalibrationSession, Finding, ModelSpec
from tests import samples
from tests.samples import WORKLOAD, block, process


def session(log_ratios, log_times=None):
    return CalibrationSession(
        created_at="2026-01-02T03:04:05+00:00",
        seed=1,
        log_ratios=tuple(map(tuple, log_ratios)),
        log_times=tuple(map(tuple, log_times or log_ratios)),
    )


def calibration(*sessions):
    spec = ModelSpec(model="resnet50", variant="se")
    return Calibration(fingerprint="f", spec=spec, workload=WORKLOAD, sessions=sessions)


def test_the_samples_of_a_session():
    ratios = (1.01, 0.99)
    measured = samples.measurement([process([block(0.05, 0.05 * r)] * 2, n) for n, r in enumerate(ratios)])
    found = session_of(samples.result(measured))
    assert found.log_ratios == tuple((pytest.approx(math.log(r)),) * 2 for r in ratios)
    assert found.log_times == tuple((pytest.approx(math.log(0.05 * r)),) * 2 for r in ratios)
    assert (found.seed, found.created_at) == (1, "2026-01-02T03:04:05+00:00")


def test_one_process_is_no_calibration():
    single = samples.measurement([process([block(0.05, 0.05)] * 2), process([block(0.05, 0.05)], 1)])
    with pytest.raises(WorkerError, match="1 processes were measured, two are the least.*larger --budget"):
        session_of(samples.result(single))


def test_what_kept_processes_from_running_is_said():
    failed = Finding(code="worker-failed", severity="error", message="the network does not run")
    measured = structs.replace(samples.measurement([]), findings=(failed,))
    with pytest.raises(WorkerError, match="^the network does not run$"):
        session_of(samples.result(measured))


def test_components_of_variance():
    found = noise(calibration(session([[0.01, 0.03], [-0.01, 0.01]])))
    # process estimates 0.02 and 0.0: mean 0.01, variance 2 x 0.01^2 / 1 = 2e-4
    assert found.bias == pytest.approx(0.01)
    assert found.sigma_process == pytest.approx(math.sqrt(2e-4))
    # blocks lie 0.01 off their process's mean: 4 x 0.01^2 over 2 degrees = 2e-4
    assert found.sigma_block == pytest.approx(math.sqrt(2e-4))
    assert (found.processes, found.blocks, found.sessions) == (2, 4, 1)
    assert (found.sigma_session, found.sigma_session_time) == (None, None)
    # t(0.975, 1) = 12.706; 12.706 x sqrt(2e-4 / 2)
    assert found.bias_high - found.bias == pytest.approx(0.12706, rel=1e-4)


def test_processes_are_pooled_within_their_session():
    # Two sessions 0.1 apart, whose processes are 0.02 apart: that between sessions is not in it.
    found = noise(calibration(session([[0.0] * 2, [0.02] * 2]), session([[0.1] * 2, [0.12] * 2])))
    # (2e-4 + 2e-4) / (1 + 1)
    assert found.sigma_process == pytest.approx(math.sqrt(2e-4))
    assert found.sigma_block == 0.0


def test_five_sessions_tell_their_own_variation():
    means = (-0.02, -0.01, 0.0, 0.01, 0.02)
    sessions = [session([[m - 0.01] * 2, [m + 0.01] * 2], [[2 * m] * 2] * 2) for m in means]
    assert noise(calibration(*sessions[:4])).sigma_session is None
    found = noise(calibration(*sessions))
    # var(means) = (4 + 1 + 0 + 1 + 4)e-4 / 4 = 2.5e-4; within 2e-4 / 2 = 1e-4
    assert found.sigma_session == pytest.approx(math.sqrt(1.5e-4))
    # of times: means twice as far apart, no variation within: 4 x 2.5e-4
    assert found.sigma_session_time == pytest.approx(math.sqrt(1e-3))


def test_sessions_that_vary_no_more_than_their_processes_have_no_variation_of_their_own():
    sessions = [session([[-0.01] * 2, [0.01] * 2]) for _ in range(5)]
    assert noise(calibration(*sessions)).sigma_session == 0.0


def test_no_session_says_nothing():
    with pytest.raises(ValueError, match="without sessions"):
        noise(calibration())


def test_margins_that_can_be_held():
    found = noise(calibration(session([[0.01, 0.03], [-0.01, 0.01]])))
    margins = held_margins(found)
    assert [(held.effort, held.processes) for held in margins] == [
        ("standard", 6), ("rigorous", 12), (None, 24),
    ]  # fmt: skip
    floor = statistics.noise_floor(found.sigma_process, 6)
    assert margins[0].smallest_ratio == pytest.approx(math.exp(floor))
    assert margins[0].smallest_ratio > margins[1].smallest_ratio > margins[2].smallest_ratio > 1
