"""Document to machine-readable rows: raw values in base units under stable column keys."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sebench.lines import single_line
from sebench.reporting.document import (
    Document,
    Row,
    Section,
    Table,
    Value,
    printed_columns,
    tables_of,
)

if TYPE_CHECKING:
    import pandas as pd

TABLE_KEY = "table"
"""Leading CSV column that tells the tables of a document apart; absent where there is only one."""

# A spreadsheet runs a cell that starts like this as a formula (OWASP, "CSV injection").
_FORMULA_STARTS = ("=", "+", "-", "@")

_Record = dict[str, Value]


def to_frame(table: Table) -> pd.DataFrame:
    """`table` as a frame: one column per column key, data columns included.

    Values are those of the cells, unformatted; dtype object keeps integers exact beside unknowns (None).
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    rows = [[cell.value for cell in row] for row in (*table.rows, *table.data_rows)]
    return pd.DataFrame(rows, columns=[column.key for column in table.columns], dtype=object)


def render_csv(document: Document) -> str:
    """All tables of `document` as one CSV text; paragraphs and notes have no place in it.

    One table gives its own columns. Several give the union of their columns in order of appearance, with a
    leading ``table`` column that holds the title, or that of the section around a table without one; what a
    table does not have stays empty. Unknown is empty.
    Texts that a spreadsheet would run as a formula start with an apostrophe.
    """
    tables = document.tables
    if not tables:
        return ""
    keys = list(dict.fromkeys(column.key for table in tables for column in table.columns))
    titles = _titles(document)
    records = [
        {TABLE_KEY: title, **_record(table, row)}
        for title, table in zip(titles, tables, strict=True)
        for row in (*table.rows, *table.data_rows)
    ]
    if len(tables) > 1:
        keys.insert(0, TABLE_KEY)
    return _written(keys, records)


def render_long_csv(document: Document) -> str:
    """All values of all tables of `document`, one per line.

    For documents whose tables have little in common. Columns: ``table`` (title), ``row`` (number, from 1),
    ``name`` (the row's first text), ``column`` (key) and ``value``; unknown values have no line.
    """
    keys = ("table", "row", "name", "column", "value")
    records: list[_Record] = [
        dict(zip(keys, (title, number, _name(table, row), key, value), strict=True))
        for title, table in zip(_titles(document), document.tables, strict=True)
        for number, row in enumerate((*table.rows, *table.data_rows), start=1)
        for key, value in _record(table, row).items()
        if value is not None and value != ""
    ]
    return _written(keys, records)


def _titles(document: Document) -> list[str]:
    """What each of the document's tables is called: a table without a title goes by its section."""
    return [
        table.title or (part.title if isinstance(part, Section) else "")
        for part in document.body
        for table in tables_of(part)
    ]


def _written(keys: Sequence[str], records: Iterable[_Record]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows([_inert(record.get(key)) for key in keys] for record in records)
    return buffer.getvalue()


def _name(table: Table, row: Row) -> str:
    return next((row[index].text for index in printed_columns(table) if row[index].text), "")


def _record(table: Table, row: Row) -> _Record:
    return {column.key: cell.value for column, cell in zip(table.columns, row, strict=True)}


def _inert(value: Value) -> Value:
    """`value` as may be written to a file that others open: finite, on one line, and not a formula."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, str):
        return value
    text = single_line(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
