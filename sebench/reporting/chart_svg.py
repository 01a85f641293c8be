"""A chart as an SVG picture, the same bytes for the same chart."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sebench.errors import UsageError
from sebench.installation import extra_hint
from sebench.lines import single_line
from sebench.reporting.chart import Axis, Band, Chart, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Distinct in print and for the colour-blind (Okabe & Ito 2008).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_MUTED = "#666666"
_BAND = "#0072B2"
_BAR_GROUP = 0.8
_SIZE_INCHES = (7.2, 3.8)


def can_draw() -> bool:
    """Whether matplotlib is there."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra
    except ImportError:
        return False
    return bool(mpl)


def chart_svg(chart: Chart) -> bytes:
    """Draw `chart` on a white ground, which reads in light and in dark surroundings.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise UsageError("pictures need matplotlib", hint=extra_hint("plot")) from error
    # Built-in settings, not the user's; fixed salt and no date: the same chart gives the same file.
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({"svg.hashsalt": "sebench", "svg.fonttype": "none", "text.parse_math": False})
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        axes = figure.subplots()
        _draw(axes, chart)
        written = io.BytesIO()
        figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()


def _draw(axes: Axes, chart: Chart) -> None:
    if chart.band:
        _draw_band(axes, chart.band)
    for level, style in zip(chart.levels, ("--", "-"), strict=False):
        axes.axhline(level.y, color=_MUTED, linestyle=style, linewidth=1, label=_plain(level.name), zorder=1)
    bars = [series for series in chart.series if series.mark == "bar"]
    colors = iter(COLORS)
    for series in (series for series in chart.series if series.points):
        color = _MUTED if series.mark == "line" else next(colors)
        if series.mark == "bar":
            _draw_bars(axes, series, color, bars.index(series), len(bars))
        else:
            _draw_marks(axes, series, color)
    _label(axes, chart.x, chart.y)
    _legend(axes)


def _draw_band(axes: Axes, band: Band) -> None:
    axes.axhspan(band.low, band.high, color=_BAND, alpha=0.15, linewidth=0, label=_plain(band.name), zorder=0)


def _draw_bars(axes: Axes, series: Series, color: str, index: int, count: int) -> None:
    width = _BAR_GROUP / count
    places = [point.x + (index - (count - 1) / 2) * width for point in series.points]
    axes.bar(places, [point.y for point in series.points], width, color=color, label=_plain(series.name))


def _draw_marks(axes: Axes, series: Series, color: str) -> None:
    style = {
        "line": {"linestyle": "-", "linewidth": 1, "color": color},
        "dot": {"linestyle": "none", "marker": "o", "markersize": 4, "color": color},
        "diamond": {"linestyle": "none", "marker": "D", "markersize": 7, "color": color},
    }[series.mark]
    x, y = [point.x for point in series.points], [point.y for point in series.points]
    axes.plot(x, y, label=_plain(series.name), **style)  # type: ignore[arg-type] # one style per mark
    if series.mark != "line":
        _name_marks(axes, series)


def _name_marks(axes: Axes, series: Series) -> None:
    for point in series.points:
        if point.name:
            axes.annotate(
                _plain(point.name),
                (point.x, point.y),
                xytext=(0, 8),
                ha="center",
                textcoords="offset points",
                fontsize=8,
            )


def _label(axes: Axes, x: Axis, y: Axis) -> None:
    axes.set_xlabel(_plain(x.title))
    axes.set_ylabel(_plain(y.title))
    if x.categories:
        axes.set_xticks(range(len(x.categories)), [_plain(name) for name in x.categories])
    if x.limits:
        axes.set_xlim(x.limits)
    if y.limits:
        axes.set_ylim(y.limits)
    if y.from_zero:
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.figure.legend(
            handles, labels, loc="outside upper center", ncols=len(handles), frameon=False, fontsize=8
        )


def _plain(text: str) -> str:
    return single_line(text)
