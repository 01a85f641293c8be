"""How a table is laid out on a line of given width, before anything is drawn.

Inline if it fits: every column on its own, details beside their texts. Otherwise stacked: details and
``fold`` columns go under their text. Columns that may wrap give way in both. If that is still too wide, the
stacked table is broken into pieces that each repeat the first column. Text is never shortened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rich.cells import cell_len

from sebench.lines import single_line
from sebench.reporting.document import Cell, Row, Table, printed_columns

Indices = tuple[int, ...]
"""One printed column: the index of a table column and of those folded under it."""

_INLINE_GAP = 2
_STACKED_GAP = 1
_MIN_WRAPPED = 16
"""Running text is not made narrower than this to save a layout."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Printed columns of one grid with their widths in terminal cells."""

    columns: tuple[Indices, ...]
    headings: tuple[str, ...]
    widths: tuple[int, ...]
    stacked: bool

    @property
    def gap(self) -> int:
        """Blanks between neighbouring columns."""
        return _STACKED_GAP if self.stacked else _INLINE_GAP

    @property
    def width(self) -> int:
        """Of the whole grid."""
        return sum(self.widths) + self.gap * (len(self.widths) - 1)


def fit(table: Table, width: int) -> tuple[Layout, ...]:
    """The grids to print `table` as, one below the other, none wider than `width`."""
    if not printed_columns(table):
        return ()
    inline = _layout(table, tuple((index,) for index in printed_columns(table)), stacked=False)
    stacked = _layout(table, _folded(table), stacked=True)
    for layout in (inline, stacked):
        narrowed = _narrowed(table, layout, width)
        if narrowed.width <= width:
            return (narrowed,)
    return tuple(_pieces(stacked, width))


def line_width(line: str) -> int:
    """Terminal cells that a printable line takes."""
    return len(line) if line.isascii() else cell_len(line)


def printed(row: Row, indices: Indices, stacked: bool) -> list[str]:
    """The lines that stand in one printed column of `row`; at least one."""
    if len(indices) == 1:
        return _lines(row[indices[0]], stacked) or [""]
    return [line for index in indices for line in _lines(row[index], stacked)] or [""]


def _layout(table: Table, columns: tuple[Indices, ...], *, stacked: bool) -> Layout:
    header = tuple(column.heading for column in table.columns)
    headings = tuple("\n".join(printed(header, indices, stacked)) for indices in columns)
    widths = tuple(
        max(line_width(line) for row in (header, *table.rows) for line in printed(row, indices, stacked))
        for indices in columns
    )
    return Layout(columns, headings, widths, stacked)


def _narrowed(table: Table, layout: Layout, width: int) -> Layout:
    """`layout` with its wrapping columns cut back, the widest first, towards `width`."""
    widths = list(layout.widths)
    wrapping = [i for i, indices in enumerate(layout.columns) if table.columns[indices[0]].wrap]
    excess = layout.width - width
    while excess > 0 and wrapping:
        widest = max(wrapping, key=lambda i: widths[i])
        if widths[widest] <= _MIN_WRAPPED:
            break
        cut = min(excess, max(1, widths[widest] - max(width, _MIN_WRAPPED)))
        widths[widest] -= cut
        excess -= cut
    return replace(layout, widths=tuple(widths))


def _pieces(layout: Layout, width: int) -> Iterator[Layout]:
    """`layout` cut between columns; a column wider than the line is narrowed, and its text wraps."""
    label = min(layout.widths[0], max(1, width // 2 - layout.gap))
    start, end = 1, len(layout.columns)
    if end == 1:
        yield _part(layout, (0,), (min(layout.widths[0], width),))
    while start < end:
        widths = [label, min(layout.widths[start], max(1, width - label - layout.gap))]
        stop = start + 1
        while stop < end and sum(widths) + layout.gap * len(widths) + layout.widths[stop] <= width:
            widths.append(layout.widths[stop])
            stop += 1
        yield _part(layout, (0, *range(start, stop)), tuple(widths))
        start = stop


def _part(layout: Layout, chosen: Indices, widths: tuple[int, ...]) -> Layout:
    columns = tuple(layout.columns[i] for i in chosen)
    return Layout(columns, tuple(layout.headings[i] for i in chosen), widths, layout.stacked)


def _folded(table: Table) -> tuple[Indices, ...]:
    columns: list[Indices] = []
    for index in printed_columns(table):
        if table.columns[index].role == "fold" and columns:
            columns[-1] = (*columns[-1], index)
        else:
            columns.append((index,))
    return tuple(columns)


def _lines(cell: Cell, stacked: bool) -> list[str]:
    if not cell.detail and cell.text:
        return [single_line(cell.text)]
    parts = [single_line(part) for part in (cell.text, cell.detail) if part]
    return parts if stacked else [" ".join(parts)]
