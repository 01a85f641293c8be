"""A metric over commits as a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from sebench.reporting.answers import confidence_text, ratio_text
from sebench.reporting.change_rows import pair_name
from sebench.reporting.chart import Axis, Chart, Level, Panel, Picture, Point, Series
from sebench.reporting.comparison import workload_text
from sebench.schema import Trend, TrendPoint, metric_label

_POINTS, _LEVELS = 0, 2
"""Colours."""


def trend_picture(trend: Trend) -> Picture:
    """Ratio by commit with intervals, levels and change points.

    Args:
        trend: what to draw.
    """
    sizes = {trend.workload.input_shape} if trend.workload else set()
    name = "ratio" if trend.exact else "ratio, with its interval where there is one"
    points = tuple(_points(trend))
    levels = tuple(
        Series("level", "line", tuple(Point(x, level, f"level {level:.4f}") for x in ends), _LEVELS)
        for *ends, level in _levels(trend)
    )
    chart = Chart(
        x=Axis("commit, by date of measurement", tuple(point.label for point in trend.points)),
        y=Axis("candidate / baseline"),
        series=(Series(name, "dot", points, _POINTS), *levels),
        levels=tuple(
            Level(found.index - 0.5, "change point", dashed=True, on="x") for found in trend.change_points
        ),
    )
    return Picture(
        f"{pair_name(trend.pair)}, {metric_label(trend.metric)}",
        workload_text(trend.workload, sizes),
        (Panel("", chart, tuple(_notes(trend))),),
    )


def _points(trend: Trend) -> Iterator[Point]:
    for place, point in enumerate(trend.points):
        estimate = point.ratio.estimate
        ends = (None, None) if trend.exact else (point.ratio.ci_low, point.ratio.ci_high)
        if estimate is not None and math.isfinite(estimate):
            yield Point(place, estimate, _label(point), low=ends[0], high=ends[1])


def _label(point: TrendPoint) -> str:
    return f"{point.label}: {' '.join(part for part in ratio_text(point.ratio) if part)}"


def _notes(trend: Trend) -> Iterator[str]:
    confidences = {point.ratio.confidence for point in trend.points if point.ratio.ci_low is not None}
    if trend.exact:
        yield "Exact figures: there are no intervals."
    elif confidences:
        shown = " or ".join(map(confidence_text, sorted(confidences)))
        yield f"Bar: {shown} confidence interval of the ratio, over the processes of a commit's results."


def _levels(trend: Trend) -> Iterator[tuple[float, float, float]]:
    """Where each level begins and ends, and its ratio; nothing where no change was found."""
    found = trend.change_points
    if not found:
        return
    bounds = (0, *(change.index for change in found), len(trend.points))
    levels = (found[0].level_before, *(change.level_after for change in found))
    for (start, end), level in zip(pairwise(bounds), levels, strict=True):
        if level.estimate is not None:
            yield start - 0.4, end - 0.6, level.estimate
