"""Means and spreads of many channels by class, in one pass and in constant memory.

Sums of squared deviations are merged, never computed as a difference of large sums (T. F. Chan, G. H. Golub
and R. J. LeVeque, "Algorithms for computing the sample variance", The American Statistician 37, 1983; the
update of a single value is B. P. Welford's, Technometrics 4, 1962). All in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_LEAST_VALUES = 2
_ROUNDING = 1e-6
"""Relative; some units in the last place of float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """What is known of the values of K classes in C channels; arrays that nobody may write to."""

    counts: NDArray[np.int64]
    """Values seen of each class (K)."""
    means: Array
    """By class and channel (K, C); 0 where nothing was seen of a class."""
    squares: Array
    """Sums of squared deviations from these means (K, C)."""

    def __post_init__(self) -> None:
        for array in (self.counts, self.means, self.squares):
            array.setflags(write=False)

    @property
    def total(self) -> int:
        """Values of all classes together."""
        return int(self.counts.sum())

    @property
    def deviations(self) -> Array:
        """Standard deviations (K, C): the squares are divided by the number of values of the class."""
        return np.asarray(np.sqrt(self.squares / np.maximum(self.counts, 1)[:, None]), dtype=np.float64)

    @property
    def mean(self) -> Array:
        """Over the values of all classes (C)."""
        return np.asarray(self.counts @ self.means / max(self.total, 1), dtype=np.float64)

    @property
    def between(self) -> Array:
        """Sum of squared deviations of the means of the classes from the mean of all, by channel (C)."""
        return np.asarray(self.counts @ (self.means - self.mean) ** 2, dtype=np.float64)

    @property
    def deviation(self) -> Array:
        """Standard deviation over the values of all classes (C)."""
        return np.asarray(
            np.sqrt((self.squares.sum(axis=0) + self.between) / max(self.total, 1)), dtype=np.float64
        )

    def is_constant(self, below: float) -> bool:
        """Whether every channel has a standard deviation of less than `below` over all values.

        Of fewer than two values nothing is known.
        """
        return self.total >= _LEAST_VALUES and bool((self.deviation < below).all())

    @property
    def class_share(self) -> float | None:
        """Variance between classes over the total variance, summed over channels.

        K classes of nothing but noise have (K - 1) / (N - 1) on average. None where there is nothing to tell
        apart: fewer than two classes were seen, or the values differ by no more than float32 rounds.
        """
        between, within = float(self.between.sum()), float(self.squares.sum())
        rounding = self.total * len(self.mean) * (_ROUNDING * float(np.abs(self.mean).max())) ** 2
        if np.count_nonzero(self.counts) < _LEAST_VALUES or between + within <= rounding:
            return None
        return between / (between + within)


class RunningMoments:
    """Takes batches of values and keeps their moments: two arrays of K x C numbers, however many come.

    Args:
        classes: K.
        channels: C.
    """

    def __init__(self, classes: int, channels: int) -> None:
        self._counts = np.zeros(classes, dtype=np.int64)
        self._means = np.zeros((classes, channels))
        self._squares = np.zeros((classes, channels))

    def add(self, values: Array, labels: Sequence[int] | NDArray[np.int64]) -> None:
        """Take a batch.

        Args:
            values: (N, C), of any floating-point type.
            labels: the class of each row, from 0 to K - 1.
        """
        rows, classes = np.asarray(values, dtype=np.float64), np.asarray(labels)
        for label in np.unique(classes):
            self._merge(int(label), rows[classes == label])

    def _merge(self, label: int, rows: Array) -> None:
        """Equations 2.1 of Chan, Golub and LeVeque: two sets of values become one."""
        mean = rows.mean(axis=0)
        count, seen = len(rows), int(self._counts[label])
        shift = mean - self._means[label]
        self._counts[label] = seen + count
        self._means[label] += shift * (count / (seen + count))
        self._squares[label] += ((rows - mean) ** 2).sum(axis=0) + shift**2 * (seen * count / (seen + count))

    @property
    def moments(self) -> Moments:
        """Of all that came so far."""
        return Moments(self._counts.copy(), self._means.copy(), self._squares.copy())


def correlation(x: Sequence[float] | Array, y: Sequence[float] | Array) -> float | None:
    """Pearson's correlation of two lists of one length; None where one of them does not vary."""
    first, second = (np.asarray(values, dtype=np.float64) for values in (x, y))
    if len(first) < _LEAST_VALUES:
        return None
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return None if scale == 0 else float(np.clip((first @ second) / scale, -1.0, 1.0))
