"""Where values lie on an axis: its ends, its ticks, and the place of a value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from sebench.reporting.chart import Axis, Chart, Direction

_PADDING = 0.05
_SAME = 1e-9
"""Values that differ by less, relative to the largest, are drawn as equal."""
_LEAST_FACTOR = 1.001
"""Room at each end of a logarithmic axis, whose data may all but coincide."""
_MOST_TICKS = 8
_ROUND = (1.0, 2.0, 5.0, 10.0)
_FEW_FOLD = 4.0
"""Up to this factor from end to end the ticks of a logarithmic axis are those of a linear one."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` on a line from `start` to `end`, in pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value, at the nearer end where it lies beyond the ends."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return self.start + (self.end - self.start) * (at - low) / (high - low)


def domain(chart: Chart, direction: Direction) -> tuple[float, float]:
    """The ends of an axis: its limits, its categories, or what the data need with some room."""
    axis = chart.x if direction == "x" else chart.y
    if axis.categories:
        return -0.5, len(axis.categories) - 0.5
    if axis.limits:
        return axis.limits
    values = [value for value in _values(chart, direction) if math.isfinite(value)]
    if axis.log:
        return _log_domain([value for value in values if value > 0])
    low, high = min(values, default=0.0), max(values, default=1.0)
    largest = max(abs(low), abs(high))
    span = high - low if high - low > _SAME * largest else 0.0
    room = _PADDING * (span or largest or 1.0)
    if axis.from_zero:
        return (low - room if low < 0 else 0.0), (high + room if high > 0 else 0.0) or 1.0
    return low - room, high + room


def _log_domain(values: list[float]) -> tuple[float, float]:
    low, high = min(values, default=0.1), max(values, default=10.0)
    room = max((high / low) ** _PADDING, _LEAST_FACTOR) if high > low else 1 + _PADDING
    return low / room, high * room


def _values(chart: Chart, direction: Direction) -> Iterator[float]:
    """Everything that the axis has to reach."""
    along = direction == chart.value_axis
    sums: dict[float, float] = {}
    for series in chart.series:
        for point in series.points:
            value, place = (point.x, point.y) if direction == "x" else (point.y, point.x)
            if along and chart.stacked and series.mark == "bar":
                sums[place] = sums.get(place, 0.0) + value
                continue
            yield value
            if along:
                yield from (end for end in (point.low, point.high) if end is not None)
    yield from sums.values()
    yield from (level.at for level in chart.levels if level.on == direction)
    if chart.band and direction == "y":
        yield from (chart.band.low, chart.band.high)


def ticks(axis: Axis, low: float, high: float) -> tuple[float, ...]:
    """Round values between the ends, at most nine."""
    if not axis.log or high / low <= _FEW_FOLD:
        return _linear_ticks(low, high)
    found = _log_ticks(low, high, _ROUND[:3])
    if len(found) > _MOST_TICKS:
        found = _log_ticks(low, high, _ROUND[:1])
    return found[:: 1 + (len(found) - 1) // _MOST_TICKS]


def _linear_ticks(low: float, high: float) -> tuple[float, ...]:
    raw = (high - low) / _MOST_TICKS
    power: float = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in _ROUND if power * factor >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(number * step for number in range(first, last + 1))


def _log_ticks(low: float, high: float, factors: tuple[float, ...]) -> tuple[float, ...]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = (factor * 10.0**power for power in powers for factor in factors)
    return tuple(value for value in values if low <= value <= high)


def tick_texts(values: tuple[float, ...]) -> tuple[str, ...]:
    """Digits that tell the ticks apart, the same number of decimals where they are evenly spaced."""
    if len(values) < 2:
        return tuple(f"{value:.6g}" for value in values)
    steps = [after - before for before, after in pairwise(values)]
    if max(steps) > 1.5 * min(steps):
        return tuple(f"{value:.6g}" for value in values)
    decimals = max(0, -math.floor(math.log10(steps[0]) + 1e-9))
    if max(map(abs, values)) >= 1e6:
        return tuple(f"{value:.4g}" for value in values)
    return tuple(f"{value + 0.0:.{decimals}f}" for value in values)
