"""Comparisons as records: one per pair, workload and metric, all values plain numbers in base units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sebench.reporting.finite import finite_comparison
from sebench.reporting.metric_row import PaperPair, paper_pair
from sebench.reporting.records import WORKLOAD_FIELDS, CellValue, Field, Kind, Records
from sebench.schema import (
    Comparison,
    MetricComparison,
    Origin,
    Quantity,
    Ratio,
    workload_values,
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one record is made of."""

    comparison: Comparison
    metric: MetricComparison
    paper: PaperPair | None
    origin: Origin | None


_Read = Callable[[_Entry], CellValue]
_Column = tuple[Field, _Read]


def comparison_records(
    comparisons: Sequence[Comparison],
    *,
    as_published: bool | Sequence[bool] = False,
    origins: Sequence[Origin] = (),
) -> Records:
    """One row per pair, workload and metric, under `COMPARISON_FIELDS`.

    Args:
        comparisons: one per pair.
        as_published: whether both networks of a pair are as the paper built them, for all or one by one; only
            then are the paper's own figures there.
        origins: where and when each of the comparisons was measured, if that is known.

    Raises:
        ValueError: `as_published` or `origins` has not one entry per comparison.
    """
    published = [as_published] * len(comparisons) if isinstance(as_published, bool) else as_published
    known: Sequence[Origin | None] = origins or [None] * len(comparisons)
    entries = [
        _Entry(comparison, metric, paper_pair(comparison, metric) if native else None, origin)
        for comparison, native, origin in zip(
            map(finite_comparison, comparisons), published, known, strict=True
        )
        for metric in comparison.metrics
    ]
    return Records(
        COMPARISON_FIELDS,
        tuple(
            (*(read(entry) for _, read in _COLUMNS), *workload_values(entry.metric.workload))
            for entry in entries
        ),
    )


def _text(key: str, meaning: str, read: _Read) -> _Column:
    return Field(key, "text", meaning), read


def _number(key: str, meaning: str, read: _Read, kind: Kind = "number") -> _Column:
    return Field(key, kind, meaning), read


_NAMES = (
    _text("model", "the network; of two networks `CANDIDATE against BASELINE`", lambda e: e.comparison.model),
    _text("baseline_variant", "variant of the baseline, or its network", lambda e: e.comparison.baseline),
    _text("candidate_variant", "likewise of the candidate", lambda e: e.comparison.candidate),
    _text("metric", "a name of [metrics.md](metrics.md)", lambda e: e.metric.metric),
    _text("unit", "base unit of the values and of the difference", lambda e: e.metric.unit),
    _number("exact", "whether it is counted rather than sampled", lambda e: e.metric.exact, "flag"),
)


def _side(side: Literal["baseline", "candidate"]) -> tuple[_Column, ...]:
    def quantity(entry: _Entry) -> Quantity:
        found: Quantity = getattr(entry.metric, side)
        return found

    return (
        _number(side, f"value of the {side}: exact, or the median", lambda e: quantity(e).value),
        _number(f"{side}_q1", "its lower quartile", lambda e: quantity(e).q1),
        _number(f"{side}_q3", "its upper quartile", lambda e: quantity(e).q3),
        _number(f"{side}_n", "number of sampled values", lambda e: quantity(e).n, "integer"),
    )


def _sampled(read: Callable[[Ratio], CellValue]) -> _Read:
    """What means nothing of exact figures."""
    return lambda entry: None if entry.metric.exact else read(entry.metric.ratio)


_FIGURES = (
    _number("difference", "candidate - baseline", lambda e: e.metric.difference.estimate),
    _number("difference_ci_low", "its lower confidence limit", lambda e: e.metric.difference.ci_low),
    _number("difference_ci_high", "its upper confidence limit", lambda e: e.metric.difference.ci_high),
    _number("ratio", "candidate / baseline", lambda e: e.metric.ratio.estimate),
    _number("ratio_ci_low", "its lower confidence limit", lambda e: e.metric.ratio.ci_low),
    _number("ratio_ci_high", "its upper confidence limit", lambda e: e.metric.ratio.ci_high),
    _number("confidence", "of the limits; none of exact figures", _sampled(lambda r: r.confidence)),
    _text("method", "how ratio and limits were estimated", lambda e: e.metric.ratio.method),
    _text("scope", "`process` or `within-process`", lambda e: e.metric.ratio.scope),
    _number("processes", "that were measured", _sampled(lambda r: r.processes), "integer"),
    _number("blocks", "in all of them", _sampled(lambda r: r.blocks), "integer"),
    _text("grade", "`A`, `B` or `C`", lambda e: e.metric.grade),
    _text("status", "`ok` or `unavailable`", lambda e: e.metric.status),
    _text("reason", "why there is no figure, or no interval", lambda e: e.metric.reason),
)


def _printed(side: Literal["baseline", "candidate"]) -> _Read:
    def read(entry: _Entry) -> CellValue:
        figure = getattr(entry.paper, side, None)
        return None if figure is None else figure.value

    return read


def _printed_ratio(entry: _Entry) -> CellValue:
    paper = entry.paper
    if paper is None or paper.baseline is None or paper.candidate is None:
        return None
    return paper.candidate.value / paper.baseline.value


def _sources(entry: _Entry) -> CellValue:
    if entry.paper is None:
        return None
    return ", ".join(dict.fromkeys(figure.source for figure in entry.paper.figures))


_PAPER = (
    _number("paper_baseline", "the paper's figure for the baseline", _printed("baseline")),
    _number("paper_candidate", "the paper's figure for the candidate", _printed("candidate")),
    _number("paper_ratio", "the second over the first", _printed_ratio),
    _text("paper_source", "where they are printed", _sources),
)


def _fact(name: str) -> _Read:
    return lambda entry: None if entry.origin is None else getattr(entry.origin, name)


_ORIGIN = (
    _text("result", "id of the result", _fact("id")),
    _text("measured_at", "UTC, ISO 8601", _fact("created_at")),
    _text("sebench", "version that measured", _fact("sebench")),
    _text("torch", "its version of torch", _fact("torch")),
    _text("commit", "of the repository that was measured in", _fact("commit")),
    _number("dirty", "whether tracked files differed from that commit", _fact("dirty"), "flag"),
    _text("fingerprint", "equal on equal set-ups of the machine", _fact("fingerprint")),
)

_COLUMNS: tuple[_Column, ...] = (
    *_NAMES,
    *_side("baseline"),
    *_side("candidate"),
    *_FIGURES,
    *_PAPER,
    *_ORIGIN,
)

COMPARISON_FIELDS: tuple[Field, ...] = (*(field for field, _ in _COLUMNS), *WORKLOAD_FIELDS)
"""The columns of `comparison_records`. New ones are added at the end of the workload's, and none is moved."""
