"""A picture as data: axes, marks and reference lines. Each renderer draws it in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal["dot", "diamond", "line", "bar"]


@dataclass(frozen=True, slots=True)
class Axis:
    """What one direction means."""

    title: str
    categories: tuple[str, ...] = ()
    """Names of the positions 0, 1, 2 ...; empty where the axis is a number line."""
    from_zero: bool = False
    limits: tuple[float, float] | None = None
    """Where it begins and ends; None leaves it to the data."""


@dataclass(frozen=True, slots=True)
class Point:
    """One mark."""

    x: float
    y: float
    label: str
    """What it is and its figures in words; shown where a reader points at it."""
    name: str = ""
    """Written beside the mark, where the series says so by giving one."""


@dataclass(frozen=True, slots=True)
class Series:
    """Marks that belong together; named in the legend."""

    name: str
    mark: Mark
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line to compare with."""

    y: float
    name: str


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
