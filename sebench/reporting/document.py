"""The format-neutral document: builders make it, renderers read it, and it knows neither.

Texts in a document are plain: no markup of any format. A builder may put in whatever a file or a user gave;
renderers call `sebench.lines.single_line` and escape for their own format, so no text becomes markup or a
control code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sebench.reporting.chart import Chart
from sebench.reporting.records import CellValue, Records

Align = Literal["left", "right"]
Role = Literal["value", "group", "fold", "data"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One entry of a table: what a person reads, and the value a program reads."""

    text: str
    value: CellValue = None
    """For CSV and sorting: base units, unformatted; None where unknown."""
    detail: str = ""
    """Secondary text, an interval for instance; beside the text, or under it where the line is too narrow."""


EMPTY = Cell("")


def text_cell(text: str) -> Cell:
    """A cell whose text is its value."""
    return Cell(text, text)


@dataclass(frozen=True, slots=True)
class Column:
    """Meaning and appearance of one column."""

    key: str
    """Header in machine formats; stable."""
    title: str
    align: Align = "left"
    detail: str = ""
    """What the details of the cells are; shown with the title as they are with their texts."""
    role: Role = "value"
    """``value``: a column. ``group``: consecutive rows with equal texts are put under one heading. ``fold``:
    goes under the column before it where the line is too narrow. ``data``: machine formats only."""
    wrap: bool = False
    """Holds running text, which may break over lines."""
    below: bool = False
    """Goes to a line of its own below the row where a terminal is too narrow for it as a column."""
    pinned: bool = False
    """The figure that readers look for: a page keeps it in sight where the table is wider than the screen."""

    @property
    def heading(self) -> Cell:
        """Title and detail, to be laid out as the cells below."""
        return Cell(self.title, self.key, self.detail)


Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A titled grid. Every row has one cell per column."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.title!r}: {len(row)} cells for {len(self.columns)} columns")


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Consecutive rows of a table under one heading (empty where the table has no groups)."""

    heading: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; `strong` for what the reader came for."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines to be copied as they are: commands."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture, and the same in words and numbers for whoever does not see it."""

    key: str
    """Unique in its document; names anchors and files, so letters, digits and hyphens only."""
    title: str
    description: str
    """What the picture shows and what is to be seen in it."""
    chart: Chart
    table: Table | None = None
    """The data of the picture; takes its place where a format has no pictures. None where a table beside the
    figure says the same: such a format leaves the figure out."""


@dataclass(frozen=True, slots=True)
class Details:
    """What few readers need: folded away where a format can."""

    summary: str
    body: tuple[Paragraph | Table, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a document."""

    title: str
    body: tuple[Paragraph | Table | Listing | Figure | Details, ...]
    notes: tuple[str, ...] = ()


Content = Paragraph | Table | Listing | Figure | Details | Section


@dataclass(frozen=True, slots=True)
class Document:
    """What a command has to say, in reading order; notes come last."""

    title: str
    body: tuple[Content, ...]
    notes: tuple[str, ...] = ()
    records: Callable[[], Records] | None = None
    """Makes what CSV holds instead of the tables; None where it holds those."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, those in sections, in details and behind figures included."""
        return tuple(table for part in self.body for table in tables_of(part))

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures."""
        return tuple(part for part in _leaves(self.body) if isinstance(part, Figure))


def tables_of(part: Content) -> tuple[Table, ...]:
    """The tables of a part, those in details and behind figures included."""
    if isinstance(part, Table):
        return (part,)
    if isinstance(part, Figure):
        return (part.table,) if part.table else ()
    if isinstance(part, Section | Details):
        return tuple(table for inner in part.body for table in tables_of(inner))
    return ()


def _leaves(body: Sequence[Content]) -> Iterator[Content]:
    for part in body:
        if isinstance(part, Section | Details):
            yield from _leaves(part.body)
        else:
            yield part


def printed_columns(table: Table) -> tuple[int, ...]:
    """Indices of the columns a person sees side by side."""
    return tuple(i for i, column in enumerate(table.columns) if column.role in ("value", "fold"))


def row_groups(table: Table) -> tuple[RowGroup, ...]:
    """The rows of `table` split where the text of a ``group`` column changes."""
    keys = [i for i, column in enumerate(table.columns) if column.role == "group"]
    groups: list[tuple[str, list[Row]]] = []
    for row in table.rows:
        heading = ", ".join(row[i].text for i in keys if row[i].text)
        if not groups or groups[-1][0] != heading:
            groups.append((heading, []))
        groups[-1][1].append(row)
    return tuple(RowGroup(heading, tuple(rows)) for heading, rows in groups)
