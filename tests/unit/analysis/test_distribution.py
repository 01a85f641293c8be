"""Block ratios grouped by process."""

import pytest

from sebench.analysis.distribution import distribution
from tests import samples
from tests.samples import block, process


def test_one_ratio_per_block_and_one_estimate_per_process():
    # Two blocks of 1.02 and 1.04: the Hodges-Lehmann estimate is the middle Walsh average, sqrt(1.02 * 1.04).
    found = distribution(
        samples.measurement([process([block(0.05, 0.051), block(0.05, 0.052)], 3), process([], 4)])
    )
    first, empty = found.processes
    assert first.ratios == pytest.approx((1.02, 1.04))
    assert first.estimate == pytest.approx((1.02 * 1.04) ** 0.5)
    assert (first.process, first.dropped, found.blocks) == (3, 0, 2)
    assert (empty.ratios, empty.estimate, empty.dropped) == ((), None, 0)


def test_one_block_is_no_estimate_and_disturbed_blocks_are_counted_not_shown():
    blocks = [block(0.05, 0.051), block(0.05, 0.5, invalid=("steal",))]
    (found,) = distribution(samples.measurement([process(blocks)])).processes
    assert (len(found.ratios), found.dropped, found.estimate) == (1, 1, None)


def test_outliers_and_neighbours_are_said():
    # Logarithms 0, 0, 0, 0, 0, 0, 0, x: the quartiles are 0, so x alone is beyond the fences. Deviations from
    # the mean x/8: seven of -x/8 and one of 7x/8; (6 / 64 - 7 / 64) / (7 / 64 + 49 / 64) = -1/56.
    blocks = [block(0.05, 0.05)] * 7 + [block(0.05, 0.06)]
    (found,) = distribution(samples.measurement([process(blocks)])).processes
    assert found.outliers == 1
    assert found.autocorrelation == pytest.approx(-1 / 56)


def test_nothing_of_a_failed_process_counts():
    (found,) = distribution(samples.measurement([process([block(1, 1)] * 3, error="killed")])).processes
    assert (found.ratios, found.dropped, found.estimate) == ((), 3, None)
