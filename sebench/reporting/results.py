"""What `sebench list results` shows: stored results, each with its latency ratios."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import NODEFAULT

from sebench.reporting.answers import ratio_text
from sebench.reporting.contract import document_json
from sebench.reporting.document import EMPTY, Cell, Column, Document, Role, Row, Table, text_cell
from sebench.reporting.records import CellValue
from sebench.schema import (
    COLUMN_OPTIONS,
    LatencySummary,
    ListedResult,
    ResultListing,
    ResultSummary,
    Workload,
    WorkloadOption,
)
from sebench.units import UNKNOWN

NAMING_NOTE = "name a result by its file or the first characters of its ID; times are UTC"
DIRTY_NOTE = "commit+: measured with uncommitted changes"
NO_RESULTS = "no results"

_COMMIT_DIGITS = 8
# What only machines read: attributes of the summary, and of the latency.
_FACTS = ("path", "sebench", "baseline", "fingerprint", "branch", "dirty", "interrupted")
_FIGURES = (
    *("baseline_s", "candidate_s", "ratio.ci_low", "ratio.ci_high", "ratio.confidence", "ratio.method"),
    *("ratio.scope", "ratio.processes", "ratio.blocks", "status", "reason"),
)
_read_facts, _read_figures = attrgetter(*_FACTS), attrgetter(*_FIGURES)
# Columns are never moved: these options stand before the figures, those that came later behind them.
_LEADING = ("device", "phase", "batch_size", "dtype")
_EARLY = ("input_shape", "memory_format", "threads", "execution", "optimizer", "micro_batch_size")
_LATER = tuple(field for field in COLUMN_OPTIONS if field not in (*_LEADING, *_EARLY))


def results_json(listing: ResultListing) -> str:
    """The ``results`` document."""
    content = {
        "directory": listing.directory,
        "results": [_entry(listed) for listed in listing.results],
        "skipped": msgspec.to_builtins(listing.skipped),
    }
    return document_json("results", content)


def results_document(listing: ResultListing) -> Document:
    """One row per result and workload, newest last; what nobody differs in is left to machine formats."""
    entries = [
        (listed.summary, latency) for listed in listing.results for latency in listed.latency or (None,)
    ]
    workloads = {latency.workload for _, latency in entries if latency}
    fields = _shown(entries, workloads)
    notes = (
        NAMING_NOTE if entries else NO_RESULTS,
        *((DIRTY_NOTE,) if any(summary.dirty for summary, _ in entries) else ()),
    )
    columns = (
        *(column for column, _ in fields),
        *_data_columns(_FACTS),
        *(_option_column(field, workloads) for field in _EARLY),
        *_data_columns(_FIGURES),
        *(_option_column(field, workloads) for field in _LATER),
    )
    rows = tuple((*(read(*entry) for _, read in fields), *_data(*entry)) for entry in entries)
    return Document("Stored results", (Table(f"Results in {listing.directory}", columns, rows, notes),))


def _entry(listed: ListedResult) -> dict[str, Any]:
    summary = listed.summary
    plain: dict[str, Any] = msgspec.to_builtins(summary)
    del plain["workloads"]  # they stand with their ratios
    names = {"model": summary.model, "baseline": summary.baseline, "candidate": summary.candidate}
    return {"id": summary.id, **plain, **names, "latency": msgspec.to_builtins(listed.latency)}


_Entry = tuple[ResultSummary, LatencySummary | None]
"""A result that was not timed has no latency."""
_Read = Callable[[ResultSummary, LatencySummary | None], Cell]
_Field = tuple[Column, _Read]


def _shown(entries: Sequence[_Entry], workloads: Collection[Workload]) -> tuple[_Field, ...]:
    """What a person sees: always the same, and whatever is special about these."""
    machines = {summary.machine for summary, _ in entries}
    remarks = any(_remark(*entry) for entry in entries)
    return (
        (Column("created", "created"), _created),
        (Column("id", "id", role="fold"), _id),
        (Column("model", "model"), lambda summary, _: text_cell(summary.model)),
        (Column("candidate", "variant", role="fold"), _variant),
        (Column("machine", "machine", role=_role(len(machines) > 1), below=True), _machine),
        (Column("device", "device"), _of_workload("device")),
        (Column("phase", "phase", role="fold"), _of_workload("phase")),
        (Column("batch_size", "batch", "right"), _of_workload("batch_size")),
        (_option_column("dtype", workloads), _of_workload("dtype")),
        (Column("ratio", "ratio", "right", detail="[CI]", pinned=True), _ratio),
        (
            Column("grade", "grade"),
            lambda _, latency: text_cell((latency.grade or UNKNOWN) if latency else ""),
        ),
        (Column("commit", "commit", below=True), _commit),
        (Column("remark", "remark", role=_role(remarks), wrap=True, below=True), _remark_cell),
    )


def _role(special: bool) -> Role:
    return "value" if special else "data"


def _option_column(key: str, workloads: Collection[Workload]) -> Column:
    """Shown where one is not as usual; where nothing is usual, where they differ; under its present name."""
    option = COLUMN_OPTIONS[key]
    if key != option.field:
        return Column(key, key, role="data")
    if option.usual is NODEFAULT:
        special = len({_told_apart(option, workload) for workload in workloads}) > 1
    else:
        special = not all(option.is_usual(workload) for workload in workloads)
    return Column(option.field, option.label, role=_role(special), below=True)


def _told_apart(option: WorkloadOption, workload: Workload) -> object:
    """The value, of shapes without the batch, which has a column of its own."""
    value = getattr(workload, option.field)
    return value[1:] if isinstance(value, tuple) else value


def _data_columns(names: Sequence[str]) -> Iterator[Column]:
    for name in names:
        key = name.replace(".", "_")
        yield Column(key, key, role="data")


def _created(summary: ResultSummary, _: LatencySummary | None) -> Cell:
    return Cell(f"{summary.created:%Y-%m-%d %H:%M}", summary.created_at)


def _id(summary: ResultSummary, _: LatencySummary | None) -> Cell:
    # The time an id begins with is as good as always enough to name it.
    return Cell(summary.id.partition("-")[0], summary.id)


def _variant(summary: ResultSummary, _: LatencySummary | None) -> Cell:
    if len(summary.models) > 1:  # they are named beside, and have no variants
        return Cell("", summary.candidate)
    over = "" if summary.baseline == "plain" else f" / {summary.baseline}"
    return Cell(summary.candidate + over, summary.candidate)


def _machine(summary: ResultSummary, _: LatencySummary | None) -> Cell:
    return Cell(summary.machine or UNKNOWN, summary.machine)


def _of_workload(name: str) -> _Read:
    option = COLUMN_OPTIONS[name]
    return lambda _, latency: EMPTY if latency is None else _cell(option.value(latency.workload))


def _ratio(_: ResultSummary, latency: LatencySummary | None) -> Cell:
    if latency is None:
        return Cell(UNKNOWN)
    estimate, interval = ratio_text(latency.ratio)
    return Cell(estimate or latency.status, latency.ratio.estimate, interval)


def _commit(summary: ResultSummary, _: LatencySummary | None) -> Cell:
    text = (summary.commit or UNKNOWN)[:_COMMIT_DIGITS] + ("+" if summary.dirty else "")
    return Cell(text, summary.commit)


def _remark_cell(summary: ResultSummary, latency: LatencySummary | None) -> Cell:
    return text_cell(_remark(summary, latency))


def _remark(summary: ResultSummary, latency: LatencySummary | None) -> str:
    reason = latency.reason if latency else "nothing was timed"
    return "; ".join(filter(None, ("interrupted" if summary.interrupted else "", reason)))


def _data(summary: ResultSummary, latency: LatencySummary | None) -> Row:
    facts = _read_facts(summary)
    if latency is None:
        return tuple(map(_cell, (*facts, *(None,) * (len(_EARLY) + len(_FIGURES) + len(_LATER)))))
    early, later = (
        (COLUMN_OPTIONS[field].value(latency.workload) for field in fields) for fields in (_EARLY, _LATER)
    )
    return tuple(map(_cell, (*facts, *early, *_read_figures(latency), *later)))


@lru_cache(maxsize=1 << 12, typed=True)  # long listings repeat few values; typed, as 1 == 1.0 == True
def _cell(value: CellValue) -> Cell:
    return EMPTY if value is None else Cell(str(value), value)
