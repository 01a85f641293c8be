"""Percentiles of single steps: when a sample shows one, and how it differs between two sides."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sebench.statistics.diagnostics import sorted_quantile
from sebench.statistics.intervals import Values, checked, median_interval
from sebench.statistics.paired import DifferenceEstimate, RatioEstimate

MIN_STEPS_BEYOND = 10
"""Fewest steps that have to be slower than a percentile."""
_METHOD = "median/order-statistics"


def needed_steps(percent: int) -> int:
    """Fewest single steps that show a percentile: ceil(10 / (1 - p)).

    Ten of them are then slower, and their number varies by a third (Poisson): what is taken for the 99th
    percentile lies between the 98.7th and the 99.3rd about two times of three. With fewer, the estimate
    would be the largest value or near it, which grows with the sample.

    Args:
        percent: from 50 to 99.
    """
    return -(-100 * MIN_STEPS_BEYOND // (100 - percent))


def percentile(values: Values, percent: int) -> float:
    """By linear interpolation (Hyndman & Fan type 7)."""
    return sorted_quantile(np.sort(checked(values)), percent / 100)


def percentile_ratio(
    logs_by_process: Sequence[float], *, confidence: float = 0.95, blocks: int = 0
) -> RatioEstimate:
    """Candidate / baseline in a percentile, from one log-ratio of percentiles per fresh process.

    The median over processes, with its interval by order statistics (`median_interval`). Not Student's t: a
    percentile near the maximum is skewed, and a handful of processes does not make a mean of such values
    normal. Not order statistics of the steps within a process (Le Boudec, Performance Evaluation of Computer
    and Communication Systems, 2010, 2.2): neighbouring steps are correlated, so those intervals are too
    narrow, and they do not know what differs between processes.

    Args:
        logs_by_process: one per process, at least one.
        confidence: of the two-sided interval.
        blocks: that the steps come from.

    Returns:
        The ratio; limits of None and the reason with fewer processes than an interval takes.
    """
    center, low, high, reason = _median(logs_by_process, confidence)
    return RatioEstimate(
        math.exp(center),
        None if low is None else math.exp(low),
        None if high is None else math.exp(high),
        *(confidence, _METHOD, "process", len(logs_by_process), blocks, reason),
    )


def percentile_difference(
    differences_by_process: Sequence[float], *, confidence: float = 0.95, blocks: int = 0
) -> DifferenceEstimate:
    """Candidate - baseline in a percentile, from one difference per process, by way of `percentile_ratio`."""
    center, low, high, reason = _median(differences_by_process, confidence)
    sizes = (len(differences_by_process), blocks)
    return DifferenceEstimate(center, low, high, confidence, _METHOD, "process", *sizes, reason)


def _median(
    values: Sequence[float], confidence: float
) -> tuple[float, float | None, float | None, str | None]:
    center = float(np.median(checked(values)))
    limits = median_interval(values, confidence)
    if limits is not None:
        return center, limits.low, limits.high, None
    needed = math.ceil(1 - math.log2(1 - confidence))  # 2 / 2^n <= alpha
    there = f"there {'is' if len(values) == 1 else 'are'} {len(values)}"
    return center, None, None, f"a {confidence * 100:g} % interval needs {needed} processes, {there}"
