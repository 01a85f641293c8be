"""Document to CSV: raw values in base units under stable column keys."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence

from sebench.lines import single_line
from sebench.reporting.document import Document, Row, Section, Table, tables_of
from sebench.reporting.records import CellValue

TABLE_KEY = "table"
"""Leading column that tells the tables of a document apart; absent where there is only one."""

# A spreadsheet runs a cell that starts like this as a formula (OWASP, "CSV injection").
_FORMULA_STARTS = ("=", "+", "-", "@")


def render_csv(document: Document) -> str:
    """The records of `document`, or all its tables, as one CSV text; nothing else has a place in it.

    One table gives its own columns. Several give the union of their columns in order of appearance, with a
    leading ``table`` column that holds the title, or that of the section around a table without one; what a
    table does not have stays empty. Unknown is empty.
    Texts that a spreadsheet would run as a formula start with an apostrophe.
    """
    if document.records is not None:
        records = document.records()
        return _written(records.keys, records.rows)
    tables = document.tables
    if not tables:
        return ""
    keys = list(dict.fromkeys(column.key for table in tables for column in table.columns))
    titles = _titles(document)
    rows = [
        {TABLE_KEY: title, **_record(table, row)}
        for title, table in zip(titles, tables, strict=True)
        for row in table.rows
    ]
    if len(tables) > 1:
        keys.insert(0, TABLE_KEY)
    return _written(keys, ([row.get(key) for key in keys] for row in rows))


def _titles(document: Document) -> list[str]:
    """What each of the document's tables is called: a table without a title goes by its section."""
    return [
        table.title or (part.title if isinstance(part, Section) else "")
        for part in document.body
        for table in tables_of(part)
    ]


def _written(keys: Sequence[str], rows: Iterable[Sequence[CellValue]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows(map(_inert, row) for row in rows)
    return buffer.getvalue()


def _record(table: Table, row: Row) -> Mapping[str, CellValue]:
    return {column.key: cell.value for column, cell in zip(table.columns, row, strict=True)}


def _inert(value: CellValue) -> CellValue:
    """`value` as may be written to a file that others open: finite, on one line, and not a formula."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, str):
        return value
    text = single_line(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
