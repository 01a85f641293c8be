"""Welch's interval: by hand, against scipy, and by how often it holds."""

import math

import numpy as np
import pytest
from scipy import stats

from sebench.errors import UsageError, WorkerError
from sebench.statistics import ConfidenceLimits, satterthwaite, welch_difference


def test_by_hand():
    # {1, 2, 3}: mean 2, s^2 = 1, v1 = 1/3. {2, 4, 6, 8}: mean 5, s^2 = (9 + 1 + 1 + 9) / 3 = 20/3, v2 = 5/3.
    # df = (1/3 + 5/3)^2 / ((1/9) / 2 + (25/9) / 3) = 4 / (1/18 + 25/27) = 4 * 54 / 53 = 216/53
    found = welch_difference([1, 2, 3], [2, 4, 6, 8])
    assert found.estimate == 3
    assert found.degrees_of_freedom == pytest.approx(216 / 53, rel=1e-12)
    # t(0.975) is 2.7764 at 4 and 2.5706 at 5 degrees of freedom, at 216/53 2.7563; sqrt(v1 + v2) = sqrt(2).
    half_width = 2.756285 * math.sqrt(2)
    assert (found.limits.low, found.limits.high) == pytest.approx((3 - half_width, 3 + half_width), rel=1e-6)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(("n1", "n2", "sd2"), [(2, 2, 1.0), (6, 8, 3.0), (5, 30, 0.1)])
def test_agrees_with_scipy(n1, n2, sd2, confidence):
    draw = np.random.default_rng(7)
    first, second = draw.normal(0, 1, n1), draw.normal(1, sd2, n2)
    found = welch_difference(first, second, confidence)
    reference = stats.ttest_ind(second, first, equal_var=False)
    expected = reference.confidence_interval(confidence)
    assert (found.limits.low, found.limits.high) == pytest.approx((expected.low, expected.high), rel=1e-9)
    assert found.degrees_of_freedom == pytest.approx(reference.df, rel=1e-9)
    assert found.limits.coverage == confidence


@pytest.mark.parametrize(("first", "second"), [([1.0], [2.0, 3.0]), ([1.0, 2.0], [4.0]), ([1.0], [2.0])])
def test_one_value_has_no_spread(first, second):
    found = welch_difference(first, second)
    assert found.estimate == sum(second) / len(second) - sum(first) / len(first)
    assert (found.limits, found.degrees_of_freedom) == (None, None)


def test_samples_that_do_not_vary():
    assert welch_difference([0.1, 0.1, 0.1], [0.3, 0.3]).limits == ConfidenceLimits(
        0.3 - 0.1, 0.3 - 0.1, 0.95
    )
    # Only one side varies: df = n2 - 1.
    assert welch_difference([1, 1, 1], [2, 3, 4]).degrees_of_freedom == pytest.approx(2)


def test_bad_input():
    with pytest.raises(WorkerError, match="one or more finite numbers"):
        welch_difference([], [1.0])
    with pytest.raises(WorkerError, match="one or more finite numbers"):
        welch_difference([1.0, math.nan], [1.0])
    with pytest.raises(UsageError, match="not between 0 and 1"):
        welch_difference([1.0, 2.0], [1.0], 95)


@pytest.mark.parametrize(("n1", "n2", "sd2"), [(6, 6, 1.0), (6, 12, 3.0), (12, 6, 3.0)])
def test_coverage(n1, n2, sd2):
    """N = 2000: a true 95 % lies outside 0.935 to 0.965 with chance 0.2 %."""
    draw = np.random.default_rng(5)
    held = 0
    for _ in range(2000):
        limits = welch_difference(draw.normal(0, 1, n1), draw.normal(0.5, sd2, n2)).limits
        held += limits.low <= 0.5 <= limits.high
    assert 0.935 <= held / 2000 <= 0.965


def test_degrees_of_freedom_of_a_sum():
    # (1 + 4)^2 / (1^2 / 5 + 4^2 / 8) = 25 / 2.2
    assert satterthwaite((1.0, 5), (4.0, 8)) == pytest.approx(25 / 2.2)
    assert satterthwaite((1.0, 5), (0.0, 8)) == pytest.approx(5)
    assert satterthwaite((1e-300, 5), (4e-300, 8)) == pytest.approx(25 / 2.2)
    assert satterthwaite((1.0, math.inf), (4.0, 8)) == pytest.approx(25 / 2)  # 25 / (16 / 8)
    assert math.isinf(satterthwaite((0.0, 5), (0.0, 8)))
    assert math.isinf(satterthwaite((1.0, math.inf)))
