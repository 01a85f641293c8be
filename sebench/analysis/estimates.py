"""What statistics found, as the values that results are presented with."""

from __future__ import annotations

from sebench.schema import Interval, Ratio
from sebench.statistics import DifferenceEstimate, RatioEstimate


def ratio_of(estimate: RatioEstimate) -> Ratio:
    """The ratio with its interval, and what it rests on."""
    return Ratio(
        estimate=estimate.ratio,
        ci_low=estimate.ci_low,
        ci_high=estimate.ci_high,
        confidence=estimate.confidence,
        method=estimate.method,
        scope=estimate.scope,
        processes=estimate.processes,
        blocks=estimate.blocks,
    )


def interval_of(difference: DifferenceEstimate) -> Interval:
    """The difference with its interval, in its unit."""
    return Interval(estimate=difference.estimate, ci_low=difference.ci_low, ci_high=difference.ci_high)
