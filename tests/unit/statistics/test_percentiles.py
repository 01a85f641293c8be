"""Percentiles over fresh processes: the sample they need, their interval, and what it holds."""

import math

import numpy as np
import pytest

from sebench import statistics
from sebench.errors import UsageError, WorkerError


@pytest.mark.parametrize(("percent", "steps"), [(50, 20), (90, 100), (95, 200), (99, 1000)])
def test_ten_steps_have_to_be_slower(percent, steps):
    # ceil(10 / (1 - p))
    assert statistics.needed_steps(percent) == steps


def test_a_percentile_is_interpolated():
    # Positions of 1 ... 5 from 0: 0.5 * 4 = 2 and 0.9 * 4 = 3.6, between 4 and 5
    values = [3.0, 1.0, 5.0, 2.0, 4.0]
    assert statistics.percentile(values, 50) == 3.0
    assert statistics.percentile(values, 90) == pytest.approx(4.6)


class TestMedianInterval:
    @pytest.mark.parametrize(
        ("values", "rank", "coverage"),
        [
            # P(Bin(6, 1/2) = 0) = 1/64 <= 0.025 < P(<= 1) = 7/64
            (6, 1, 1 - 2 / 64),
            # P(Bin(9, 1/2) <= 1) = 10/512 = 0.0195 <= 0.025 < P(<= 2) = 46/512
            (9, 2, 1 - 20 / 512),
        ],
    )
    def test_ranks_and_coverage(self, values, rank, coverage):
        limits = statistics.median_interval([float(value) for value in range(values, 0, -1)])
        assert (limits.low, limits.high) == (rank, values + 1 - rank)
        assert limits.coverage == pytest.approx(coverage, rel=1e-12)

    def test_five_values_have_none_at_95_percent(self):
        # 1 - 2 / 2^5 = 0.9375
        assert statistics.median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None
        assert statistics.median_interval([1.0, 2.0, 3.0, 4.0, 5.0], 0.93) is not None

    def test_what_is_no_sample_is_refused(self):
        with pytest.raises(WorkerError, match="one or more finite numbers"):
            statistics.median_interval([])
        with pytest.raises(UsageError, match="not between 0 and 1"):
            statistics.median_interval([1.0], 1.0)

    def test_it_holds_the_median_of_a_skewed_distribution(self):
        # Lognormal with median 1, six values: missed where all lie on one side, 2 / 64 = 3.1 % of the time.
        draw = np.random.default_rng(7)
        found = [statistics.median_interval(draw.lognormal(0, 2, 6)) for _ in range(4000)]
        missed = sum(not limits.low <= 1 <= limits.high for limits in found) / len(found)
        assert missed == pytest.approx(2 / 64, abs=0.008)  # three standard errors


def test_the_ratio_is_the_median_over_processes():
    logs = [math.log(ratio) for ratio in (1.10, 1.02, 1.30, 1.06, 1.04, 1.08)]
    found = statistics.percentile_ratio(logs, blocks=48)
    # sqrt(1.06 * 1.08), between the least and the greatest of six
    assert found.ratio == pytest.approx(math.sqrt(1.06 * 1.08), rel=1e-12)
    assert (found.ci_low, found.ci_high) == (pytest.approx(1.02), pytest.approx(1.30))
    assert (found.method, found.scope, found.processes, found.blocks) == (
        *("median/order-statistics", "process", 6, 48),
    )
    difference = statistics.percentile_difference([0.3, 0.1, 0.2, 0.6, 0.4, 0.5], blocks=48)
    assert (difference.estimate, difference.ci_low, difference.ci_high) == (pytest.approx(0.35), 0.1, 0.6)


@pytest.mark.parametrize(("processes", "there"), [(1, "there is 1"), (5, "there are 5")])
def test_too_few_processes_have_an_estimate_and_the_reason(processes, there):
    found = statistics.percentile_ratio([0.0] * processes)
    assert (found.ratio, found.ci_low, found.ci_high) == (1.0, None, None)
    assert found.reason == f"a 95 % interval needs 6 processes, {there}"
