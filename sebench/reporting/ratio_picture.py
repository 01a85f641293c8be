"""The headline as a picture: ratios with their intervals, sorted, with a line at 1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sebench.reporting.answers import confidence_text, ratio_text
from sebench.reporting.change_rows import pair_name
from sebench.reporting.chart import Axis, Chart, Level, Panel, Picture, Point, Series
from sebench.schema import Change, Comparison, Environment, Ratio, Workload, workload_words

NO_DIFFERENCE = "no difference"
_WITH, _WITHOUT = "ratio with its interval", "ratio without an interval"
_NAMED = 5
"""How many rows without a ratio are named; of more their number is told."""


@dataclass(frozen=True, slots=True)
class RatioRow:
    """One network under one workload."""

    name: str
    place: tuple[str, ...]
    """Device and workload in words, but for those that the picture says of all rows."""
    ratio: Ratio

    @property
    def known(self) -> float | None:
        """The ratio where there is one that a logarithmic axis can show."""
        estimate = self.ratio.estimate
        return estimate if estimate is not None and math.isfinite(estimate) and estimate > 0 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its ends, where both can be shown."""
        low, high = self.ratio.ci_low, self.ratio.ci_high
        if low is None or high is None or low <= 0 or not math.isfinite(high):
            return None
        return low, high


def machine_text(environment: Environment) -> str:
    """The device by name, e.g. ``NVIDIA H200, Intel Xeon``."""
    names = (environment.device.get("name"), environment.cpu.get("model"))
    return ", ".join(str(name) for name in names if name) or "unknown machine"


def latency_rows(comparisons: Sequence[Comparison]) -> tuple[RatioRow, ...]:
    """The latency of each pair under each workload, in the order of the comparisons."""
    return tuple(
        RatioRow(comparison.title, _place(metric.workload), metric.ratio)
        for comparison in comparisons
        for metric in comparison.metrics
        if metric.metric == "latency"
    )


def _place(workload: Workload | None) -> tuple[str, ...]:
    return tuple(workload_words(workload)) if workload else ()


def split_place(rows: Sequence[RatioRow]) -> tuple[str, tuple[RatioRow, ...]]:
    """What the workloads of all rows have in common, said once, and the rows with what is left."""
    common = [word for word in (rows[0].place if rows else ()) if all(word in row.place for row in rows)]
    left = (tuple(word for word in row.place if word not in common) for row in rows)
    return ", ".join(common), tuple(replace(row, place=place) for row, place in zip(rows, left, strict=True))


def ratio_chart(rows: Sequence[RatioRow], quantity: str = "latency, candidate / baseline") -> Chart:
    """One row per ratio that is known, the smallest at the top.

    Args:
        rows: In any order; rows of equal ratios keep theirs.
        quantity: What the ratio is of.
    """
    known = sorted(
        ((estimate, row) for row in rows if (estimate := row.known) is not None), key=lambda pair: pair[0]
    )
    points = [
        (row.interval is not None, _point(place, estimate, row))
        for place, (estimate, row) in enumerate(known)
    ]
    return Chart(
        x=Axis(quantity, log=True),
        y=Axis("", tuple("\n".join(filter(None, (row.name, ", ".join(row.place)))) for _, row in known)),
        series=(
            Series(_WITH, "dot", tuple(point for with_interval, point in points if with_interval)),
            Series(
                _WITHOUT, "diamond", tuple(point for with_interval, point in points if not with_interval), 1
            ),
        ),
        levels=(Level(1.0, NO_DIFFERENCE, dashed=True, on="x"),),
    )


def _point(place: int, estimate: float, row: RatioRow) -> Point:
    low, high = row.interval or (None, None)
    figures = " ".join(part for part in ratio_text(row.ratio) if part)
    about = ", ".join((row.name, *row.place))
    return Point(estimate, place, f"{about}: {figures}", figures, low, high)


def ratio_notes(rows: Sequence[RatioRow], what: str = "candidate / baseline") -> tuple[str, ...]:
    """What the bars are, and which rows are missing."""
    return (*_interval_note(rows, what), *_missing_note(rows))


def _interval_note(rows: Sequence[RatioRow], what: str) -> Iterator[str]:
    shown = [row.ratio for row in rows if row.known is not None and row.interval]
    levels = list(dict.fromkeys(confidence_text(ratio.confidence) for ratio in shown))
    about = f" Bar: its {' or '.join(levels)} confidence interval, from {_spread(shown)}." if shown else ""
    yield f"Mark: {what}.{about} Logarithmic axis; smaller is better."


def _spread(ratios: Sequence[Ratio]) -> str:
    """What an interval speaks for: another process, or only another block of the same one."""
    within = sum(ratio.scope == "within-process" for ratio in ratios)
    if not within:
        return "how fresh processes differ"
    if within == len(ratios):
        return "how the blocks of one process differ"
    return f"how fresh processes differ (in {within} of {len(ratios)} rows: the blocks of one process)"


def _missing_note(rows: Sequence[RatioRow]) -> Iterator[str]:
    missing = list(dict.fromkeys(row.name for row in rows if row.known is None))
    if missing:
        named = ", ".join(missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        yield f"Without a ratio, and not shown: {named}{more}."


def latency_panel(rows: Sequence[RatioRow]) -> Panel | None:
    """The headline; None where no row has a ratio."""
    if not any(row.known is not None for row in rows):
        return None
    return Panel("Latency ratio", ratio_chart(rows), ratio_notes(rows))


def change_picture(changes: Sequence[Change]) -> Picture:
    """What became of the latency overhead of each pair between old and new results."""
    rows = tuple(
        RatioRow(pair_name(change.pair), _place(metric.workload), metric.overhead)
        for change in changes
        for metric in change.metrics
        if metric.metric == "latency" and metric.verdict != "not comparable"
    )
    place, named = split_place(rows)
    known = any(row.known is not None for row in rows)
    quantity = "ratio after / ratio before"
    panel = Panel("Change of the latency ratio", ratio_chart(named, quantity), ratio_notes(named, quantity))
    return Picture("Latency overhead, new results against old", place, (panel,) if known else ())
