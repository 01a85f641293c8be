"""Estimates as the figures of a metric, and metrics that have no figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sebench.schema import METRICS, Finding, Interval, MetricComparison, Quantity, Ratio, Workload

if TYPE_CHECKING:  # lists of results need no scipy
    from sebench.statistics import DifferenceEstimate, RatioEstimate


def unavailable(
    metric: str,
    workload: Workload | None,
    reason: str,
    findings: tuple[Finding, ...] = (),
) -> MetricComparison:
    """A row that says why there is nothing, never 0.

    Args:
        metric: its name.
        workload: that it was to be measured under; None for what would have been counted.
        reason: one line.
        findings: beside it.
    """
    return MetricComparison(
        metric=metric,
        unit=METRICS[metric].unit,
        exact=workload is None,
        workload=workload,
        baseline=Quantity(value=None),
        candidate=Quantity(value=None),
        difference=Interval(estimate=None),
        ratio=Ratio(estimate=None, method="none"),
        grade=None,
        status="unavailable",
        reason=reason,
        findings=findings,
    )


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
