"""Document to plain terminal text: ASCII rules, no ANSI codes unless asked for, and nothing ever cut off."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from rich.box import Box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from sebench.lines import exact_line, single_line
from sebench.reporting.document import (
    Align,
    Content,
    Details,
    Document,
    Figure,
    Listing,
    Paragraph,
    Row,
    Section,
    Table,
    row_groups,
)
from sebench.reporting.layout import Layout, fit, line_width, printed, printed_below

DEFAULT_WIDTH = 100
"""Columns assumed where there is no terminal to ask."""

_INDENT = 2
"""Blanks before the lines that stand under a row."""

# Box lines: top, head, rule under the head, body, rule between rows, rule over the foot, foot, bottom.
_RULED = Box("    \n    \n -  \n    \n    \n    \n    \n    \n", ascii=True)


def render_text(document: Document, *, width: int | None = None, color: bool = False) -> str:
    """`document` for a terminal.

    Args:
        document: What to print.
        width: Characters per line; None is `DEFAULT_WIDTH`.
        color: Emphasis by ANSI codes.

    Returns:
        Lines without trailing blanks, ending in one newline.
    """
    buffer = io.StringIO()
    console = _console(buffer, width or DEFAULT_WIDTH, color=color)
    console.print(_text(document.title, "bold"))
    for part in document.body:
        if _is_shown(part):
            console.print()
            _print_part(console, part)
    if document.notes:
        console.print()
        _print_notes(console, document.notes)
    return "\n".join(line.rstrip() for line in buffer.getvalue().rstrip().split("\n")) + "\n"


def _console(buffer: io.StringIO, width: int, *, color: bool) -> Console:
    # Nothing may depend on the terminal or on environment variables: the caller has decided.
    return Console(
        file=buffer,
        width=width,
        height=25,
        color_system="standard" if color else None,
        no_color=not color,
        force_terminal=color,
        force_jupyter=False,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )


def _is_shown(part: Content) -> bool:
    """Of a figure a terminal shows the table."""
    return not isinstance(part, Figure) or part.table is not None


def _print_part(console: Console, part: Content) -> None:
    if isinstance(part, Paragraph):
        console.print(_text(part.text, "bold" if part.strong else ""))
    elif isinstance(part, Table):
        _print_table(console, part)
    elif isinstance(part, Listing):
        _print_listing(console, part)
    elif isinstance(part, Figure):
        about = (Paragraph(part.title, strong=True), Paragraph(part.description))
        _print_body(console, (*about, part.table) if part.table else ())
    elif isinstance(part, Details):
        _print_body(console, part.body)
    else:
        _print_section(console, part)


def _print_listing(console: Console, listing: Listing) -> None:
    # Never wrapped: a line is there to be copied.
    for line in listing.lines:
        console.print(Text(f"  {exact_line(line)}"), soft_wrap=True)


def _print_body(console: Console, body: Sequence[Content]) -> None:
    for position, part in enumerate(body):
        if position:
            console.print()
        _print_part(console, part)


def _print_section(console: Console, section: Section) -> None:
    console.print(_text(section.title, "bold"))
    for part in section.body:
        if _is_shown(part):
            console.print()
            _print_part(console, part)
    if section.notes:
        console.print()
        _print_notes(console, section.notes)


def _print_table(console: Console, table: Table) -> None:
    if table.title:
        console.print(_text(table.title, "bold"))
    for position, layout in enumerate(fit(table, console.width)):
        if position:
            console.print()
        _print_grid(console, table, layout)
    _print_notes(console, table.notes)


def _print_grid(console: Console, table: Table, layout: Layout) -> None:
    console.print(_head(table, layout))
    for position, group in enumerate(row_groups(table)):
        if position:
            console.file.write("\n")
        if group.heading:
            _print_heading(console, group.heading)
        for row in group.rows:
            console.file.writelines(_row_lines(console, table, layout, row))


def _print_heading(console: Console, heading: str) -> None:
    # There may be thousands of these, too.
    line = single_line(heading)
    if console.no_color and line_width(line) <= console.width:
        console.file.write(f"{line}\n")
    else:
        console.print(_text(heading, "bold"))


def _head(table: Table, layout: Layout) -> RichTable:
    padding = (0, layout.gap - 1, 0, 0)
    grid = RichTable(box=_RULED, show_edge=False, pad_edge=False, padding=padding)
    for indices, width, heading in zip(layout.columns, layout.widths, layout.headings, strict=True):
        align = table.columns[indices[0]].align
        grid.add_column(Text(heading), justify=align, width=width, overflow="fold", vertical="bottom")
    return grid


def _row_lines(console: Console, table: Table, layout: Layout, row: Row) -> Iterator[str]:
    # Rows have no emphasis, and there may be thousands: rich, at 0.4 ms a row, only wraps what is too wide.
    cells = [
        _wrapped(console, printed(row, indices, layout.stacked), width)
        for indices, width in zip(layout.columns, layout.widths, strict=True)
    ]
    aligns = [table.columns[indices[0]].align for indices in layout.columns]
    gap = " " * layout.gap
    for lines in zip_longest(*cells, fillvalue=""):
        yield f"{gap.join(map(_padded, lines, layout.widths, aligns))}\n"
    indent = " " * min(_INDENT, console.width - 1)
    for text in printed_below(table, layout, row):
        for line in _wrapped(console, [text], console.width - len(indent)):
            yield f"{indent}{line}\n"


def _wrapped(console: Console, lines: list[str], width: int) -> list[str]:
    if max(map(line_width, lines)) <= width:
        return lines
    text = Text("\n".join(lines))
    return [line.plain.rstrip() for line in text.wrap(console, width, overflow="fold")]


def _padded(text: str, width: int, align: Align) -> str:
    blanks = " " * (width - line_width(text))
    return f"{blanks}{text}" if align == "right" else f"{text}{blanks}"


def _print_notes(console: Console, notes: Iterable[str]) -> None:
    grid = RichTable.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    for note in notes:
        grid.add_row(Text("-"), _text(note))
    if grid.row_count:
        console.print(grid)


def _text(text: str, style: str = "") -> Text:
    return Text(single_line(text), style=style, overflow="fold")
