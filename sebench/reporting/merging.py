"""What `sebench merge` shows: a row per source, and every file that was left where it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sebench.reporting.contract import document_json, plain_value
from sebench.reporting.document import Cell, Column, Document, Row, Table, text_cell
from sebench.schema import Merge, MergedSource

CONFLICTS_NOTE = "conflict: the id is taken by another result; neither file was changed"
DAMAGED_NOTE = "damaged: not a result, or not a whole one; named on standard error"
DRY_RUN = "--dry-run: nothing was written"


def merge_document(merge: Merge) -> Document:
    """One row per source, then the conflicts by name."""
    columns = (
        Column("source", "source"),
        Column("new", "results new", "right"),
        Column("present", "already there", "right"),
        Column("conflicts", "conflicts", "right"),
        Column("damaged", "damaged", "right"),
    )
    table = Table(f"Merged into {merge.into}", columns, tuple(map(_row, merge.sources)), tuple(_notes(merge)))
    return Document("Merged results", (table,))


def merge_json(merge: Merge) -> str:
    """The ``merge`` document."""
    content: dict[str, Any] = plain_value(merge)
    return document_json("merge", content)


def _row(source: MergedSource) -> Row:
    counts = (source.new, source.present, len(source.conflicts), len(source.damaged))
    return (text_cell(source.directory), *(Cell(str(count), count) for count in counts))


def _notes(merge: Merge) -> Iterator[str]:
    if merge.dry_run:
        yield DRY_RUN
    if merge.conflicts:
        yield CONFLICTS_NOTE
    if any(source.damaged for source in merge.sources):
        yield DAMAGED_NOTE
