"""Document to machine-readable rows: raw values in base units under stable column keys."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sebench.reporting.document import Document, Table, Value, single_line

if TYPE_CHECKING:
    import pandas as pd

TABLE_KEY = "table"
"""Leading CSV column that tells the tables of a document apart; absent where there is only one."""

# A spreadsheet runs a cell that starts like this as a formula (OWASP, "CSV injection").
_FORMULA_STARTS = ("=", "+", "-", "@")


def to_frame(table: Table) -> pd.DataFrame:
    """`table` as a frame: one column per column key, data columns included.

    Values are those of the cells, unformatted; dtype object keeps integers exact beside unknowns (None).
    """
    import pandas as pd  # noqa: PLC0415 - slow to import, and only this format needs it

    rows = [[cell.value for cell in row] for row in table.rows]
    return pd.DataFrame(rows, columns=[column.key for column in table.columns], dtype=object)


def render_csv(document: Document) -> str:
    """All tables of `document` as one CSV text; paragraphs and notes have no place in it.

    One table gives its own columns. Several give the union of their columns in order of appearance, with a
    leading ``table`` column that holds the title; what a table does not have stays empty. Unknown is empty.
    Texts that a spreadsheet would run as a formula start with an apostrophe.
    """
    import pandas as pd  # noqa: PLC0415 - as above

    tables = document.tables
    if not tables:
        return ""
    if len(tables) == 1:
        merged = to_frame(tables[0])
    else:
        keys = list(dict.fromkeys(column.key for table in tables for column in table.columns))
        records = [
            {TABLE_KEY: table.title, **_record(table, position)}
            for table in tables
            for position in range(len(table.rows))
        ]
        merged = pd.DataFrame(records, columns=[TABLE_KEY, *keys], dtype=object)
    return merged.map(_inert).to_csv(index=False, lineterminator="\n")


def _record(table: Table, position: int) -> dict[str, Value]:
    cells = table.rows[position]
    return {column.key: cell.value for column, cell in zip(table.columns, cells, strict=True)}


def _inert(value: Value) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, str):
        return value
    # Imported text: also freed of control codes, as in every other format.
    text = single_line(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
