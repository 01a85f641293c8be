import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp, ttest_ind

from sebench.statistics import (
    Evidence,
    contrast,
    decide,
    evidence,
    holm,
    is_far_beyond,
    look_confidence,
    needed_processes,
    noise_floor,
    process_evidence,
    worst_case,
)

INFINITE = math.inf


def same(*centers):
    """Processes whose blocks all say the same, so that their estimate is exact."""
    return [[center, center] for center in centers]


def test_five_processes_speak_for_themselves():
    found = evidence(same(0.01, 0.02, 0.03, 0.04, 0.05))
    # mean 0.03; squares 4 + 1 + 0 + 1 + 4 = 10e-4 over 4 = 2.5e-4; / 5 = 0.5e-4
    assert found.center == pytest.approx(0.03)
    assert found.standard_error == pytest.approx(math.sqrt(0.5e-4))
    assert found.degrees_of_freedom == 4


def test_the_p_value_is_that_of_a_one_sided_t_test():
    estimates = [0.051, 0.062, 0.055, 0.049, 0.070, 0.066]
    found = evidence(same(*estimates))
    expected = ttest_1samp(estimates, 0.05, alternative="greater").pvalue
    assert found.p_value(0.05) == pytest.approx(expected)
    interval = ttest_1samp(estimates, 0.0).confidence_interval(0.9775)
    assert found.limits(0.9775).low == pytest.approx(interval.low)
    assert found.limits(0.9775).high == pytest.approx(interval.high)


def test_few_processes_say_nothing_unless_their_variation_is_calibrated():
    blocks = [[0.01 * n for n in range(12)]]
    assert evidence(blocks) is None
    assert evidence(same(0.1, 0.1, 0.1, 0.1)) is None
    assert evidence([], sigma_process=0.004) is None
    found = evidence(blocks, sigma_process=0.004)
    assert found.degrees_of_freedom == INFINITE
    assert found.standard_error > 0.004


def test_processes_with_one_block_do_not_count():
    assert evidence([*same(1.0, 1.0, 1.0, 1.0), [1.0]]) is None


def test_without_any_spread_the_center_decides():
    found = Evidence(0.04, 0.0, 5)
    assert (found.p_value(0.05), found.p_value(0.03)) == (1.0, 0.0)
    assert decide(found, 1.05, confidence=0.9775, adjusted_p=found.p_value(math.log(1.05))) == "passed"
    assert decide(found, 1.03, confidence=0.9775, adjusted_p=found.p_value(math.log(1.03))) == "failed"


@pytest.mark.parametrize(
    ("center", "verdict"),
    [
        # z = 1.96 at 95 %: the half-width is 0.0196, ln 1.05 = 0.0488
        (0.0291, "passed"),  # 0.0487 < 0.0488
        (0.0293, "inconclusive"),  # 0.0489 > 0.0488
        (0.0683, "inconclusive"),  # 0.0683 - 0.0196 = 0.0487
        (0.0685, "failed"),  # 0.0489
    ],
)
def test_the_interval_decides_and_not_the_point(center, verdict):
    found = Evidence(center, 0.01, INFINITE)
    p = found.p_value(math.log(1.05))
    assert decide(found, 1.05, confidence=0.95, adjusted_p=p) == verdict


def test_one_value_per_process_speaks_for_itself():
    estimates = [0.01, 0.02, 0.03, 0.04, 0.05]
    assert process_evidence(estimates) == evidence(same(*estimates))
    assert process_evidence(estimates[:4]) is None


def test_the_worst_case_charges_all_unrest_to_the_candidate():
    # Upper quartile of 1, 1, 1.5, 1.5 (position 2.25): 1.5; the fastest of the candidate: 2
    assert worst_case([1.0, 1.5, 1.5, 1.0], [3.0, 2.0, 3.0, 2.0]) == pytest.approx(math.log(2.0 / 1.5))
    # One spike among five hides nothing: position 3 of 1, 1, 1, 1, 9
    assert worst_case([1.0, 9.0, 1.0, 1.0, 1.0], [2.0] * 5) == pytest.approx(math.log(2.0))


@pytest.mark.parametrize(
    ("beyond", "within", "far"),
    [(4, 0, False), (5, 0, True), (9, 0, True), (8, 1, False), (9, 1, True), (8, 2, False), (18, 2, True)],
)
def test_far_beyond_is_every_process_but_for_one_in_ten(beyond, within, far):
    assert is_far_beyond([0.06] * beyond + [0.04] * within, 1.05) is far  # ln 1.05 = 0.0488


def test_a_difference_between_sessions_is_welchs():
    now, then = [0.05, 0.07, 0.06, 0.055, 0.065], [0.01, 0.03, 0.0, 0.02, 0.04, 0.05]
    found = contrast(evidence(same(*now)), evidence(same(*then)))
    test = ttest_ind(now, then, equal_var=False)
    assert found.center == pytest.approx(sum(now) / 5 - sum(then) / 6)
    assert found.degrees_of_freedom == pytest.approx(test.df)
    interval = test.confidence_interval(0.95)
    assert found.limits(0.95).low == pytest.approx(interval.low)
    assert found.limits(0.95).high == pytest.approx(interval.high)


def test_sessions_widen_a_difference():
    now, then = Evidence(0.05, 0.003, 5), Evidence(0.01, 0.004, 5)
    # sqrt(0.003^2 + 0.004^2 + 2 x 0.006^2) = sqrt(25 + 72) x 1e-3
    assert contrast(now, then, sigma_session=0.006).standard_error == pytest.approx(math.sqrt(97) * 1e-3)
    exact = contrast(Evidence(0.05, 0.0, 5), Evidence(0.01, 0.0, 5))
    assert (exact.standard_error, exact.degrees_of_freedom) == (0.0, INFINITE)


def test_sessions_that_were_few_cost_degrees_of_freedom():
    now, then = Evidence(0.05, 0.001, 5), Evidence(0.01, 0.001, 5)
    # v = 1, 1 and 2 x 20^2 = 800 (1e-6): 802^2 / (1 / 5 + 1 / 5 + 800^2 / 4) = 643204 / 160000.4
    few = contrast(now, then, sigma_session=0.020, sessions=5)
    assert few.standard_error == pytest.approx(math.sqrt(802) * 1e-3)
    assert few.degrees_of_freedom == pytest.approx(643204 / 160000.4)
    # A variation between sessions that is known costs none: 802^2 / (2 / 5)
    known = contrast(now, then, sigma_session=0.020)
    assert known.degrees_of_freedom == pytest.approx(643204 / 0.4)
    assert contrast(now, then, sessions=5).degrees_of_freedom == pytest.approx(10.0)


def test_holm_steps_down():
    # 4 x 0.01, 3 x 0.02 = 0.06, 2 x 0.03 = 0.06, 1 x 0.5
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx((0.06, 0.04, 0.5, 0.06))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values):
    adjusted = holm(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert [a for _, a in pairs] == sorted(a for _, a in pairs)


def test_all_looks_together_spend_alpha_and_no_more():
    assert look_confidence(1, 1) == look_confidence(1, 2) == pytest.approx(0.9775)  # 1 - 0.05 x 0.9 / 2
    assert look_confidence(2, 1) == pytest.approx(1 - 0.05 * 0.1 / 2 / 2)
    spent = sum(1 - look_confidence(attempt, look) for attempt in range(1, 2001) for look in (1, 2))
    assert 0.0499 < spent < 0.05
    for attempt, look in ((0, 1), (1, 3), (1, 0)):
        with pytest.raises(ValueError, match="there is no look"):
            look_confidence(attempt, look)


def test_the_noise_floor_is_two_half_widths():
    # t(0.975, 5) = 2.5706; 2 x 2.5706 x 0.004 / sqrt(6) = 0.008396
    assert noise_floor(0.004, 6) == pytest.approx(0.0083955, abs=1e-6)
    assert needed_processes(0.004, 0.0084) == 6
    assert needed_processes(0.004, 0.0083) == 7
    assert needed_processes(0.0, 0.01) == 5
    with pytest.raises(ValueError, match="infinitely many"):
        needed_processes(0.004, 0.0)


def verdict_of(log_ratio, seed, attempts=1):
    """A gate at 1.05 on simulated processes, repeated until it passes or the attempts are used up."""
    rng, samples, limit = Random(seed), [], math.log(1.05)
    verdict = "inconclusive"
    for attempt in range(1, attempts + 1):
        for look in (1, 2):
            for _ in range(6):
                process = rng.gauss(log_ratio, 0.005)
                samples.append([rng.gauss(process, 0.01) for _ in range(4)])
            found = evidence(samples)
            confidence = look_confidence(attempt, look)
            verdict = decide(found, 1.05, confidence=confidence, adjusted_p=found.p_value(limit))
            if verdict != "inconclusive":
                break
        if verdict == "passed":
            break
    return verdict


def share(verdict, log_ratio, runs, **options):
    return sum(verdict_of(log_ratio, seed, **options) == verdict for seed in range(runs)) / runs


# The seeds are fixed, so these shares are the same in every run; reports/gate.md has more of them.


def test_what_is_within_the_limit_seldom_fails():
    assert share("failed", math.log(1.05), 400) <= 0.035  # 0.025 + 1.3 standard errors of 400 runs
    assert share("failed", 0.0, 400) == 0.0


def test_what_is_clearly_beyond_the_limit_is_caught():
    # sigma = hypot(0.005, 0.01 / sqrt(4)) = 0.0071; half-width = 2.57 x 0.0071 / sqrt(6) = 0.0074
    assert share("failed", math.log(1.05) + 1.36 * 0.0074, 400) >= 0.8


@pytest.mark.slow
def test_repeating_until_green_does_not_let_a_regression_pass():
    beyond = math.log(1.05) + 0.0074
    assert share("passed", beyond, 200, attempts=6) <= share("passed", beyond, 200) + 0.005
    assert share("passed", math.log(1.05), 200, attempts=6) <= 0.035
