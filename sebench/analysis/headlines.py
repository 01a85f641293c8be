"""What statistics found, as the values that results are presented with."""

from __future__ import annotations

from sebench.schema import Interval, Ratio
from sebench.statistics import DifferenceHeadline, Headline


def ratio_of(headline: Headline) -> Ratio:
    """The ratio with its interval, and what it rests on."""
    return Ratio(
        estimate=headline.ratio,
        ci_low=headline.ci_low,
        ci_high=headline.ci_high,
        confidence=headline.confidence,
        method=headline.method,
        scope=headline.scope,
        processes=headline.processes,
        blocks=headline.blocks,
    )


def interval_of(difference: DifferenceHeadline) -> Interval:
    """The difference with its interval, in its unit."""
    return Interval(estimate=difference.estimate, ci_low=difference.ci_low, ci_high=difference.ci_high)
