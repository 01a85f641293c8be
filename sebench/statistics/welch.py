"""The difference of two means whose variances need not agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtrit

from sebench.statistics.intervals import ConfidenceLimits, Values, checked, mean_and_sd, tail_probability


@dataclass(frozen=True, slots=True)
class WelchDifference:
    """Mean of the second sample minus mean of the first, in their unit."""

    estimate: float
    limits: ConfidenceLimits | None
    """None where a sample has fewer than two values, whose spread nobody knows."""
    degrees_of_freedom: float | None
    """None without limits, and where neither sample varies."""


def satterthwaite(*errors: tuple[float, float]) -> float:
    """Degrees of freedom of a sum of independent errors: (sum v)^2 / sum(v^2 / df) (Satterthwaite 1946).

    Args:
        errors: squared standard error v and its degrees of freedom df, of each; an infinite df is an error
            that was not estimated from the samples.

    Returns:
        Infinite where nothing was estimated, or nothing varies.
    """
    whole = sum(variance for variance, _ in errors)
    # The formula divided by (sum v)^2 throughout: squares of very small variances would vanish.
    spread = sum((variance / whole) ** 2 / freedom for variance, freedom in errors if variance)
    return 1 / spread if spread else math.inf


def welch_difference(first: Values, second: Values, confidence: float = 0.95) -> WelchDifference:
    """Welch's t interval for mean(second) - mean(first) (Welch 1947; Satterthwaite 1946).

    With v = s^2 / n of either sample: difference +- t_df sqrt(v1 + v2), df by `satterthwaite`. Two samples
    that do not vary give a zero-width interval, which the caller should flag.

    Args:
        first: Independent values, e.g. one log-ratio per process of the old measurement.
        second: Likewise of the new one; the sizes may differ.
        confidence: Of the two-sided interval.

    Raises:
        WorkerError: A sample is empty or holds a value that is not finite.
        UsageError: The confidence is not between 0 and 1.
    """
    alpha = tail_probability(confidence)
    samples = (checked(first), checked(second))
    (mean1, sd1), (mean2, sd2) = (mean_and_sd(sample) for sample in samples)
    estimate = mean2 - mean1
    n1, n2 = (sample.size for sample in samples)
    if min(n1, n2) < 2:
        return WelchDifference(estimate, None, None)
    v1, v2 = sd1**2 / n1, sd2**2 / n2
    freedom = satterthwaite((v1, n1 - 1), (v2, n2 - 1))
    if math.isinf(freedom):
        return WelchDifference(estimate, ConfidenceLimits(estimate, estimate, confidence), None)
    half_width = float(stdtrit(freedom, 1 - alpha / 2)) * math.sqrt(v1 + v2)
    return WelchDifference(
        estimate, ConfidenceLimits(estimate - half_width, estimate + half_width, confidence), freedom
    )
