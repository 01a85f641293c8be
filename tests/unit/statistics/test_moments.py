"""Means and spreads by class, in one pass: by hand, against NumPy in two passes, and where others fail."""

import numpy as np
import pytest

from sebench.statistics.moments import RunningMoments, correlation


def taken(values, labels, *, classes, batch):
    running = RunningMoments(classes, values.shape[1])
    for first in range(0, len(values), batch):
        running.add(values[first : first + batch], labels[first : first + batch])
    return running.moments


def test_by_hand():
    # Class 0: 1, 3; class 1: 4. Means 2 and 4; squares (1 - 2)^2 + (3 - 2)^2 = 2 and 0.
    # Over all: mean 8/3, between 2 (2 - 8/3)^2 + (4 - 8/3)^2 = 8/9 + 16/9 = 24/9, total 2 + 24/9 = 42/9.
    moments = taken(np.array([[1.0], [4.0], [3.0]]), np.array([0, 1, 0]), classes=2, batch=2)
    assert moments.counts.tolist() == [2, 1]
    assert moments.means.tolist() == [[2.0], [4.0]]
    assert moments.deviations.tolist() == [[1.0], [0.0]]
    assert moments.mean == pytest.approx([8 / 3])
    assert moments.deviation == pytest.approx([np.sqrt(42 / 9 / 3)])
    assert moments.class_share == pytest.approx(24 / 42)
    assert not moments.is_constant(1.2)
    assert moments.is_constant(1.3)  # sqrt(14 / 9) = 1.247


@pytest.mark.parametrize("spread", [2e-2, 1e-3, 2.9e-5])
def test_many_values_near_one(spread):
    """Where squares in float32 are off by 0.4 %, by half, and give no number."""
    drawn = 1 + spread * np.random.default_rng(1).standard_normal((50_000, 3))
    values = drawn.astype(np.float32)
    moments = taken(values, np.zeros(50_000, dtype=np.int64), classes=1, batch=32)
    exact = values.astype(np.float64)
    assert moments.deviation == pytest.approx(exact.std(axis=0), rel=1e-9)
    assert moments.mean == pytest.approx(exact.mean(axis=0), rel=1e-14)


def test_a_long_sum_of_low_precision_does_not_stick():
    # In bfloat16, 256 + 255/256 is 256 again.
    values = np.full((1000, 1), 255 / 256)
    moments = taken(values, np.zeros(1000, dtype=np.int64), classes=1, batch=10)
    assert moments.mean.tolist() == [255 / 256]
    assert moments.deviation.tolist() == [0.0]


def test_the_order_and_the_batches_do_not_matter():
    rng = np.random.default_rng(2)
    values, labels = rng.random((101, 4)), rng.integers(0, 3, 101)
    one = taken(values, labels, classes=3, batch=101)
    order = rng.permutation(101)
    other = taken(values[order], labels[order], classes=3, batch=7)
    assert other.means == pytest.approx(one.means, rel=1e-13)
    assert other.squares == pytest.approx(one.squares, rel=1e-12)
    for label in range(3):
        assert one.means[label] == pytest.approx(values[labels == label].mean(axis=0))
    total = ((values - values.mean(axis=0)) ** 2).sum()
    within = sum(((values[labels == k] - values[labels == k].mean(axis=0)) ** 2).sum() for k in range(3))
    assert one.class_share == pytest.approx(1 - within / total)


def test_noise_alone_has_the_share_that_is_said():
    rng = np.random.default_rng(3)
    # (K - 1) / (N - 1) = 9 / 99, by the mean of 400 channels of noise
    moments = taken(rng.standard_normal((100, 400)), np.arange(100) % 10, classes=10, batch=100)
    assert moments.class_share == pytest.approx(9 / 99, rel=0.05)


def test_nothing_to_tell_apart():
    one_class = taken(np.array([[1.0], [2.0]]), np.array([1, 1]), classes=3, batch=2)
    assert one_class.class_share is None
    constant = taken(np.array([[1.0], [1.0]]), np.array([0, 1]), classes=2, batch=2)
    assert constant.class_share is None
    assert constant.is_constant(1e-12)
    assert not taken(np.array([[1.0]]), np.array([0]), classes=1, batch=1).is_constant(1.0)


def test_moments_are_left_as_they_are():
    moments = taken(np.array([[1.0], [2.0]]), np.array([0, 0]), classes=1, batch=2)
    with pytest.raises(ValueError, match="read-only"):
        moments.means[0, 0] = 3


def test_correlation():
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
    assert correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # deviations (-1, 0, 1) and (-2/3, 4/3, -2/3): product 0
    assert correlation([1, 2, 3], [0, 2, 0]) == pytest.approx(0)
    assert correlation([1, 1], [1, 2]) is None
    assert correlation([1], [1]) is None
