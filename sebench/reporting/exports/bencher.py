"""Ratios in Bencher Metric Format (bencher.dev, "Bencher Metric Format").

Measures are named ``latency-ratio`` and so on: Bencher's own ``latency`` is in nanoseconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sebench.reporting.exports.ratios import ratio_points
from sebench.schema import Comparison, MetricComparison


def bencher_json(comparisons: Sequence[Comparison]) -> str:
    """``{name: {measure: {value, lower_value, upper_value}}}``, the limits where there is an interval.

    Args:
        comparisons: Oldest first.

    Raises:
        DataFileError: no ratio is known.
    """
    benchmarks: dict[str, dict[str, dict[str, float]]] = {}
    for point in ratio_points(comparisons):
        measure = f"{point.metric.metric.replace('_', '-')}-ratio"
        benchmarks.setdefault(point.series, {})[measure] = {"value": point.value, **_limits(point.metric)}
    return json.dumps(benchmarks, indent=2, allow_nan=False) + "\n"


def _limits(metric: MetricComparison) -> dict[str, float]:
    low, high = metric.ratio.ci_low, metric.ratio.ci_high
    if metric.exact or low is None or high is None:
        return {}
    return {"lower_value": low, "upper_value": high}
