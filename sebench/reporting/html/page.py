"""The page: one file without any reference to another, from a template that escapes every text."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sebench import __version__
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
    Section,
    Table,
    printed_columns,
    row_groups,
)
from sebench.reporting.drawing import inline_svg
from sebench.reporting.html.vega import vega_library, vega_spec

_KINDS = {
    Paragraph: "paragraph",
    Table: "table",
    Listing: "listing",
    Figure: "figure",
    Details: "details",
    Section: "section",
}


def render_html(document: Document, *, generator: str = f"sebench {__version__}") -> str:
    """`document` as one page that opens from disk, without network, in light and in dark.

    Its security policy admits the page's own scripts by their digest and nothing else. Tables and pictures
    say everything without JavaScript; with it tables can be sorted, and pictures panned and zoomed where
    vl-convert was installed when the page was made.

    Args:
        document: What to say.
        generator: Who made it, for the foot of the page.
    """
    library = vega_library() if document.figures else ""
    script, style = _asset("page.js"), _asset("page.css")
    scripts = [text for text in (library, script) if text]
    page: str = _template().render(
        document=document,
        generator=generator,
        library=library,
        script=script,
        style=style,
        policy=_policy(scripts),
        sections=[(_anchor(part.title), part) for part in document.body if isinstance(part, Section)],
    )
    return page


def _policy(scripts: list[str]) -> str:
    """Content-Security-Policy; inline styles are needed by what Vega draws."""
    digests = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _asset(name: str) -> str:
    return (files("sebench.reporting.html") / name).read_text(encoding="utf-8")


@cache
def _template() -> Any:  # noqa: ANN401 - jinja2 types its templates loosely
    environment = Environment(
        loader=PackageLoader("sebench.reporting.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"line": single_line, "exact": exact_line, "anchor": _anchor}
    environment.globals |= {
        "kind": _kind,
        "columns": _columns,
        "groups": row_groups,
        "sort_key": _sort_key,
        "drawn": lambda figure: inline_svg(figure.chart, figure.title),
        "spec": lambda figure: vega_spec(figure.chart, figure.description),
    }
    return environment.get_template("page.html.j2")


def _kind(part: Content) -> str:
    return _KINDS[type(part)]


def _columns(table: Table) -> list[tuple[int, Column]]:
    return [(index, table.columns[index]) for index in printed_columns(table)]


def _sort_key(cell: Cell) -> str | None:
    """What to sort by where the printed text would not do; numbers as numbers."""
    value = cell.value
    if isinstance(value, bool) or value is None:
        return None
    return repr(value) if isinstance(value, int | float) else None


def _anchor(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower())) or "part"
