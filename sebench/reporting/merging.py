"""What `sebench merge` shows: a row per source, and one per sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sebench.reporting.contract import document_json, plain_value
from sebench.reporting.document import Cell, Column, Document, Row, Table, text_cell
from sebench.schema import Merge, MergedSource, MergedSweep

CONFLICTS_NOTE = "conflict: the id is taken by another result; neither file was changed"
DAMAGED_NOTE = "damaged: not a result, or not a whole one; named on standard error"
DRY_RUN = "--dry-run: nothing was written"


def merge_document(merge: Merge) -> Document:
    """One row per source, then one per sweep."""
    columns = (
        Column("source", "source"),
        Column("new", "results new", "right"),
        Column("present", "already there", "right"),
        Column("conflicts", "conflicts", "right"),
        Column("damaged", "damaged", "right"),
    )
    rows = tuple(map(_row, merge.sources))
    results = Table(f"Merged into {merge.into}", columns, rows, tuple(_notes(merge)))
    return Document("Merged results", (results, *((_sweeps(merge.sweeps),) if merge.sweeps else ())))


def merge_json(merge: Merge) -> str:
    """The ``merge`` document."""
    content: dict[str, Any] = plain_value(merge)
    for sweep, plain in zip(merge.sweeps, content["sweeps"], strict=True):
        plain["cases"] = sweep.cases
    return document_json("merge", content)


def _row(source: MergedSource) -> Row:
    counts = (source.new, source.present, len(source.conflicts), len(source.damaged))
    return (text_cell(source.directory), *(Cell(str(count), count) for count in counts))


def _sweeps(sweeps: Sequence[MergedSweep]) -> Table:
    keys = ("books", "cases", "done", "failed", "skipped", "pending")
    headings = {"books": "merged from"}
    columns = (
        Column("sweep", "sweep"),
        *(Column(key, headings.get(key, key), "right") for key in keys),
    )
    rows = tuple(
        (text_cell(sweep.name), *(Cell(str(count), count) for count in map(partial(getattr, sweep), keys)))
        for sweep in sweeps
    )
    return Table("Sweeps", columns, rows)


def _notes(merge: Merge) -> Iterator[str]:
    if merge.dry_run:
        yield DRY_RUN
    if merge.conflicts:
        yield CONFLICTS_NOTE
    if any(source.damaged for source in merge.sources):
        yield DAMAGED_NOTE
