"""The difference of two means whose variances need not agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtrit

from sebench.statistics.intervals import Limits
from sebench.statistics.samples import Values, checked, mean_and_sd, tail_probability


@dataclass(frozen=True, slots=True)
class WelchDifference:
    """Mean of the second sample minus mean of the first, in their unit."""

    estimate: float
    limits: Limits | None
    """None where a sample has fewer than two values, whose spread nobody knows."""
    degrees_of_freedom: float | None
    """None without limits, and where neither sample varies."""


def welch_difference(first: Values, second: Values, confidence: float = 0.95) -> WelchDifference:
    """Welch's t interval for mean(second) - mean(first) (Welch 1947; Satterthwaite 1946).

    With v = s^2 / n of either sample: difference +- t_df sqrt(v1 + v2), where
    df = (v1 + v2)^2 / (v1^2 / (n1 - 1) + v2^2 / (n2 - 1)). Two samples that do not vary give a zero-width
    interval, which the caller should flag.

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
    if v1 + v2 == 0:
        return WelchDifference(estimate, Limits(estimate, estimate, confidence), None)
    # The formula above, divided by (v1 + v2)^2 throughout.
    share = v1 / (v1 + v2)
    freedom = 1 / (share**2 / (n1 - 1) + (1 - share) ** 2 / (n2 - 1))
    half_width = float(stdtrit(freedom, 1 - alpha / 2)) * math.sqrt(v1 + v2)
    return WelchDifference(
        estimate, Limits(estimate - half_width, estimate + half_width, confidence), freedom
    )
