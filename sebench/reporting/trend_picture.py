"""A metric over commits as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from sebench.lines import single_line
from sebench.reporting.canvas import draw
from sebench.reporting.change_rows import metric_name, pair_name
from sebench.reporting.comparison import workload_text
from sebench.schema import Ratio, Trend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Distinct in print and for the colour-blind (Okabe & Ito 2008).
_POINTS, _LEVELS, _CHANGES = "#0072B2", "#009E73", "#D55E00"
_WIDTH_PER_POINT, _MIN_WIDTH, _MAX_WIDTH, _HEIGHT = 0.35, 6.0, 30.0, 4.5
_MAX_LABELS = 60


def render_trend_picture(trend: Trend, picture_format: str) -> bytes:
    """Ratio by commit with intervals, levels and change points.

    Args:
        trend: what to draw.
        picture_format: ``svg`` or ``png``.

    Raises:
        UsageError: another format, or matplotlib is not installed.
    """
    width = min(_MAX_WIDTH, max(_MIN_WIDTH, _WIDTH_PER_POINT * len(trend.points)))

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        _draw_points(axes, trend)
        _draw_levels(axes, trend)
        sizes = {trend.workload.input_shape} if trend.workload else set()
        workload = workload_text(trend.workload, sizes)
        subject = single_line(f"{pair_name(trend.pair)}, {metric_name(trend.metric)}")
        axes.set_title(f"{subject}\n{single_line(workload)}", fontsize=10)
        axes.set_ylabel("candidate / baseline")
        axes.set_xlabel("commit, by date of measurement")
        figure.legend(loc="outside lower center", ncols=3, fontsize=8)

    return draw(picture_format, (width, _HEIGHT), paint)


def _draw_points(axes: Axes, trend: Trend) -> None:
    places = range(len(trend.points))
    estimates = [point.ratio.estimate or 0.0 for point in trend.points]
    below, above = zip(*(_reach(point.ratio) for point in trend.points), strict=True)
    label = "ratio" if trend.exact else "ratio, with its interval where there is one"
    axes.errorbar(
        places, estimates, yerr=(below, above), fmt="o", color=_POINTS, markersize=4, capsize=2, label=label
    )
    every = 1 + len(trend.points) // _MAX_LABELS
    shown = list(places)[::every]
    axes.set_xticks(shown, [single_line(trend.points[i].label) for i in shown], rotation=90, fontsize=7)


def _reach(ratio: Ratio) -> tuple[float, float]:
    """How far the interval reaches below and above the estimate."""
    if ratio.estimate is None or ratio.ci_low is None or ratio.ci_high is None:
        return 0.0, 0.0
    return ratio.estimate - ratio.ci_low, ratio.ci_high - ratio.estimate


def _draw_levels(axes: Axes, trend: Trend) -> None:
    for number, (start, end, level) in enumerate(_levels(trend)):
        label = "level" if number == 0 else None
        axes.plot([start - 0.4, end - 0.6], [level, level], color=_LEVELS, linewidth=2, label=label)
    for number, found in enumerate(trend.change_points):
        label = "change point" if number == 0 else None
        axes.axvline(found.index - 0.5, color=_CHANGES, linestyle="--", linewidth=1, label=label)


def _levels(trend: Trend) -> Iterator[tuple[int, int, float]]:
    """First point, end (exclusive) and ratio of each level; nothing where no change was found."""
    found = trend.change_points
    if not found:
        return
    bounds = (0, *(change.index for change in found), len(trend.points))
    levels = (found[0].level_before, *(change.level_after for change in found))
    for (start, end), level in zip(pairwise(bounds), levels, strict=True):
        if level.estimate is not None:
            yield start, end, level.estimate
