"""Metrics that have no figure."""

from __future__ import annotations

from sebench.schema import METRICS, Finding, Interval, MetricComparison, Quantity, Ratio, Workload


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
