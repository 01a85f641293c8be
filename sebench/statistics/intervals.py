"""Location estimate and the three intervals: Student-t, exact signed-rank, exact order statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import bdtr, stdtrit

from sebench.statistics.samples import (
    FloatArray,
    Values,
    checked,
    mean_and_sd,
    tail_probability,
    walsh_averages,
)


@dataclass(frozen=True, slots=True)
class ConfidenceLimits:
    """Two-sided confidence limits and the level they attain; an exact one attains at least what was asked."""

    low: float
    high: float
    coverage: float


def hodges_lehmann(values: Values) -> float:
    """Median of the Walsh averages (x_i + x_j) / 2, i <= j (Hodges & Lehmann 1963)."""
    return float(np.median(walsh_averages(checked(values))))


def t_interval(values: Values, confidence: float = 0.95) -> ConfidenceLimits | None:
    """Student-t interval for the mean, mean +- t_{n-1} s / sqrt(n); None below two values."""
    alpha = tail_probability(confidence)
    sample = checked(values)
    if sample.size < 2:
        return None
    mean, sd = mean_and_sd(sample)
    half_width = float(stdtrit(sample.size - 1, 1 - alpha / 2)) * sd / math.sqrt(sample.size)
    return ConfidenceLimits(mean - half_width, mean + half_width, confidence)


def signed_rank_interval(values: Values, confidence: float = 0.95) -> ConfidenceLimits | None:
    """Exact interval that inverts the Wilcoxon signed-rank test (Tukey 1949, Walsh averages).

    With k the largest rank such that P(T+ <= k - 1) <= alpha / 2, the limits are the k-th smallest and k-th
    largest Walsh average. Exact for a constant effect in blocks whose order a fair coin drew, whatever the
    noise: relabelling ABBA <-> BAAB flips the sign of an effect-free d and keeps its size.

    Returns:
        None where no interval of that confidence exists (at 95 %: fewer than 6 values).
    """
    alpha = tail_probability(confidence)
    sample = checked(values)
    cdf = _signed_rank_cdf(sample.size)
    k = int(np.searchsorted(cdf, alpha / 2, side="right"))
    if k < 1:
        return None
    walsh = np.sort(walsh_averages(sample))
    return ConfidenceLimits(float(walsh[k - 1]), float(walsh[-k]), 1 - 2 * float(cdf[k - 1]))


def median_interval(values: Values, confidence: float = 0.95) -> ConfidenceLimits | None:
    """Exact interval for the median by order statistics: the sign test, inverted.

    The limits are the k-th smallest and k-th largest value, with k the largest rank such that
    P(Bin(n, 1/2) <= k - 1) <= alpha / 2 (David & Nagaraja, Order Statistics, 3rd ed. 2003, 7.1). It asks
    for independent values and nothing else: neither symmetry nor any distribution.

    Returns:
        None where no interval of that confidence exists (at 95 %: fewer than 6 values).
    """
    alpha = tail_probability(confidence)
    ordered = np.sort(checked(values))
    tails = bdtr(np.arange(ordered.size, dtype=np.float64), ordered.size, 0.5)
    k = int(np.searchsorted(tails, alpha / 2, side="right"))
    if k < 1:
        return None
    return ConfidenceLimits(float(ordered[k - 1]), float(ordered[-k]), 1 - 2 * float(tails[k - 1]))


@lru_cache(maxsize=64)
def _signed_rank_cdf(n: int) -> FloatArray:
    """Lower half of the null distribution of T+ for n values: P(T+ <= 0), P(T+ <= 1), ...

    T+ is a sum of ranks, each in or out with probability 1/2; adding rank r convolves with (1 + x^r) / 2.
    All terms are positive, so the sums keep full relative precision.
    """
    pmf = np.zeros(n * (n + 1) // 2 + 1)
    pmf[0] = 1.0
    for rank in range(1, n + 1):
        pmf[rank:] += pmf[:-rank]
        pmf *= 0.5
    cdf = np.cumsum(pmf)[: (pmf.size + 1) // 2]
    cdf.setflags(write=False)
    return cdf
