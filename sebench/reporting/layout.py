"""How a table is laid out on a line of given width, before anything is drawn.

Inline if it fits: every column on its own, details beside their texts. Otherwise stacked: details and
``fold`` columns go under their text. If that is too wide as well, columns marked ``below`` leave the grid for
lines of their own under each row, again inline first. Columns that may wrap give way in all four. What is
still too wide is broken into pieces that each repeat the first column. Text is never shortened.
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
_MIN_WRAPPED_BELOW = 40
"""The same, of running text that can go below its row: in a narrower column a sentence takes many lines."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Printed columns of one grid with their widths in terminal cells."""

    columns: tuple[Indices, ...]
    headings: tuple[str, ...]
    widths: tuple[int, ...]
    stacked: bool
    below: Indices = ()
    """Table columns that are printed under each row."""

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
    shown = printed_columns(table)
    if not shown:
        return ()
    below = tuple(index for index in shown[1:] if table.columns[index].below)
    beside = tuple(index for index in shown if index not in below)
    layouts = [
        _layout(table, columns, below=under, stacked=stacked)
        for chosen, under in ((shown, ()), (beside, below))
        for columns, stacked in ((tuple((index,) for index in chosen), False), (_folded(table, chosen), True))
    ]
    for layout in layouts:
        narrowed = _narrowed(table, layout, width)
        if narrowed.width <= width:
            return (narrowed,)
    return tuple(_pieces(layouts[-1], width))


def line_width(line: str) -> int:
    """Terminal cells that a printable line takes."""
    return len(line) if line.isascii() else cell_len(line)


def printed(row: Row, indices: Indices, stacked: bool) -> list[str]:
    """The lines that stand in one printed column of `row`; at least one."""
    if len(indices) == 1:
        return _lines(row[indices[0]], stacked) or [""]
    return [line for index in indices for line in _lines(row[index], stacked)] or [""]


def printed_below(table: Table, layout: Layout, row: Row) -> list[str]:
    """The lines under `row`: short facts together, each with its title; running text on a line of its own."""
    facts, sentences = [], []
    for index in layout.below:
        text = " ".join(_lines(row[index], stacked=False))
        if text and table.columns[index].wrap:
            sentences.append(text)
        elif text:
            facts.append(f"{table.columns[index].title} {text}")
    return [", ".join(facts), *sentences] if facts else sentences


def _layout(table: Table, columns: tuple[Indices, ...], *, below: Indices, stacked: bool) -> Layout:
    header = tuple(column.heading for column in table.columns)
    headings = tuple("\n".join(printed(header, indices, stacked)) for indices in columns)
    widths = tuple(
        max(line_width(line) for row in (header, *table.rows) for line in printed(row, indices, stacked))
        for indices in columns
    )
    return Layout(columns, headings, widths, stacked, below)


def _narrowed(table: Table, layout: Layout, width: int) -> Layout:
    """`layout` with its wrapping columns cut back, the widest first, towards `width`."""
    widths = list(layout.widths)
    wrapping = [i for i, indices in enumerate(layout.columns) if table.columns[indices[0]].wrap]
    excess = layout.width - width
    while excess > 0 and wrapping:
        widest = max(wrapping, key=lambda i: widths[i] - _least(table, layout.columns[i]))
        least = _least(table, layout.columns[widest])
        if widths[widest] <= least:
            break
        cut = min(excess, max(1, widths[widest] - max(width, least)))
        widths[widest] -= cut
        excess -= cut
    return replace(layout, widths=tuple(widths))


def _least(table: Table, indices: Indices) -> int:
    return _MIN_WRAPPED_BELOW if table.columns[indices[0]].below else _MIN_WRAPPED


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
    headings = tuple(layout.headings[i] for i in chosen)
    # The lines under a row are printed once, with the piece that ends it.
    below = layout.below if chosen[-1] == len(layout.columns) - 1 else ()
    return Layout(columns, headings, widths, layout.stacked, below)


def _folded(table: Table, chosen: Indices) -> tuple[Indices, ...]:
    columns: list[Indices] = []
    for index in chosen:
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
