"""Checked float samples and the pairwise combinations that rank statistics are made of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sebench.errors import UsageError, WorkerError

IndexArray = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.float64]
Values = Sequence[float] | FloatArray


def checked(values: Values) -> FloatArray:
    """The values as a vector.

    Raises:
        WorkerError: There is no value, or one is not finite.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0 or not np.isfinite(sample).all():
        raise WorkerError(
            "statistics need one or more finite numbers", hint="measure again; a stored file may be damaged"
        )
    return sample


def tail_probability(confidence: float) -> float:
    """Alpha, the chance of a miss on either side together.

    Raises:
        UsageError: The confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise UsageError(f"confidence {confidence!r} is not between 0 and 1", hint="0.95 is usual")
    return 1 - confidence


def mean_and_sd(sample: FloatArray) -> tuple[float, float]:
    """Sample mean and standard deviation (0 for one value).

    Identical values give exactly (value, 0), which the rounding of a mean would not.
    """
    if np.ptp(sample) == 0:
        return float(sample[0]), 0.0
    return float(sample.mean()), float(sample.std(ddof=1))


def walsh_averages(sample: FloatArray) -> FloatArray:
    """(x_i + x_j) / 2 for i <= j; n (n + 1) / 2 values, unordered."""
    lower, upper = _pairs(sample.size, 0)
    averages: FloatArray = (sample[lower] + sample[upper]) / 2
    return averages


def pairwise_distances(sample: FloatArray) -> FloatArray:
    """|x_i - x_j| for i < j; n (n - 1) / 2 values, unordered."""
    lower, upper = _pairs(sample.size, 1)
    distances: FloatArray = np.abs(sample[lower] - sample[upper])
    return distances


@lru_cache(maxsize=64)
def _pairs(size: int, apart: int) -> tuple[IndexArray, IndexArray]:
    """Indices i and j of all pairs with i + apart <= j. The same few sizes are asked for over and over."""
    return np.triu_indices(size, apart)
