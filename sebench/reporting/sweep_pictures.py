"""A sweep as pictures: overhead with its interval against each axis that varies, all else alike."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sebench.analysis.sweep import AS_USUAL, SweepAxis, SweepLine, SweepRow, sweep_axes, sweep_lines
from sebench.reporting.answers import ratio_text
from sebench.reporting.chart import Axis, Chart, Level, Panel, Picture, Point, Series
from sebench.reporting.ratio_picture import NO_DIFFERENCE, RatioRow, ratio_notes
from sebench.schema import Ratio, workload_words
from sebench.schema.options import Fact

MAX_PANELS, MAX_COLORS = 12, 6
"""Of one picture, and of one panel: as many as the palette has."""
_LOG_FROM = 8.0
"""A number line is logarithmic where its largest value is more than so many times the smallest."""
_LARGEST_SHIFT = 0.02
"""Between marks of one value side by side, as a share of the axis."""
_LARGEST_GAP = 0.05
"""The same of names, where there is more room."""
_GROUP = 0.6
"""How much of the distance between neighbouring values their marks take up."""
_WIDEST_NAME = 20
"""Characters of a line under the axis."""
_NAMED = 3
_MODEL, _VARIANT = "model", "variant"


def sweep_pictures(name: str, rows: Sequence[SweepRow]) -> Mapping[str, Picture]:
    """One picture per axis along which anything can be compared, by the key of the axis.

    Args:
        name: of the sweep.
        rows: from `sebench.analysis.sweep.sweep_rows`.
    """
    axes = sweep_axes(rows)
    found = ((axis, sweep_lines(rows, axis, axes)) for axis in axes)
    return {axis.key: _picture(name, axis, lines) for axis, lines in found if lines}


def sweep_picture(name: str, rows: Sequence[SweepRow]) -> Picture:
    """All of `sweep_pictures` one below the other; without panels where nothing varies."""
    pictures = sweep_pictures(name, rows)
    found = [(axis.label, pictures[axis.key]) for axis in sweep_axes(rows) if axis.key in pictures]
    panels = tuple(
        replace(panel, title=", ".join(filter(None, (f"Against {label}", panel.title))))
        for label, picture in found
        for panel in picture.panels
    )
    notes = dict.fromkeys(note for _, picture in found for note in picture.notes)
    return Picture(f"Latency overhead, sweep {name}", _place(rows), panels, _columns(panels), tuple(notes))


def _picture(name: str, axis: SweepAxis, lines: Sequence[SweepLine]) -> Picture:
    rows = [row for line in lines for row in line.rows]
    shown = {axis.read(row) for row in rows}
    axis = replace(axis, values=tuple(each for each in axis.values if each in shown))
    placed = _placed(lines)
    titles = list(dict.fromkeys(each.panel for each in placed))[:MAX_PANELS]
    names = list(dict.fromkeys(each.name for each in placed))[:MAX_COLORS]
    drawn = [each for each in placed if each.panel in titles and each.name in names]
    limits = _limits([each.line for each in drawn])
    groups = [(title, [each for each in drawn if each.panel == title]) for title in titles]
    panels = tuple(Panel(title, _chart(axis, members, names, limits)) for title, members in groups if members)
    return Picture(
        f"Latency overhead against {axis.label}, sweep {name}",
        _place(rows),
        panels,
        _columns(panels),
        (*_notes(axis, [each.line for each in drawn]), *_left_out(axis, placed, drawn)),
    )


def _columns(panels: Sequence[Panel]) -> int:
    return 1 if len(panels) == 1 else 2


def _place(rows: Sequence[SweepRow]) -> str:
    """What holds for all rows: pair, workload and machine."""
    measured = [row for row in rows if row.ratio is not None]
    words = [_words(row) for row in measured]
    common = [word for word in (words[0] if words else ()) if all(word in each for each in words)]
    return ", ".join(common)


def _words(row: SweepRow) -> tuple[str, ...]:
    workload = tuple(workload_words(row.workload)) if row.workload else ()
    return (row.case.model, f"{row.case.variant} against {row.case.baseline}", *workload, row.machine)


# --- which line goes where --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Placed:
    """A line, the panel that it is in, and what tells it apart there."""

    line: SweepLine
    panel: str
    name: str


def _placed(lines: Sequence[SweepLine]) -> list[_Placed]:
    """A panel per network and a colour per combination of everything else; of many, a colour per variant.

    Networks of one line each are the colours of one panel, as far as colours go.
    """
    values: dict[str, set[Fact]] = {}
    for axis, value in (fixed for line in lines for fixed in line.fixed):
        values.setdefault(axis.key, set()).add(value)
    telling = {key for key, found in values.items() if len(found) > 1}
    placed = [_place_line(line, telling, panel={_MODEL}) for line in lines]
    if len({each.name for each in placed}) > MAX_COLORS:
        placed = [_place_line(line, telling, panel=telling - {_VARIANT}) for line in lines]
    if len({each.name for each in placed}) == 1 and len(placed) <= MAX_COLORS:
        placed = [_place_line(line, telling, panel=()) for line in lines]
    return placed


def _place_line(line: SweepLine, telling: Collection[str], *, panel: Collection[str]) -> _Placed:
    """A line by what it holds fixed: some of it names its panel, the rest its colour."""
    texts = {axis.key: fact_text(axis, value) for axis, value in line.fixed if axis.key in telling}
    return _Placed(
        line,
        ", ".join(text for key, text in texts.items() if key in panel),
        ", ".join(text for key, text in texts.items() if key not in panel) or _variant(line),
    )


def _variant(line: SweepLine) -> str:
    """Where nothing else tells lines apart; along the axis of variants there is nothing to name."""
    variants = {row.case.variant for row in line.rows}
    return variants.pop() if len(variants) == 1 else "ratio"


def fact_text(axis: SweepAxis, value: Fact) -> str:
    """A value as it stands alone: names speak for themselves, numbers need what they count."""
    return f"{axis.label} {value}" if isinstance(value, int) or value == AS_USUAL else str(value)


def _left_out(axis: SweepAxis, placed: Sequence[_Placed], drawn: Sequence[_Placed]) -> tuple[str, ...]:
    missing = [each for each in placed if each not in drawn]
    if not missing:
        return ()
    names = [", ".join(filter(None, (each.panel, each.name))) for each in missing]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    what = f"{len(missing)} of {len(placed)} lines against {axis.label}"
    return (f"Left out for want of room, but not of the table: {what}: {'; '.join(names[:_NAMED])}{more}.",)


# --- one panel --------------------------------------------------------------------------------------------


def _chart(
    axis: SweepAxis, members: Sequence[_Placed], names: Sequence[str], limits: tuple[float, float]
) -> Chart:
    numbers = [value for value in axis.values if isinstance(value, int) and value > 0]
    numeric = len(numbers) == len(axis.values)
    log = numeric and max(numbers) / min(numbers) > _LOG_FROM
    shown = [name for name in names if any(each.name == name for each in members)]
    shifts = {name: place - (len(shown) - 1) / 2 for place, name in enumerate(shown)}
    step = _shift(axis, len(shown), log=log, numeric=numeric)
    series: list[Series] = []
    for color, name in enumerate(names):
        for each in (each for each in members if each.name == name):
            points = [
                (row, _position(axis, row, shifts[name] * step, numeric=numeric, log=log))
                for row in each.line.rows
            ]
            series.extend(_series(name, color, points, joined=numeric))
    return Chart(
        x=Axis(axis.label, ticks=tuple(map(float, numbers)), log=log)
        if numeric
        else Axis(axis.label, tuple(textwrap.fill(str(value), _WIDEST_NAME) for value in axis.values)),
        y=Axis("latency, candidate / baseline", limits=limits, log=True),
        series=tuple(series),
        levels=(Level(1.0, NO_DIFFERENCE, dashed=True),),
    )


def _series(name: str, color: int, points: Sequence[tuple[SweepRow, float]], *, joined: bool) -> list[Series]:
    """A line through the marks of a number line, then the marks."""
    made = [_point(row, at) for row, at in points]
    kinds = (
        Series(name, "line", tuple(made) if joined else (), color),
        Series(name, "diamond", tuple(point for point in made if point.low is None), color),
        Series(name, "dot", tuple(point for point in made if point.low is not None), color),
    )
    return [each for each in kinds if each.points]


def _shift(axis: SweepAxis, count: int, *, log: bool, numeric: bool) -> float:
    """Between the marks of neighbouring lines at one value, in units of the axis or of its logarithm."""
    if not numeric:
        return min(_LARGEST_GAP * len(axis.values), _GROUP / count)
    places = [math.log(float(value or 1)) if log else float(value or 0) for value in axis.values]
    gaps = [after - before for before, after in pairwise(places)]
    return min(_LARGEST_SHIFT * (places[-1] - places[0]), _GROUP * min(gaps) / count)


def _position(axis: SweepAxis, row: SweepRow, shift: float, *, numeric: bool, log: bool) -> float:
    value = axis.read(row)
    if not numeric:
        return axis.values.index(value) + shift
    return float(value or 0) * math.exp(shift) if log else float(value or 0) + shift


def _point(row: SweepRow, at: float) -> Point:
    found = _ratio_row(row)
    figures = " ".join(part for part in ratio_text(found.ratio) if part)
    label = f"{', '.join(filter(None, _words(row)))}: {figures}"
    low, high = found.interval or (None, None)
    return Point(at, found.known or 1.0, label, "", low, high)


def _ratio_row(row: SweepRow) -> RatioRow:
    """As other pictures of ratios have it; rows of a line have a ratio."""
    return RatioRow(row.case.model, (), row.ratio or Ratio(estimate=None, method="none"))


def _limits(lines: Sequence[SweepLine]) -> tuple[float, float]:
    """The same ends of the value axis for all panels, which are compared by eye; 1 is between them."""
    ends = [1.0]
    for row in (row for line in lines for row in line.rows):
        found = _ratio_row(row)
        ends.extend(value for value in (found.known, *(found.interval or ())) if value is not None)
    low, high = min(ends), max(ends)
    room = max((high / low) ** 0.05, 1.002)
    return low / room, high * room


def _notes(axis: SweepAxis, lines: Sequence[SweepLine]) -> tuple[str, ...]:
    rows = [_ratio_row(row) for line in lines for row in line.rows]
    following = list(dict.fromkeys(other.label for line in lines for other in line.following))
    alike = "Marks of one colour in one panel differ in nothing else that the sweep sets."
    if following:
        alike += f" What it leaves open may differ with the {axis.label}: {', '.join(following)}."
    without = ("Diamond: a ratio without an interval.",) if any(not row.interval for row in rows) else ()
    return (*ratio_notes(rows), *without, alike)
