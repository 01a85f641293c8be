"""Document to GitHub Markdown; every text is escaped so that it reads as it is written."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from sebench.lines import exact_line, single_line
from sebench.reporting.document import (
    Cell,
    Column,
    Content,
    Details,
    Document,
    Figure,
    Listing,
    Paragraph,
    Row,
    Table,
    printed_columns,
    row_groups,
)

# Characters that start markup anywhere in a line. Brackets only where they could close a link or footnote:
# an interval such as [1.012, 1.024] stays as it is.
_INLINE = re.compile(r"[\\`*~|]|(?<!\w)_|_(?!\w)|\](?=[(\[:])|(?<=\[)\^|!(?=\[)")
_LINE_START = re.compile(r"^(?:[#>+=-]|\d+(?=[.)]))")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;"})
_BACKTICKS = re.compile("`+")
_NO_PICTURES: Mapping[str, str] = MappingProxyType({})


def render_markdown(document: Document, pictures: Mapping[str, str] = _NO_PICTURES) -> str:
    """`document` with pipe tables; lines of one paragraph are not wrapped.

    Args:
        document: What to say.
        pictures: Path of the picture, relative to the document, by key of its figure; a figure that has none
            is shown as its table.
    """
    chunks = [f"# {escape(document.title)}"]
    for part in document.body:
        chunks.extend(_chunks(part, pictures))
    chunks.extend(_notes(document.notes))
    return "\n\n".join(chunks) + "\n"


def escape(text: str) -> str:
    """`text` as inline Markdown that shows exactly `text`, on one line and without HTML."""
    return _INLINE.sub(lambda match: "\\" + match.group(), single_line(text).translate(_ENTITIES))


def _paragraph(text: str) -> str:
    return _LINE_START.sub(_inert_start, escape(text))


def _inert_start(match: re.Match[str]) -> str:
    # `1.` needs the backslash before its dot, the others before themselves.
    start = match.group()
    return f"{start}\\" if start.isdigit() else f"\\{start}"


def _chunks(part: Content, pictures: Mapping[str, str]) -> Iterator[str]:
    if isinstance(part, Paragraph):
        yield f"**{escape(part.text)}**" if part.strong else _paragraph(part.text)
    elif isinstance(part, Table):
        yield from _table(part)
    elif isinstance(part, Listing):
        yield _listing(part)
    elif isinstance(part, Figure):
        yield from _figure(part, pictures.get(part.key))
    elif isinstance(part, Details):
        yield from _details(part, pictures)
    else:
        yield f"## {escape(part.title)}"
        for inner in part.body:
            yield from _chunks(inner, pictures)
        yield from _notes(part.notes)


def _listing(listing: Listing) -> str:
    lines = [exact_line(line) for line in listing.lines]
    longest = max((len(run) for line in lines for run in _BACKTICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join((f"{fence}sh", *lines, fence))


def _figure(figure: Figure, path: str | None) -> Iterator[str]:
    if path is None and figure.table is None:
        return
    yield f"### {escape(figure.title)}"
    if path is not None:
        yield f"![{_alternative(figure.title)}](<{path}>)"
    yield _paragraph(figure.description)
    if figure.table is None:
        return
    if path is None:
        yield from _table(figure.table)
    else:
        yield from _details(Details(figure.table.title or "Data", (replace(figure.table, title=""),)), {})


def _alternative(text: str) -> str:
    return escape(text).replace("[", "\\[").replace("]", "\\]")


def _details(details: Details, pictures: Mapping[str, str]) -> Iterator[str]:
    # GitHub reads Markdown between the tags only after a blank line.
    yield f"<details>\n<summary>{_html(details.summary)}</summary>"
    for inner in details.body:
        yield from _chunks(inner, pictures)
    yield "</details>"


def _html(text: str) -> str:
    """`text` inside an HTML element, in which Markdown has no meaning of its own to GitHub's reader."""
    return html.escape(single_line(text), quote=False)


def _table(table: Table) -> Iterator[str]:
    if table.title:
        yield f"### {escape(table.title)}"
    columns = [table.columns[index] for index in printed_columns(table)]
    if columns:
        lines = [_line(_cell(column.heading) for column in columns), _line(map(_rule, columns))]
        yield "\n".join((*lines, *_body(table)))
    yield from _notes(table.notes)


def _body(table: Table) -> Iterator[str]:
    indices = printed_columns(table)
    for group in row_groups(table):
        if group.heading:
            # Pipe tables have no spanning cells; a row with one filled cell comes closest.
            yield _line((f"**{escape(group.heading)}**", *[""] * (len(indices) - 1)))
        for row in group.rows:
            yield _row(row, indices)


def _row(row: Row, indices: tuple[int, ...]) -> str:
    return _line(_cell(row[index]) for index in indices)


def _cell(cell: Cell) -> str:
    return escape(f"{cell.text} {cell.detail}")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rule(column: Column) -> str:
    return "---:" if column.align == "right" else "---"


def _notes(notes: tuple[str, ...]) -> Iterator[str]:
    if notes:
        yield "\n".join(f"- {_paragraph(note)}" for note in notes)
