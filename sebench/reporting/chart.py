"""A picture as data: axes, marks and reference lines. SVG and the interactive page are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal["dot", "diamond", "square", "line", "bar"]
Direction = Literal["x", "y"]


@dataclass(frozen=True, slots=True)
class Axis:
    """What one direction means."""

    title: str
    categories: tuple[str, ...] = ()
    """Names of the positions 0, 1, 2 ..., from left to right or from top to bottom; a newline begins another
    line. Empty where the axis is a number line."""
    from_zero: bool = False
    limits: tuple[float, float] | None = None
    """Where it begins and ends; None leaves it to the data."""
    ticks: tuple[float, ...] = ()
    """The values that ticks stand at, where there is room; empty leaves them to the data."""
    log: bool = False
    """Equal factors are equally far apart; values must be positive."""


@dataclass(frozen=True, slots=True)
class Point:
    """One mark."""

    x: float
    y: float
    label: str
    """What it is and its figures in words; shown where a reader points at it."""
    name: str = ""
    """Written beside the mark; at the end of the row where the rows of the chart are categories."""
    low: float | None = None
    """Lower end of its interval, on the chart's value axis; None where there is no interval."""
    high: float | None = None
    """Upper end of its interval."""


@dataclass(frozen=True, slots=True)
class Series:
    """Marks that belong together; named in the legend, once for all series of one name."""

    name: str
    mark: Mark
    points: tuple[Point, ...]
    color: int | None = None
    """Position in the palette; None takes the next one, for a line the colour of reference lines."""


@dataclass(frozen=True, slots=True)
class Level:
    """A straight line to compare with."""

    at: float
    name: str
    dashed: bool = False
    on: Direction = "y"
    """The axis that it stands on: at a value of ``y`` it is horizontal, at one of ``x`` vertical."""


@dataclass(frozen=True, slots=True)
class Band:
    """A horizontal stripe, an interval for instance."""

    low: float
    high: float
    name: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything to be drawn, back to front: band, levels, series in their order."""

    x: Axis
    y: Axis
    series: tuple[Series, ...]
    levels: tuple[Level, ...] = ()
    band: Band | None = None
    stacked: bool = False
    """Bars of one category stand on each other, not side by side."""

    @property
    def value_axis(self) -> Direction:
        """The axis along which bars grow and intervals reach: ``x`` where the rows are categories."""
        return "x" if self.y.categories else "y"


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with its heading and what a reader must know of it."""

    title: str
    chart: Chart
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """What one file shows: a title, and its panels in reading order."""

    title: str
    subtitle: str
    """Where and how it was measured."""
    panels: tuple[Panel, ...]
    columns: int = 1
    """So many panels stand side by side."""
    notes: tuple[str, ...] = ()
    """About all panels, below the last."""
