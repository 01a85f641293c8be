r"""Document to LaTeX: booktabs tables as a fragment to be \input, every text escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from sebench.lines import single_line
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

PREAMBLE = r"""% \usepackage{booktabs}
% \usepackage{longtable}"""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    # Two of these in a row would become a dash or a quotation mark.
    "-": "-{}",
    "'": "'{}",
    "`": "`{}",
    "\u00b1": r"$\pm$",
    "\u00d7": r"$\times$",
    "\u2248": r"$\approx$",
}
_ANY_SPECIAL = re.compile("|".join(map(re.escape, _SPECIAL)))
_LONE = re.compile(r"([-'`])\{\}(?![-'`])")
_WRAPPED_SHARE = 0.8
"""Of the line, for all columns of running text together."""


def render_latex(document: Document) -> str:
    """`document` as a fragment; its first lines name the packages that it needs."""
    chunks = [PREAMBLE, rf"\section*{{{escape(document.title)}}}"]
    for part in document.body:
        chunks.extend(_chunks(part))
    chunks.extend(_notes(document.notes))
    return "\n\n".join(chunks) + "\n"


def escape(text: str) -> str:
    """`text` on one line so that LaTeX prints exactly it; letters beyond ASCII need a Unicode engine."""
    escaped = _ANY_SPECIAL.sub(lambda match: _SPECIAL[match.group()], single_line(text))
    return _LONE.sub(r"\1", escaped)


def _chunks(part: Content) -> Iterator[str]:
    if isinstance(part, Paragraph):
        text = escape(part.text)
        yield rf"\noindent\textbf{{{text}}}" if part.strong else rf"\noindent {text}"
    elif isinstance(part, Table):
        yield from _table(part)
    elif isinstance(part, Listing):
        yield _listing(part)
    elif isinstance(part, Figure):
        if part.table is None:
            return
        yield rf"\noindent {escape(part.description)}"
        yield from _table(part.table)
    elif isinstance(part, Details):
        for detail in part.body:
            yield from _chunks(detail)
    else:
        yield rf"\subsection*{{{escape(part.title)}}}"
        for inner in part.body:
            yield from _chunks(inner)
        yield from _notes(part.notes)


def _listing(listing: Listing) -> str:
    lines = "\n\n".join(rf"\noindent\texttt{{{escape(line)}}}" for line in listing.lines)
    return f"\\begingroup\\raggedright\n{lines}\n\n\\endgroup"


def _table(table: Table) -> Iterator[str]:
    if table.title:
        yield rf"\subsubsection*{{{escape(table.title)}}}"
    indices = printed_columns(table)
    if indices:
        columns = [table.columns[index] for index in indices]
        lines = [
            rf"\begin{{longtable}}{{@{{}}{_alignments(columns)}@{{}}}}",
            r"\toprule",
            _line(_cell(column.heading) for column in columns),
            r"\midrule",
            r"\endhead",
            *_body(table, indices),
            r"\bottomrule",
            r"\end{longtable}",
        ]
        yield "\n".join(lines)
    yield from _notes(table.notes)


def _body(table: Table, indices: tuple[int, ...]) -> Iterator[str]:
    for number, group in enumerate(row_groups(table)):
        if group.heading:
            if number:
                yield r"\midrule"
            yield rf"\multicolumn{{{len(indices)}}}{{@{{}}l}}{{\textbf{{{escape(group.heading)}}}}} \\"
        for row in group.rows:
            yield _row(row, indices)


def _row(row: Row, indices: tuple[int, ...]) -> str:
    return _line(_cell(row[index]) for index in indices)


def _cell(cell: Cell) -> str:
    text = escape(f"{cell.text} {cell.detail}".strip())
    # After the end of a row, a bracket would be read as an optional argument.
    return f"{{}}{text}" if text.startswith(("[", "*")) else text


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _alignments(columns: Sequence[Column]) -> str:
    width = _WRAPPED_SHARE / max(2, sum(column.wrap for column in columns))
    wrapped = rf"p{{{width:.2g}\linewidth}}"
    return "".join(wrapped if column.wrap else column.align[0] for column in columns)


def _notes(notes: tuple[str, ...]) -> Iterator[str]:
    if notes:
        items = "\n".join(rf"\item {escape(note)}" for note in notes)
        yield f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"
