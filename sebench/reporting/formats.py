"""The formats of a document, one entry each. A renderer is loaded when it is first used: some need a library.

JSON is none of them: it is a contract of its own (`sebench.reporting.contract`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Literal

from sebench.errors import UsageError, near_matches
from sebench.reporting.document import Document

Format = Literal["table", "markdown", "csv", "latex", "html"]
"""``table`` for terminals, ``markdown`` as GitHub reads it, ``csv`` with raw values, ``latex`` with booktabs,
``html`` as one page that loads nothing."""

RENDERERS: Mapping[str, str] = {
    "table": "sebench.reporting.text:render_text",
    "markdown": "sebench.reporting.markdown:render_markdown",
    "csv": "sebench.reporting.csv:render_csv",
    "latex": "sebench.reporting.latex:render_latex",
    "html": "sebench.reporting.html:render_html",
}
"""Where the function of each format is: ``package.module:function``; it takes a document and returns text."""


def render(document: Document, format: str, *, width: int | None = None, color: bool = False) -> str:  # noqa: A002
    """`document` as text.

    Args:
        document: what to say.
        format: ``table``, ``markdown``, ``csv``, ``latex`` or ``html``.
        width: characters per line of ``table``; None where there is no terminal.
        color: emphasis by ANSI codes, in ``table`` only.

    Raises:
        UsageError: `format` is none of these.
    """
    if format not in RENDERERS:
        hint = near_matches(format, RENDERERS) or f"use {', '.join(RENDERERS)}"
        raise UsageError(f"--format {format!r} is not a document format", hint=hint)
    module, _, name = RENDERERS[format].partition(":")
    function: Callable[..., str] = getattr(import_module(module), name)
    return function(document, width=width, color=color) if format == "table" else function(document)
