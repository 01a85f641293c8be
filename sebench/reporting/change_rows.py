"""Rows of a change: with the digits that people read, and as records, one per pair, workload and metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from sebench.reporting.answers import attention_name, ratio_text
from sebench.reporting.document import EMPTY, Cell, Column, Row, text_cell
from sebench.reporting.records import WORKLOAD_FIELDS, CellValue, Field, Records
from sebench.schema import Change, Difference, MetricChange, Pair, Ratio, metric_label, workload_values
from sebench.units import UNKNOWN, format_ratio


def pair_name(pair: Pair) -> str:
    """E.g. ``resnet50: plain -> se``, or ``nets.py:new against nets.py:old``."""
    if pair.title == pair.model:  # two networks
        return pair.title
    return f"{pair.model}: {pair.baseline_name} -> {pair.candidate_name}"


def subject(pair: Pair) -> str:
    """As running text calls it: ``resnet50 with SE against plain``."""
    if pair.title == pair.model:
        return pair.title
    baseline, candidate = attention_name(pair.baseline_name), attention_name(pair.candidate_name)
    return f"{pair.model} with {candidate} against {baseline}"


def difference_text(differences: Sequence[Difference]) -> str:
    """E.g. ``threads 2 -> 4, dtype float32 -> bfloat16``."""
    return ", ".join(f"{d.field} {_value(d.before)} -> {_value(d.after)}" for d in differences)


def ratio_cell(ratio: Ratio | None, *, exact: bool) -> Cell:
    """A ratio with its interval beside it."""
    if ratio is None or ratio.estimate is None:
        return Cell(UNKNOWN)
    if exact:
        return Cell(format_ratio(ratio.estimate), ratio.estimate)
    estimate, interval = ratio_text(ratio)
    return Cell(estimate, ratio.estimate, interval or "no interval")


def columns() -> tuple[Column, ...]:
    """For the metrics that were compared."""
    return (
        Column("pair", "pair", role="group"),
        Column("metric", "metric"),
        Column("before", "ratio before", "right", detail="[CI]"),
        Column("after", "ratio after", "right", detail="[CI]"),
        Column("change", "change", "right", detail="[CI]", pinned=True),
        Column("verdict", "verdict"),
        Column("candidate", "candidate, new/old", "right", detail="[CI]", below=True),
        Column("grade", "grade"),
        Column("processes", "processes", role="fold"),
    )


def row(change: Change, metric: MetricChange, *, alone: bool) -> Row:
    """The cells for `columns`.

    Args:
        change: the pair.
        metric: one that was compared.
        alone: no other pair is in the table, so that it needs no heading.
    """
    exact, name = metric.exact, pair_name(change.pair)
    return (
        Cell("" if alone else name, name),
        Cell(metric_label(metric.metric), metric.metric),
        ratio_cell(metric.before, exact=exact),
        ratio_cell(metric.after, exact=exact),
        ratio_cell(metric.overhead, exact=exact),
        text_cell(metric.verdict),
        _candidate(metric),
        Cell(_grade_text(metric), metric.grade),
        EMPTY if exact else _processes(metric),
    )


def missing_columns() -> tuple[Column, ...]:
    """For the metrics that were not."""
    return (
        Column("pair", "pair", role="group"),
        Column("metric", "metric"),
        Column("before", "ratio before", "right", detail="[CI]"),
        Column("after", "ratio after", "right", detail="[CI]"),
        Column("reason", "why not comparable", wrap=True, below=True),
        Column("differences", "what differs", wrap=True, below=True),
    )


def missing_row(change: Change, metric: MetricChange) -> Row:
    """The cells for `missing_columns`."""
    return (
        text_cell(pair_name(change.pair)),
        Cell(metric_label(metric.metric), metric.metric),
        ratio_cell(metric.before, exact=metric.exact),
        ratio_cell(metric.after, exact=metric.exact),
        text_cell(metric.reason or "no reason was given"),
        text_cell(difference_text(metric.differences)),
    )


def _grade_text(metric: MetricChange) -> str:
    if metric.exact:
        return "exact"
    return f"{metric.before_grade}, {metric.after_grade}" if metric.overhead.blocks else "info"


def _candidate(metric: MetricChange) -> Cell:
    if metric.candidate.status != "ok":
        return Cell("unavailable")
    return ratio_cell(metric.candidate.ratio, exact=metric.exact)


def _processes(metric: MetricChange) -> Cell:
    sizes = [ratio.processes for ratio in (metric.before, metric.after) if ratio]
    return Cell(", ".join(map(str, sizes)), sum(sizes))


def _value(value: object) -> str:
    if value is None:
        return "unset"
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


_Read = Callable[[Change, MetricChange], CellValue]
_Column = tuple[Field, _Read]


def change_records(changes: Sequence[Change]) -> Records:
    """One row per pair, workload and metric that old or new results have, under `CHANGE_FIELDS`.

    Args:
        changes: from `sebench.analysis.change.changes`.
    """
    return Records(
        CHANGE_FIELDS,
        tuple(
            (*(read(change, metric) for _, read in _COLUMNS), *workload_values(metric.workload))
            for change in changes
            for metric in change.metrics
        ),
    )


_NAMES: tuple[_Column, ...] = (
    (Field("model", "text", "the network"), lambda c, _: c.pair.model),
    (Field("baseline_variant", "text", "variant of the baseline"), lambda c, _: c.pair.baseline_name),
    (Field("candidate_variant", "text", "variant of the candidate"), lambda c, _: c.pair.candidate_name),
    (Field("metric", "text", "what was compared"), lambda _, m: m.metric),
    (Field("unit", "text", "base unit"), lambda _, m: m.unit),
    (Field("exact", "flag", "whether it is counted rather than sampled"), lambda _, m: m.exact),
)


def _ratio(
    key: str, meaning: str, find: Callable[[MetricChange], Ratio | None], *, sizes: bool
) -> Iterator[_Column]:
    def read(name: Literal["estimate", "ci_low", "ci_high", "processes"]) -> _Read:
        def value(_: Change, metric: MetricChange) -> CellValue:
            ratio = find(metric)
            if ratio is None or (name == "processes" and metric.exact):
                return None
            found: CellValue = getattr(ratio, name)
            return found

        return value

    yield Field(key, "number", meaning), read("estimate")
    yield Field(f"{key}_ci_low", "number", "its lower confidence limit"), read("ci_low")
    yield Field(f"{key}_ci_high", "number", "its upper confidence limit"), read("ci_high")
    if sizes:
        yield Field(f"{key}_processes", "integer", "that were measured"), read("processes")


_COLUMNS: tuple[_Column, ...] = (
    *_NAMES,
    *_ratio("before", "old ratio candidate / baseline", lambda m: m.before, sizes=True),
    *_ratio("after", "new ratio candidate / baseline", lambda m: m.after, sizes=True),
    *_ratio("change", "the new ratio over the old one", lambda m: m.overhead, sizes=False),
    (
        Field("confidence", "number", "of the limits; none of exact figures"),
        lambda _, m: None if m.exact else m.overhead.confidence,
    ),
    (Field("method", "text", "how the change was estimated"), lambda _, m: m.overhead.method),
    (Field("degrees_of_freedom", "number", "of its interval"), lambda _, m: m.degrees_of_freedom),
    (Field("verdict", "text", "what the interval says"), lambda _, m: m.verdict),
    *_ratio("candidate", "the candidate's own value, new / old", lambda m: m.candidate.ratio, sizes=False),
    (Field("grade", "text", "the worse of the two"), lambda _, m: m.grade),
    (Field("reason", "text", "why there is no figure, or no interval"), lambda _, m: m.reason),
    (
        Field("differences", "text", "where the workloads differ"),
        lambda _, m: difference_text(m.differences) or None,
    ),
)

CHANGE_FIELDS: tuple[Field, ...] = (*(field for field, _ in _COLUMNS), *WORKLOAD_FIELDS)
"""The columns of `change_records`; the workload is that of the new result."""
