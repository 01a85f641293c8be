"""Values to documents, documents to text. Nothing here measures, and nothing here needs torch."""

from __future__ import annotations

from typing import Literal, get_args

from sebench.errors import UsageError, near_matches
from sebench.reporting.calibration import calibration_document, calibration_json
from sebench.reporting.canvas import check_picture
from sebench.reporting.catalog import catalog_document
from sebench.reporting.change import change_document, change_json
from sebench.reporting.comparison import comparison_document
from sebench.reporting.contract import (
    catalog_json,
    comparison_json,
    count_json,
    environment_json,
    gate_json,
)
from sebench.reporting.conventions import conventions_document, conventions_json
from sebench.reporting.counts import count_document
from sebench.reporting.cross_check import cross_check_document, cross_check_json, unexplained
from sebench.reporting.document import Document
from sebench.reporting.environment import environment_document
from sebench.reporting.gate import gate_document
from sebench.reporting.lock import lock_document, lock_json
from sebench.reporting.paper_table import (
    paper_tables_document,
    paper_tables_json,
)
from sebench.reporting.picture import render_picture
from sebench.reporting.profile import profile_document, profile_json
from sebench.reporting.results import results_document, results_json
from sebench.reporting.trend import trend_document, trend_json
from sebench.reporting.trend_picture import render_trend_picture
from sebench.reporting.verification import verification_document, verification_json

Format = Literal["table", "markdown", "csv", "latex", "html"]
"""Formats of a document; JSON is a contract of its own (`sebench.reporting.contract`)."""

__all__ = [
    "Document",
    "Format",
    "calibration_document",
    "calibration_json",
    "catalog_document",
    "catalog_json",
    "change_document",
    "change_json",
    "check_picture",
    "comparison_document",
    "comparison_json",
    "conventions_document",
    "conventions_json",
    "count_document",
    "count_json",
    "cross_check_document",
    "cross_check_json",
    "environment_document",
    "environment_json",
    "gate_document",
    "gate_json",
    "lock_document",
    "lock_json",
    "paper_tables_document",
    "paper_tables_json",
    "profile_document",
    "profile_json",
    "render",
    "render_picture",
    "render_trend_picture",
    "results_document",
    "results_json",
    "trend_document",
    "trend_json",
    "unexplained",
    "verification_document",
    "verification_json",
]


def render(document: Document, format: str, *, width: int | None = None, color: bool = False) -> str:  # noqa: A002
    """`document` as text.

    Args:
        document: What to say.
        format: ``table`` (terminal), ``markdown`` (GitHub), ``csv`` (raw values), ``latex`` (booktabs) or
            ``html`` (one self-contained page).
        width: Characters per line of ``table``; None where there is no terminal.
        color: Emphasis by ANSI codes, ``table`` only.

    Raises:
        UsageError: `format` is none of these, or an extra that it needs is not installed.
    """
    if format == "table":
        from sebench.reporting.text import render_text  # noqa: PLC0415 - each format loads its own

        return render_text(document, width=width, color=color)
    if format == "markdown":
        from sebench.reporting.markdown import render_markdown  # noqa: PLC0415

        return render_markdown(document)
    if format == "csv":
        from sebench.reporting.frame import render_csv  # noqa: PLC0415

        return render_csv(document)
    if format == "latex":
        from sebench.reporting.latex import render_latex  # noqa: PLC0415

        return render_latex(document)
    if format == "html":
        from sebench import __version__  # noqa: PLC0415
        from sebench.reporting.html import render_html  # noqa: PLC0415

        return render_html(document, generator=f"sebench {__version__}")
    formats = get_args(Format)
    hint = near_matches(format, formats) or f"use {', '.join(formats)}"
    raise UsageError(f"--format {format!r} is not a document format", hint=hint)
