"""A report in the format that was asked for (JSON: kind ``report``), with the pictures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from sebench.analysis.costs import attention_totals, totals
from sebench.reporting.change import change_document, change_value
from sebench.reporting.chart import Panel, Picture
from sebench.reporting.contract import comparison_value, document_json, plain_value
from sebench.reporting.excitation import excitation_value
from sebench.reporting.report.document import report_document
from sebench.reporting.report.values import PairReport, Report
from sebench.reporting.sweep import sweep_value
from sebench.schema import Change, ModelCost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sebench.reporting.document import Document


_PLAIN = (
    *("label", "result", "created_at", "sebench", "command", "seed", "pair", "as_published"),
    *("stages", "policies", "distributions", "accuracies", "environment"),
)


def report_json(report: Report, changes: Sequence[Change] = ()) -> str:
    """The ``report`` document: all that the other formats show, and every block's ratio."""
    content = {
        "pairs": [_pair(pair) for pair in report.pairs],
        "changes": [change_value(change) for change in changes],
        "sweeps": [sweep_value(sweep.name, sweep.rows) for sweep in report.sweeps],
        "excitations": [excitation_value(each.found) for each in report.excitations],
    }
    return document_json("report", content)


def _pair(pair: PairReport) -> dict[str, Any]:
    return {
        **{name: plain_value(getattr(pair, name)) for name in _PLAIN},
        "comparison": comparison_value(pair.comparison),
        "costs": [_cost(cost) for cost in pair.costs],
    }


def _cost(cost: ModelCost) -> dict[str, Any]:
    return {
        "model": cost.spec.model,
        "variant": cost.spec.variant,
        "input_shape": list(cost.cost.input_shape),
        "phase": cost.cost.phase,
        **plain_value(totals(cost.cost)),
        "sites": len(cost.cost.sites),
        "attention": plain_value(attention_totals(cost.cost)),
        "uncounted": plain_value(cost.cost.uncounted),
    }


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
            workload and metric, without the changes; of gates alone, one per gate, class and channel.
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
