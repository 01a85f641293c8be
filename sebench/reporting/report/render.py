"""A report in the format that was asked for, with the pictures that belong beside it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from sebench.reporting.change import change_document
from sebench.reporting.chart import Panel, Picture
from sebench.reporting.report.document import report_document
from sebench.reporting.report.json import report_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sebench.reporting.document import Document
    from sebench.reporting.report.values import Report
    from sebench.schema import Change

NO_PICTURES_HERE = "tables stand in for the pictures: there is no file to put pictures beside (-o FILE.md)"


@dataclass(frozen=True, slots=True)
class RenderedReport:
    """Text, and the files that it refers to."""

    text: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Contents by path relative to the directory of the text, with forward slashes."""


def render_report(
    report: Report,
    report_format: str,
    *,
    file: str | None = None,
    changes: Sequence[Change] = (),
    width: int | None = None,
    color: bool = False,
) -> RenderedReport:
    """`report` as text.

    Args:
        report: What to say.
        report_format: ``json``, ``html``, ``markdown``, ``latex``, ``table``, or ``csv``: one row per pair,
            workload and metric, without the changes.
        file: Name that the text will have; Markdown puts its pictures into a folder beside it.
        changes: What became of these pairs since earlier results.
        width: Characters per line of ``table``.
        color: Emphasis by ANSI codes, ``table`` only.

    Raises:
        UsageError: unknown format.
    """
    if report_format == "json":
        return RenderedReport(report_json(report, changes))
    document = report_document(report, change_document(changes) if changes else None)
    if report_format == "markdown":
        return _markdown(document, file)
    from sebench.reporting import render  # noqa: PLC0415 - each format loads its own

    return RenderedReport(render(document, report_format, width=width, color=color))


def _markdown(document: Document, file: str | None) -> RenderedReport:
    from sebench.reporting.drawing import picture_svg  # noqa: PLC0415
    from sebench.reporting.markdown import render_markdown  # noqa: PLC0415

    if file is None:
        noted = replace(document, notes=(*document.notes, NO_PICTURES_HERE))
        return RenderedReport(render_markdown(noted if document.figures else document))
    folder = f"{PurePath(file).stem}_figures"
    paths = {figure.key: f"{folder}/{figure.key}.svg" for figure in document.figures}
    pictures = {
        paths[figure.key]: picture_svg(Picture(figure.title, "", (Panel("", figure.chart),)))
        for figure in document.figures
    }
    return RenderedReport(render_markdown(document, paths), pictures)
