"""Where the parts of a chart lie: margins from the texts that stand in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sebench.lines import single_line
from sebench.reporting.chart import Axis, Chart, Direction
from sebench.reporting.drawing.elements import shorten, text_width
from sebench.reporting.drawing.scale import Scale, domain, tick_texts, ticks

SIZE, SMALL = 12.0, 11.0
LINE = 15.0
"""From one line of text to the next."""
_PLOT_HEIGHT, _ROW_PADDING = 300.0, 12.0
_MOST_OF_WIDTH = 0.4
"""How much of the picture the names of rows may take up."""
_LONGEST_NAME = 130.0
"""Room for names of columns that stand upright."""
_TICK, _GAP = 5.0, 6.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis with its text, which may have several lines."""

    at: float
    lines: tuple[str, ...]
    full: str
    """The text before it was shortened."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A chart's plot area, in pixels from the top left corner, and what stands around it."""

    x: Scale
    y: Scale
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    upright: bool
    """The texts below stand upright, for want of room."""
    names_at: float
    """Where the texts at the ends of rows end."""
    bottom: float
    """Where the axis with its texts and title ends."""

    @property
    def left(self) -> float:
        """Of the plot area."""
        return self.x.start

    @property
    def right(self) -> float:
        """Of the plot area."""
        return self.x.end

    @property
    def top(self) -> float:
        """Of the plot area."""
        return min(self.y.start, self.y.end)

    @property
    def base(self) -> float:
        """Lower edge of the plot area."""
        return max(self.y.start, self.y.end)


def frame(chart: Chart, top: float, width: float) -> Frame:
    """Lay a chart out.

    Args:
        chart: What to draw.
        top: Where its plot area begins.
        width: Of the picture.
    """
    low, high = domain(chart, "y")
    names = [single_line(point.name) for series in chart.series for point in series.points]
    beside = max((text_width(name, SMALL) for name in names), default=0.0) if chart.y.categories else 0.0
    beside = min(beside, _MOST_OF_WIDTH * width)
    right = width - (beside + _GAP if beside else _GAP)
    y_texts = _texts(chart, "y", _MOST_OF_WIDTH * width)
    left = max((text_width(line, SIZE) for text in y_texts for line in text[1]), default=0.0)
    left += _TICK + _GAP + (LINE + _GAP if chart.y.title else 0.0)
    height = _height(chart.y)
    if chart.y.categories:
        y_scale = Scale(low, high, top, top + height)
    else:
        y_scale = Scale(low, high, top + height, top, chart.y.log)
    x_scale = Scale(*domain(chart, "x"), left, right, chart.x.log and not chart.x.categories)
    x_texts, upright = _below(chart, right - left)
    if chart.x.ticks:
        x_texts = _with_room(x_texts, x_scale)
    depth = _depth(x_texts, upright=upright)
    return Frame(
        x=x_scale,
        y=y_scale,
        x_ticks=tuple(Tick(x_scale(value), lines, full) for value, lines, full in x_texts),
        y_ticks=tuple(Tick(y_scale(value), lines, full) for value, lines, full in y_texts),
        upright=upright,
        names_at=width,
        bottom=top + height + _TICK + depth + (LINE + _GAP if chart.x.title else 0.0),
    )


def _height(axis: Axis) -> float:
    if not axis.categories:
        return _PLOT_HEIGHT
    return sum(name.count("\n") * LINE + LINE + _ROW_PADDING for name in axis.categories)


_Text = tuple[float, tuple[str, ...], str]


def _texts(chart: Chart, direction: Direction, room: float) -> list[_Text]:
    """Value, lines and full text of each tick."""
    axis = chart.x if direction == "x" else chart.y
    if axis.categories:
        return [
            (float(place), tuple(shorten(single_line(line), SIZE, room) for line in name.split("\n")), name)
            for place, name in enumerate(axis.categories)
        ]
    if axis.ticks:
        return [(value, (f"{value:g}",), f"{value:g}") for value in axis.ticks]
    values = ticks(axis, *domain(chart, direction))
    return [(value, (text,), text) for value, text in zip(values, tick_texts(values), strict=True)]


def _below(chart: Chart, room: float) -> tuple[list[_Text], bool]:
    """The texts under the plot area; upright and not all of them where there are many."""
    texts = _texts(chart, "x", room)
    widest = max((text_width(line, SIZE) for _, lines, _ in texts for line in lines), default=0.0)
    pitch = room / max(1, len(texts))
    if not chart.x.categories or widest + _GAP <= pitch:
        return texts, False
    every = 1 + int((LINE - 1) // pitch)
    upright: list[_Text] = [
        (value, (shorten(single_line(name), SIZE, _LONGEST_NAME),), name) for value, _, name in texts[::every]
    ]
    return upright, True


def _with_room(texts: Sequence[_Text], scale: Scale) -> list[_Text]:
    """Without those that would touch the one before; the last has precedence, being the end of the axis."""
    kept: list[_Text] = []
    for text in reversed(texts):
        reach = scale(text[0]) + text_width(text[2], SIZE) / 2 + _GAP
        if not kept or reach <= scale(kept[-1][0]) - text_width(kept[-1][2], SIZE) / 2:
            kept.append(text)
    return kept[::-1]


def _depth(texts: Sequence[_Text], *, upright: bool) -> float:
    if upright:
        return max(text_width(lines[0], SIZE) for _, lines, _ in texts) + _GAP
    return max((len(lines) for _, lines, _ in texts), default=0) * LINE
