"""Ratios for github-action-benchmark (tool ``customSmallerIsBetter``).

The ratio and not the times: one value per commit is all that this tool compares, and times of two jobs on
shared machines differ for reasons that have nothing to do with the code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sebench.reporting.answers import confidence_text, ratio_text, sizes_text
from sebench.reporting.exports.ratios import RatioPoint, ratio_points
from sebench.schema import METRICS, Comparison, MetricComparison


def action_benchmark_json(comparisons: Sequence[Comparison]) -> str:
    """A list of ``{name, unit, value, range, extra}``; ``range`` is half the width of the interval.

    Without metrics of which more is better, e.g. throughput: the tool would take a gain for a loss.

    Args:
        comparisons: Oldest first.

    Raises:
        DataFileError: no ratio is known.
    """
    entries = [_entry(point) for point in ratio_points(comparisons) if _is_lower_better(point)]
    return json.dumps(entries, indent=2, allow_nan=False) + "\n"


def _is_lower_better(point: RatioPoint) -> bool:
    return METRICS[point.metric.metric].better == "lower"


def _entry(point: RatioPoint) -> dict[str, Any]:
    metric = point.metric
    half_width = _half_width(metric)
    return {
        "name": f"{point.series}: {metric.metric}",
        "unit": "ratio",
        "value": point.value,
        **({} if half_width is None else {"range": f"\u00b1 {half_width:.2g}"}),
        "extra": "exact" if metric.exact else _evidence(metric),
    }


def _half_width(metric: MetricComparison) -> float | None:
    low, high = metric.ratio.ci_low, metric.ratio.ci_high
    return None if metric.exact or low is None or high is None else (high - low) / 2


def _evidence(metric: MetricComparison) -> str:
    _, interval = ratio_text(metric.ratio)
    known = f"{confidence_text(metric.ratio.confidence)} interval {interval}" if interval else "no interval"
    sizes = sizes_text(metric.ratio) if metric.ratio.blocks else ""
    return "\n".join(line for line in (known, sizes, f"grade {metric.grade}") if line)
