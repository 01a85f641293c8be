"""Rows of a change, with the digits that people read."""

from __future__ import annotations

from collections.abc import Sequence

from sebench.reporting.answers import attention_name, ratio_text
from sebench.reporting.document import EMPTY, Cell, Column, Row, text_cell
from sebench.schema import Change, Difference, MetricChange, Pair, Ratio, metric_label
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
