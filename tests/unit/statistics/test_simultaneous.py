"""Intervals of a search: all hold together, and the winner's is honest only when measured again."""

import numpy as np
import pytest

from sebench.statistics import estimate_ratio, simultaneous_confidence, t_interval

SEARCHES, FINALISTS, PROCESSES = 20_000, 4, 6
TRUE = np.log(1.015)
"""Of every finalist: where they are alike, luck decides most."""
BETWEEN = 0.004
"""Standard deviation of the log-ratio between processes."""


@pytest.mark.parametrize(("intervals", "expected"), [(1, 0.95), (4, 0.9875), (8, 0.99375)])
def test_each_of_several_has_its_part_of_the_misses(intervals, expected):
    assert simultaneous_confidence(intervals) == pytest.approx(expected, abs=1e-12)  # 1 - 0.05 / n


@pytest.fixture(scope="module", params=[0.0, 1.0], ids=["independent", "in common"])
def searches(request):
    """Estimates of processes by search and finalist, with more or less that the machine does to all."""
    rng = np.random.default_rng(20261130)
    common = rng.normal(0, BETWEEN, (SEARCHES, 1, PROCESSES))
    own = rng.normal(0, BETWEEN, (SEARCHES, FINALISTS, PROCESSES))
    return TRUE + request.param * common + own


def holds(estimates, confidence):
    """Whether each interval of the last axis holds the truth: `t_interval` of all at once."""
    sample = np.arange(PROCESSES, dtype=float)
    known = t_interval(sample, confidence)
    quantile = (known.high - sample.mean()) / sample.std(ddof=1)
    half_width = quantile * estimates.std(axis=-1, ddof=1)
    first = t_interval(estimates.reshape(-1, PROCESSES)[0], confidence)
    assert first.high - first.low == pytest.approx(2 * half_width.flat[0])
    return np.abs(estimates.mean(axis=-1) - TRUE) <= half_width


def test_all_finalists_are_within_their_intervals_in_95_of_100_searches(searches):
    together = holds(searches, simultaneous_confidence(FINALISTS)).all(axis=1)
    assert together.mean() >= 0.95
    assert holds(searches, 0.95).all(axis=1).mean() < 0.9  # the correction is needed


def test_the_winner_is_below_its_truth_until_it_is_measured_again(searches):
    winners = searches[np.arange(SEARCHES), searches.mean(axis=2).argmin(axis=1)]
    fresh = TRUE + np.random.default_rng(7).normal(0, BETWEEN, winners.shape)
    error = BETWEEN / np.sqrt(PROCESSES)
    # The least of four standard normal values is -1.03 on average.
    assert winners.mean() - TRUE == pytest.approx(-1.03 * error, rel=0.02)
    assert abs(fresh.mean() - TRUE) < 4 * error / np.sqrt(SEARCHES)
    # Of 20000 draws the share has a standard error of 0.0015.
    assert holds(fresh, 0.95).mean() == pytest.approx(0.95, abs=0.006)


def test_what_is_printed_is_that_interval():
    rng = np.random.default_rng(3)
    blocks = [[0.01 + rng.normal(0, 0.001) for _ in range(4)] for _ in range(6)]
    usual, corrected = (estimate_ratio(blocks, confidence=each) for each in (0.95, 0.9875))
    assert corrected.ratio == usual.ratio
    assert corrected.ci_low < usual.ci_low < usual.ci_high < corrected.ci_high
