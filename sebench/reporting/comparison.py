"""Comparisons as a document in the manner of the paper's Section 4: answer, figures, notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from sebench.reporting.accuracy_beside_cost import beside_cost
from sebench.reporting.answers import answers, confidence_text
from sebench.reporting.comparison_notes import notes
from sebench.reporting.comparison_records import comparison_records
from sebench.reporting.document import Cell, Column, Document, Paragraph, Row, Table
from sebench.reporting.finite import finite_comparison
from sebench.reporting.metric_row import PaperPair, columns, paper_pair, row
from sebench.schema import (
    WORKLOAD_OPTIONS,
    Accuracy,
    Comparison,
    Environment,
    MetricComparison,
    Origin,
    SavedStage,
    Workload,
    image_text,
    is_printed,
    workload_words,
)
from sebench.units import UNKNOWN, bytes_scale, format_ratio, significant

NOTHING_COMPARED = "Nothing was compared."
_SAVED_TITLE = "Saved for backward by stage"
_SAVED_NOTE = "a tensor counts where it is kept first: what attention puts out, where it is read next"
_SAVED_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric of one pair, with the paper's figures for it."""

    comparison: Comparison
    metric: MetricComparison
    paper: PaperPair | None

    @property
    def is_printed(self) -> bool:
        """Whether people see it, too."""
        return is_printed(self.metric.metric, self.metric.workload)


def comparison_document(
    comparisons: Sequence[Comparison],
    environment: Environment | None = None,
    *,
    as_published: bool | Sequence[bool] = False,
    measured_at: str | None = None,
    with_findings: bool = True,
    origins: Sequence[Origin] = (),
    accuracy: Accuracy | None = None,
) -> Document:
    """What `sebench compare` shows.

    Args:
        comparisons: One per pair; pairs under the same workload share a table.
        environment: The machine; None where it is unknown or differs between the comparisons.
        as_published: Whether both networks of a pair are as the paper built them (class count, stride, native
            image size), for all or one by one. Only then are the paper's own figures shown.
        measured_at: UTC, ISO 8601.
        with_findings: Whether the notes repeat the findings; not where they are shown beside the document.
        origins: Where and when each of them was measured; stands in CSV.
        accuracy: What the networks get right, to be shown beside what they take.

    Raises:
        ValueError: `as_published` or `origins` has not one entry per comparison.
    """
    comparisons = [finite_comparison(comparison) for comparison in comparisons]
    published = [as_published] * len(comparisons) if isinstance(as_published, bool) else as_published
    entries = [
        Entry(comparison, metric, paper_pair(comparison, metric) if native else None)
        for comparison, native in zip(comparisons, published, strict=True)
        for metric in comparison.metrics
    ]
    sentences = [sentence for comparison in comparisons for sentence in answers(comparison)]
    return Document(
        title=_title(comparisons),
        body=(
            *(Paragraph(sentence, strong=True) for sentence in sentences or (NOTHING_COMPARED,)),
            *(
                _table(workload, members, alone=len(comparisons) == 1)
                for workload, members in _by_workload(comparisons, entries)
            ),
            *(
                saved_table(comparison, group="" if len(comparisons) == 1 else pair_text(comparison))
                for comparison in comparisons
                if comparison.saved_by_stage
            ),
            *(() if accuracy is None else (beside_cost(comparisons, accuracy, as_published=published),)),
        ),
        notes=notes(
            comparisons,
            environment,
            papers=[(entry.metric, entry.paper) for entry in entries if entry.paper],
            measured_at=measured_at,
            with_findings=with_findings,
        ),
        records=partial(comparison_records, comparisons, as_published=published, origins=origins),
    )


def _title(comparisons: Sequence[Comparison]) -> str:
    return pair_text(comparisons[0]) if len(comparisons) == 1 else f"{len(comparisons)} comparisons"


def pair_text(comparison: Comparison) -> str:
    """E.g. ``resnet50: plain -> se``."""
    return comparison.title


# --- tables ---------------------------------------------------------------------------------------------

_Key = tuple[object, ...] | None


def _by_workload(
    comparisons: Sequence[Comparison], entries: Sequence[Entry]
) -> Iterator[tuple[Workload | None, list[Entry]]]:
    """Entries by workload, the image size apart; what is exact stands with a pair's first workload."""
    tables: dict[_Key, list[Entry]] = {}
    first = {id(comparison): _first_key(comparison) for comparison in comparisons}
    for entry in entries:
        workload = entry.metric.workload
        key = _key(workload) if workload else first[id(entry.comparison)]
        tables.setdefault(key, []).append(entry)
    for members in tables.values():
        yield next((e.metric.workload for e in members if e.metric.workload), None), members


def _first_key(comparison: Comparison) -> _Key:
    return next((_key(metric.workload) for metric in comparison.metrics if metric.workload), None)


def _key(workload: Workload) -> _Key:
    return tuple(option.value(workload) for option in WORKLOAD_OPTIONS if option.field != "input_shape")


def _table(workload: Workload | None, entries: Sequence[Entry], *, alone: bool) -> Table:
    with_paper = any(entry.paper for entry in entries)
    confidences = {entry.metric.ratio.confidence for entry in entries if not entry.metric.exact}
    confidence = confidence_text(confidences.pop()) if len(confidences) == 1 else ""
    sizes = {entry.metric.workload.input_shape for entry in entries if entry.metric.workload}
    groups = {id(entry.comparison): _group(entry.comparison, sizes) for entry in entries}
    if alone:
        groups = dict.fromkeys(groups, "")
    return Table(
        title=workload_text(workload, sizes),
        columns=columns(confidence=confidence, with_paper=with_paper),
        rows=tuple(
            row(entry.metric, group=groups[id(entry.comparison)], paper=entry.paper, with_paper=with_paper)
            for entry in entries
            if entry.is_printed
        ),
    )


def _group(comparison: Comparison, sizes: Iterable[tuple[int, ...]]) -> str:
    own = next((metric.workload for metric in comparison.metrics if metric.workload), None)
    if own is None or len(set(sizes)) < 2:
        return pair_text(comparison)
    return f"{pair_text(comparison)}, {image_text(own)}"


def workload_text(workload: Workload | None, sizes: Iterable[tuple[int, ...]]) -> str:
    """E.g. ``CPU inference, batch 1, 224x224, float32, 2 threads``; the size only where there is one."""
    if workload is None:
        return "Static costs"
    alike = len(set(sizes)) == 1
    return ", ".join(workload_words(workload, without=() if alike else ("input_shape",)))


# --- saved for backward -----------------------------------------------------------------------------------


def saved_table(comparison: Comparison, *, group: str = "") -> Table:
    """Bytes by stage of both sides, exact, and their sum.

    Args:
        comparison: with stages.
        group: names the pair where there are several.
    """
    stages = comparison.saved_by_stage
    whole = SavedStage(
        stage="all",
        baseline_bytes=sum(stage.baseline_bytes for stage in stages),
        candidate_bytes=sum(stage.candidate_bytes for stage in stages),
    )
    scale = bytes_scale(whole.candidate_bytes)
    columns = (
        Column("stage", "stage"),
        *(
            Column(key, title, "right", detail=f"({scale.unit})")
            for key, title in (
                ("baseline_bytes", "baseline"),
                ("candidate_bytes", "candidate"),
                ("difference_bytes", "difference"),
            )
        ),
        Column("saved_ratio", "ratio", "right"),
    )
    rows = tuple(_row(stage, scale.factor) for stage in (*stages, whole))
    return Table(f"{_SAVED_TITLE}, {group}" if group else _SAVED_TITLE, columns, rows, (_SAVED_NOTE,))


def _row(stage: SavedStage, factor: float) -> Row:
    difference = stage.candidate_bytes - stage.baseline_bytes
    ratio = stage.candidate_bytes / stage.baseline_bytes if stage.baseline_bytes else None
    return (
        Cell(stage.stage or "(none)", stage.stage),
        _bytes(stage.baseline_bytes, factor),
        _bytes(stage.candidate_bytes, factor),
        _bytes(difference, factor),
        Cell(UNKNOWN if ratio is None else format_ratio(ratio), ratio),
    )


def _bytes(value: int, factor: float) -> Cell:
    return Cell(significant(value / factor, _SAVED_DIGITS), value)
