"""The papers' tables as a document: printed | here | difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from sebench.paper.tables.values import Entry, EntryColumn, PaperTable, TableRow
from sebench.reporting.contract import document_json
from sebench.reporting.document import (
    Cell,
    Column,
    Content,
    Document,
    Paragraph,
    Row,
    Section,
    Table,
    text_cell,
)
from sebench.reporting.records import CellValue, Field, Records
from sebench.units import UNKNOWN

PAPER_TABLE_FIELDS: tuple[Field, ...] = (
    Field("table", "text", "as in `sebench list tables`"),
    Field("row", "text", "what the line is about"),
    Field("quantity", "text", "key of the column"),
    Field("published", "text", "digits as printed"),
    Field("here", "number", "ours"),
    Field("here_text", "text", "ours as shown, with one decimal more than is printed"),
    Field("difference", "text", "ours minus printed, or `=` where ours prints the same digits"),
)
"""The columns of `paper_tables_records`."""


def paper_tables_document(tables: Sequence[PaperTable]) -> Document:
    """One table as a document of its own, several as sections."""
    if len(tables) == 1:
        (only,) = tables
        return Document(only.title, _body(only), only.notes)
    sections: tuple[Content, ...] = tuple(
        Section(found.title, _body(found, with_notes=True)) for found in tables
    )
    return Document("The papers' tables, recomputed", tuple[Content, ...](sections))


def paper_tables_json(tables: Sequence[PaperTable]) -> str:
    """The ``table`` document: every entry with the printed digits, our value, and the difference as text."""
    return document_json("table", {"tables": [msgspec.to_builtins(table) for table in tables]})


def paper_tables_records(tables: Sequence[PaperTable]) -> Records:
    """One row per table, line and quantity; what is quoted comes after what is recomputed."""
    return Records(
        PAPER_TABLE_FIELDS,
        tuple(
            (found.name, ", ".join(row.labels), *values)
            for found in tables
            for row in found.rows
            for values in _quantities(found, row)
        ),
    )


def _quantities(table: PaperTable, row: TableRow) -> Iterator[tuple[CellValue, ...]]:
    for column, entry in zip(table.columns, row.entries, strict=True):
        published, here_text = entry.published or None, entry.here_text or None
        yield (column.key, published, entry.here, here_text, entry.difference or None)
    for title, text in zip(table.quoted, row.quoted, strict=True):
        yield (_key(title), text or None, None, None, None)


def _body(table: PaperTable, *, with_notes: bool = False) -> tuple[Paragraph | Table, ...]:
    columns = (
        *(Column(_key(title), title, wrap=_is_long(table, i)) for i, title in enumerate(table.labels)),
        *(column for entry in table.columns for column in _entry_columns(entry)),
        *(Column(_key(title), title, "right", detail="(quoted)") for title in table.quoted),
    )
    rows = tuple(_row(table, row) for row in table.rows)
    notes = table.notes if with_notes else ()
    compared = any(column.compared for column in table.columns)
    shown = "published | here | difference" if compared else "no cost is published; recomputed here"
    return (Paragraph(f"{table.source}: {shown}."), Table("", columns, rows, notes))


def _entry_columns(column: EntryColumn) -> Iterator[Column]:
    title = column.title
    if column.compared:
        yield Column(f"{column.key}_published", title or "published", "right")
        yield Column(f"{column.key}_here", "here", "right")
        yield Column(f"{column.key}_difference", "diff.", "right")
    else:
        yield Column(f"{column.key}_here", title or "here", "right")


def _row(table: PaperTable, row: TableRow) -> Row:
    return (
        *map(text_cell, row.labels),
        *(
            cell
            for column, entry in zip(table.columns, row.entries, strict=True)
            for cell in _entry_cells(column, entry)
        ),
        *(Cell(text or UNKNOWN, text or None) for text in row.quoted),
    )


def _entry_cells(column: EntryColumn, entry: Entry) -> Iterator[Cell]:
    if column.compared:
        yield Cell(entry.published or UNKNOWN, entry.published or None)
    here = (entry.here_text or None) if entry.here is None else entry.here
    yield Cell(entry.here_text or UNKNOWN, here)
    if column.compared:
        yield Cell(entry.difference or UNKNOWN, _difference(entry.difference))


def _difference(text: str) -> float | str | None:
    """The number behind a difference: none where the printed digits are the same, None where unknown."""
    if text == "=":
        return 0
    try:
        return float(text) if text else None
    except ValueError:  # of texts, such as the FC widths
        return text


def _is_long(table: PaperTable, label: int) -> bool:
    return any(len(row.labels[label]) > _LONG for row in table.rows)


_LONG = 40


def _key(title: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in title.lower()).strip("_")
