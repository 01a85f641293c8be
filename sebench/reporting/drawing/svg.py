"""A chart, or a picture of several, as SVG: the same bytes for the same values, and no library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from sebench.reporting.chart import Chart, Mark, Panel, Picture
from sebench.reporting.drawing.elements import (
    FONT,
    PAGE,
    PAPER,
    Palette,
    element,
    escape,
    number,
    text,
    text_width,
    wrap,
)
from sebench.reporting.drawing.layout import LINE, SIZE, SMALL, Frame, Tick, frame
from sebench.reporting.drawing.marks import marks, series_colors, symbol

WIDTH = 760.0
_MARGIN = 20.0
_GUTTER = 24.0
"""Between panels side by side."""
_TITLE_SIZE, _PANEL_SIZE = 16.0, 13.0
_SAMPLE, _LEGEND_GAP = 22.0, 18.0
_DASHES = "5 4"


def inline_svg(chart: Chart, description: str) -> str:
    """A chart as an element of an HTML page, in the colours of that page.

    Args:
        chart: What to draw.
        description: Text alternative.
    """
    legend, top = _legend(chart, 0.0, WIDTH - 2 * _MARGIN, PAGE)
    drawn, bottom = _plot(chart, top, WIDTH - 2 * _MARGIN, PAGE)
    return _document([*legend, *drawn], WIDTH - 2 * _MARGIN, bottom, description)


def picture_svg(picture: Picture) -> bytes:
    """A picture as a file of its own, on a white ground, which reads in light and in dark surroundings."""
    room = WIDTH - 2 * _MARGIN
    drawn: list[str] = []
    bottom = 0.0
    heading = ((picture.title, _TITLE_SIZE, PAPER.text), (picture.subtitle, SIZE, PAPER.muted))
    for words, size, fill in heading:
        for line in wrap(words, size * (1.06 if size == _TITLE_SIZE else 1.0), room):
            bottom += 1.35 * size
            bold = {"font_weight": "bold"} if size == _TITLE_SIZE else {}
            drawn.append(text(0, bottom, line, size=size, fill=fill, **bold))
    for first in range(0, len(picture.panels), picture.columns):
        panels = picture.panels[first : first + picture.columns]
        elements, bottom = _side_by_side(panels, bottom + LINE, room, picture.columns)
        drawn.extend(elements)
    notes, bottom = _note_lines(picture.notes, bottom, room)
    drawn.extend(notes)
    ground = element("rect", width=WIDTH, height=bottom + 2 * _MARGIN, fill=PAPER.ground)
    moved = element("g", "\n".join(drawn), transform=f"translate({number(_MARGIN)} {number(_MARGIN)})")
    title = f"{picture.title}, {picture.subtitle}" if picture.subtitle else picture.title
    svg = _document([ground, moved], WIDTH, bottom + 2 * _MARGIN, title)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{svg}\n'.encode()


def _document(drawn: list[str], width: float, height: float, description: str) -> str:
    content = "\n".join(("", *drawn, ""))
    return element(
        "svg",
        content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        font_family=FONT,
        role="img",
        aria_label=escape(description),
    )


def _side_by_side(panels: Sequence[Panel], top: float, room: float, columns: int) -> tuple[list[str], float]:
    """One row of panels, whose plot areas begin at the same height; and where the lowest of them ends."""
    width = (room - (columns - 1) * _GUTTER) / columns
    heads = [_head(panel, top, width) for panel in panels]
    begin = max(end for _, end in heads)
    bodies = [_body(panel, begin, width) for panel in panels]
    drawn: list[str] = []
    for place, ((head, _), (body, _)) in enumerate(zip(heads, bodies, strict=True)):
        if place == 0:
            drawn += [*head, *body]
        else:
            moved = f"translate({number(place * (width + _GUTTER))} 0)"
            drawn.append(element("g", "\n".join((*head, *body)), transform=moved))
    return drawn, max(end for _, end in bodies)


def _head(panel: Panel, top: float, width: float) -> tuple[list[str], float]:
    """Title and legend of a panel."""
    drawn: list[str] = []
    for line in wrap(panel.title, _PANEL_SIZE * 1.06, width):
        top += 1.35 * _PANEL_SIZE
        drawn.append(text(0, top, line, size=_PANEL_SIZE, fill=PAPER.text, font_weight="bold"))
    legend, top = _legend(panel.chart, top + LINE / 2, width, PAPER)
    return [*drawn, *legend], top


def _body(panel: Panel, top: float, width: float) -> tuple[list[str], float]:
    """Everything below the legend of a panel."""
    drawn, bottom = _plot(panel.chart, top, width, PAPER)
    notes, bottom = _note_lines(panel.notes, bottom, width)
    return [*drawn, *notes], bottom


def _note_lines(notes: Sequence[str], bottom: float, width: float) -> tuple[list[str], float]:
    drawn: list[str] = []
    for note in notes:
        for line in wrap(note, SMALL, width):
            bottom += LINE
            drawn.append(text(0, bottom, line, size=SMALL, fill=PAPER.muted))
    return drawn, bottom


def _plot(chart: Chart, top: float, width: float, palette: Palette) -> tuple[list[str], float]:
    place = frame(chart, top + LINE / 2, width)
    drawn = chain(_background(chart, place, palette), _axes(chart, place, palette))
    return [*drawn, *_levels(chart, place, palette), *marks(chart, place, palette)], place.bottom


# --- legend -----------------------------------------------------------------------------------------------


def _legend(chart: Chart, top: float, width: float, palette: Palette) -> tuple[list[str], float]:
    """Entries from left to right, on as many lines as they need; and where they end."""
    drawn: list[str] = []
    left, base = 0.0, top + SIZE
    for name, sample in _samples(chart, palette):
        wide = _SAMPLE + text_width(name, SMALL)
        if left and left + wide > width:
            left, base = 0.0, base + LINE
        drawn.append(sample(left + _SAMPLE / 2 - 3, base - 0.35 * SMALL))
        drawn.extend(
            text(left + _SAMPLE, base, line, size=SMALL, fill=palette.text)
            for line in wrap(name, SMALL, width - _SAMPLE)[:1]
        )
        left += wide + _LEGEND_GAP
    return drawn, base if drawn else top


class _Sample:
    """Draws what stands for a series, a level or the band in the legend."""

    def __init__(self, mark: Mark | None, color: str, dashes: str = "") -> None:
        self._mark, self._color, self._dashes = mark, color, dashes

    def __call__(self, x: float, y: float) -> str:
        if self._mark:
            return symbol(self._mark, (x, y), 4.0, self._color)
        line = {"stroke_dasharray": self._dashes} if self._dashes else {}
        return element("path", d=f"M{number(x - 8)} {number(y)}h16", stroke=self._color, **line)


def _samples(chart: Chart, palette: Palette) -> Iterator[tuple[str, _Sample]]:
    kinds = {series.name: series.mark for series in chart.series}
    for name, color in series_colors(chart, palette).items():
        yield name, _Sample(kinds[name], color)
    for level in {level.name: level for level in chart.levels}.values():
        yield level.name, _Sample(None, palette.muted, _DASHES if level.dashed else "")
    if chart.band:
        yield chart.band.name, _Sample("bar", palette.band)


# --- around and behind the marks --------------------------------------------------------------------------


def _background(chart: Chart, place: Frame, palette: Palette) -> Iterator[str]:
    if chart.band:
        top, base = place.y(chart.band.high), place.y(chart.band.low)
        yield element(
            "rect",
            element("title", escape(chart.band.name)),
            x=place.left,
            y=top,
            width=place.right - place.left,
            height=base - top,
            fill=palette.band,
        )
    lines = (
        [(f"M{number(tick.at)} {number(place.top)}V{number(place.base)}") for tick in place.x_ticks]
        if chart.value_axis == "x" or not chart.x.categories
        else []
    )
    if chart.value_axis == "y":
        lines += [f"M{number(place.left)} {number(tick.at)}H{number(place.right)}" for tick in place.y_ticks]
    if lines:
        yield element("path", d="".join(lines), stroke=palette.line, fill="none")


def _levels(chart: Chart, place: Frame, palette: Palette) -> Iterator[str]:
    for level in chart.levels:
        if level.on == "y":
            path = f"M{number(place.left)} {number(place.y(level.at))}H{number(place.right)}"
        else:
            path = f"M{number(place.x(level.at))} {number(place.top)}V{number(place.base)}"
        dashes = {"stroke_dasharray": _DASHES} if level.dashed else {}
        title = element("title", escape(level.name))
        yield element("path", title, d=path, stroke=palette.muted, stroke_width=1.2, fill="none", **dashes)


def _axes(chart: Chart, place: Frame, palette: Palette) -> Iterator[str]:
    corner = f"M{number(place.left)} {number(place.top)}V{number(place.base)}H{number(place.right)}"
    yield element("path", d=corner, stroke=palette.muted, fill="none")
    for tick in place.y_ticks:
        yield from _tick_text(tick, place.left - 6, tick.at, palette, anchor="end")
    for tick in place.x_ticks:
        if place.upright:
            turned = f"rotate(-90 {number(tick.at)} {number(place.base + 6)})"
            yield element(
                "g",
                "".join(_tick_text(tick, tick.at, place.base + 6, palette, anchor="end")),
                transform=turned,
            )
        else:
            middle = place.base + 6 + len(tick.lines) * LINE / 2
            yield from _tick_text(tick, tick.at, middle, palette, anchor="middle")
    if chart.x.title:
        middle = (place.left + place.right) / 2
        yield text(
            middle, place.bottom - 4, chart.x.title, size=SIZE, fill=palette.text, text_anchor="middle"
        )
    if chart.y.title:
        middle = (place.top + place.base) / 2
        turned = f"rotate(-90 {number(SIZE)} {number(middle)})"
        yield text(
            SIZE, middle, chart.y.title, size=SIZE, fill=palette.text, text_anchor="middle", transform=turned
        )


def _tick_text(tick: Tick, x: float, middle: float, palette: Palette, *, anchor: str) -> Iterator[str]:
    """Lines one below the other, together centred on `middle`."""
    first = middle - (len(tick.lines) - 1) * LINE / 2 + 0.35 * SIZE
    shortened = " ".join(tick.lines) != " ".join(tick.full.split("\n"))
    for index, line in enumerate(tick.lines):
        fill = palette.muted if index else palette.text
        drawn = text(x, first + index * LINE, line, size=SIZE, fill=fill, text_anchor=anchor)
        about = element("title", escape(tick.full)) if shortened else ""
        yield drawn.replace("</text>", f"{about}</text>") if about else drawn
