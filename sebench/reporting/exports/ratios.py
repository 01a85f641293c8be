"""Ratios of comparisons as named series: what dashboards follow over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sebench.errors import DataFileError
from sebench.reporting.finite import finite_comparison
from sebench.reporting.series import series_name
from sebench.schema import Comparison, MetricComparison


@dataclass(frozen=True, slots=True)
class RatioPoint:
    """One metric of one pair; its ratio is known and finite."""

    series: str
    metric: MetricComparison
    value: float


def ratio_points(comparisons: Sequence[Comparison]) -> tuple[RatioPoint, ...]:
    """Every ratio there is; of two with the same series and metric, the later.

    Args:
        comparisons: Oldest first.

    Raises:
        DataFileError: there is none.
    """
    points = {
        (series := series_name(comparison, metric), metric.metric): RatioPoint(
            series, metric, metric.ratio.estimate
        )
        for comparison in map(finite_comparison, comparisons)
        for metric in comparison.metrics
        if metric.ratio.estimate is not None
    }
    if not points:
        raise DataFileError("nothing to export: no ratio is known", hint="run `sebench compare`")
    return tuple(points.values())
