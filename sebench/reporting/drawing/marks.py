"""The marks of a chart as SVG: dots, lines, bars, intervals and the names beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

from sebench.lines import single_line
from sebench.reporting.chart import Chart, Mark, Point, Series
from sebench.reporting.drawing.elements import Palette, element, escape, number, shorten, text, text_width
from sebench.reporting.drawing.layout import LINE, SMALL, Frame

_CROWD = 30
_RADIUS, _CROWDED_RADIUS = 4.5, 2.5
_BAR_GROUP = 0.8
"""How much of a category's place its bars take up."""
_WIDEST_BAR = 60.0
_STEP = 6.0
"""Between the boxes that stand for a line."""
_CAP = 4.0
"""Half the length of the strokes at the ends of an interval."""


def series_colors(chart: Chart, palette: Palette) -> dict[str, str]:
    """Colour by name of the series that have marks, in the order of the legend: lines come last."""
    shown = sorted((s for s in chart.series if s.points), key=lambda series: series.mark == "line")
    colors: dict[str, str] = {}
    for series in shown:
        if series.name not in colors:
            place = series.color if series.color is not None else len(colors)
            muted = series.mark == "line" and series.color is None
            colors[series.name] = palette.muted if muted else palette.series[place % len(palette.series)]
    return colors


def symbol(mark: Mark, at: tuple[float, float], radius: float, color: str, title: str = "") -> str:
    """One mark of a series, or its sample in the legend."""
    x, y = at
    about = element("title", escape(title)) if title else ""
    if mark == "line":
        return element("path", about, d=_path(((x - 2 * radius, y), (x + 2 * radius, y))), stroke=color)
    if mark == "dot":
        return element("circle", about, cx=x, cy=y, r=radius, fill=color)
    if mark == "diamond":
        far = 1.4 * radius
        corners = ((x, y - far), (x + far, y), (x, y + far), (x - far, y))
        return element("path", about, d=f"{_path(corners)}Z", fill=color)
    return element("rect", about, x=x - radius, y=y - radius, width=2 * radius, height=2 * radius, fill=color)


def marks(chart: Chart, frame: Frame, palette: Palette) -> Iterator[str]:
    """All series, back to front, then the names of their marks."""
    colors = series_colors(chart, palette)
    bars = [series for series in chart.series if series.mark == "bar" and series.points]
    yield from _bars(chart, bars, frame, colors)
    for series in chart.series:
        if series.mark == "line" and series.points:
            places = [(frame.x(point.x), frame.y(point.y)) for point in series.points]
            yield element("path", d=_path(places), fill="none", stroke=colors[series.name], stroke_width=1.5)
        elif series.mark != "bar":
            radius = _radius(chart, series)
            for point in series.points:
                yield from _interval(chart, point, frame, colors[series.name])
                at = (frame.x(point.x), frame.y(point.y))
                yield symbol(series.mark, at, radius, colors[series.name], point.label)
    yield from (_row_names if chart.y.categories else _free_names)(chart, frame, palette)


def _radius(chart: Chart, series: Series) -> float:
    crowded = len(series.points) > _CROWD and not chart.y.categories  # rows keep clear of each other
    return _CROWDED_RADIUS if crowded else _RADIUS


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in places)


def _bars(chart: Chart, bars: Sequence[Series], frame: Frame, colors: dict[str, str]) -> Iterator[str]:
    sideways = chart.value_axis == "x"
    value_scale, place_scale = (frame.x, frame.y) if sideways else (frame.y, frame.x)
    slot = (
        abs(place_scale(1.0) - place_scale(0.0))
        if len(chart.x.categories + chart.y.categories) > 1
        else 100.0
    )
    width = min(_WIDEST_BAR, _BAR_GROUP * slot) / (1 if chart.stacked else max(1, len(bars)))
    tops: dict[float, float] = {}
    for index, series in enumerate(bars):
        for point in series.points:
            place, value = (point.y, point.x) if sideways else (point.x, point.y)
            begin = tops.get(place, 0.0) if chart.stacked else 0.0
            tops[place] = begin + value
            offset = 0.0 if chart.stacked else (index - (len(bars) - 1) / 2) * width
            near = place_scale(place) + offset - width / 2
            first, second = sorted((value_scale(begin), value_scale(begin + value)))
            box = (first, near, second - first, width) if sideways else (near, first, width, second - first)
            yield element(
                "rect",
                element("title", escape(point.label)),
                **dict(zip(("x", "y", "width", "height"), box, strict=True)),
                fill=colors[series.name],
            )


def _interval(chart: Chart, point: Point, frame: Frame, color: str) -> Iterator[str]:
    if point.low is None or point.high is None:
        return
    if chart.value_axis == "x":
        low, high, y = frame.x(point.low), frame.x(point.high), frame.y(point.y)
        strokes = (((low, y), (high, y)), *(((at, y - _CAP), (at, y + _CAP)) for at in (low, high)))
    else:
        low, high, x = frame.y(point.low), frame.y(point.high), frame.x(point.x)
        strokes = (((x, low), (x, high)), *(((x - _CAP, at), (x + _CAP, at)) for at in (low, high)))
    yield element("path", d="".join(map(_path, strokes)), fill="none", stroke=color, stroke_width=1.5)


# --- names ------------------------------------------------------------------------------------------------


def _row_names(chart: Chart, frame: Frame, palette: Palette) -> Iterator[str]:
    """One column of texts, at the ends of the rows."""
    room = frame.names_at - frame.right
    for point in (point for series in chart.series for point in series.points if point.name):
        words = shorten(single_line(point.name), SMALL, room)
        y = frame.y(point.y) + 0.35 * SMALL
        yield text(frame.names_at, y, words, size=SMALL, fill=palette.text, text_anchor="end")


_Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def _free_names(chart: Chart, frame: Frame, palette: Palette) -> Iterator[str]:
    """Each name where it covers no mark, no line and no other name: beside its mark or a bit farther.

    Where there is no such place it may lie on a line; where every place covers a mark or a name it is left
    out, and pointing at the mark still tells it.
    """
    named = [series for series in chart.series if series.mark not in ("line", "bar")]
    taken = [box for series in named for box in _mark_boxes(series, _radius(chart, series), frame)]
    lines = [box for series in chart.series if series.mark == "line" for box in _line_boxes(series, frame)]
    for point in (point for series in named for point in series.points if point.name):
        words = single_line(point.name)
        wide = text_width(words, SMALL)
        places = list(_places(frame.x(point.x), frame.y(point.y), wide))
        for avoided, (left, base) in product(([*taken, *lines], taken), places):
            box = (left, base - SMALL, left + wide, base + 0.25 * SMALL)
            if _is_inside(box, frame) and not any(_overlap(box, other) for other in avoided):
                taken.append(box)
                # A rim in the colour of the ground keeps a name readable on a grid line.
                rim: dict[str, str | float] = {
                    "paint_order": "stroke",
                    "stroke": palette.ground,
                    "stroke_width": 3.0,
                }
                yield text(left, base, words, size=SMALL, fill=palette.text, **rim)
                break


def _mark_boxes(series: Series, radius: float, frame: Frame) -> Iterator[_Box]:
    reach = 1.4 * radius
    for point in series.points:
        x, y = frame.x(point.x), frame.y(point.y)
        yield x - reach, y - reach, x + reach, y + reach


def _line_boxes(series: Series, frame: Frame) -> Iterator[_Box]:
    """Small boxes along the line, close enough together that no name fits between them."""
    places = [(frame.x(point.x), frame.y(point.y)) for point in series.points]
    for (x, y), (next_x, next_y) in pairwise(places):
        steps = 1 + int(max(abs(next_x - x), abs(next_y - y)) / _STEP)
        for step in range(steps + 1):
            at_x, at_y = x + (next_x - x) * step / steps, y + (next_y - y) * step / steps
            yield at_x - 1, at_y - 1, at_x + 1, at_y + 1


def _is_inside(box: _Box, frame: Frame) -> bool:
    left, top, right, bottom = box
    return left >= frame.left and right <= frame.right and top >= frame.top and bottom <= frame.base


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _places(x: float, y: float, wide: float) -> Iterator[tuple[float, float]]:
    """Left end and baseline of a name: above, below, right, left, at the corners, then farther away."""
    for away in (0.0, LINE):
        above, below = y - 9.0 - away, y + 9.0 + 0.8 * SMALL + away
        yield from ((x - wide / 2, above), (x - wide / 2, below))
        yield from ((x + 9.0 + away, y + 0.35 * SMALL), (x - 9.0 - away - wide, y + 0.35 * SMALL))
        yield from ((x, above), (x - wide, above), (x, below), (x - wide, below))
