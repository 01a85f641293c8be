"""The audit of published figures as a document and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from sebench.paper.audit import Audit
from sebench.paper.conventions import CONVENTIONS
from sebench.paper.scores import GROUPS, ConventionScore
from sebench.paper.verdicts import CLASSES, AuditedFigure, FigureClass
from sebench.reporting.contract import document_json
from sebench.reporting.document import (
    EMPTY,
    Cell,
    Column,
    Document,
    Paragraph,
    Part,
    Row,
    Section,
    Table,
    text_cell,
)

CLASS_NAMES: Mapping[FigureClass, str] = {
    "reproduced": "reproduced",
    "within_tolerance": "within tolerance",
    "contradicted": "contradicted",
    "not_reproducible": "not reproducible",
    "quoted_only": "quoted only",
}
_MEANINGS: Mapping[FigureClass, str] = {
    "reproduced": "our count prints the same digits",
    "within_tolerance": "within 0.012 G of figures printed in G, within 0.3 % of others",
    "contradicted": "our count says something else; the cause is the likely one, found by recomputing",
    "not_reproducible": "nobody can rebuild the network that the figure is about",
    "quoted_only": "accuracies, timings and training settings: not ours to recompute",
}
_ORDER: tuple[FigureClass, ...] = (
    "contradicted",
    "not_reproducible",
    "within_tolerance",
    "reproduced",
    "quoted_only",
)
# What holds needs no explanation.
_WITHOUT_REASON = frozenset(("reproduced",))


def verification_document(audit: Audit, *, with_quoted: bool = True) -> Document:
    """What `sebench verify` shows.

    Args:
        audit: the figures.
        with_quoted: list those, too, that are not recomputed.
    """
    sections = [
        _section(verdict, [audited for audited in audit.figures if audited.verdict == verdict])
        for verdict in _ORDER
        if audit.summary[verdict] and (with_quoted or verdict != "quoted_only")
    ]
    convention = CONVENTIONS[audit.convention]
    body: tuple[Part, ...] = (Paragraph(summary(audit), strong=True), *sections)
    note = f"convention {convention.name}: {convention.description}"
    return Document("Published cost figures, recomputed", body, (note,))


def summary(audit: Audit) -> str:
    """One sentence: how many figures, and how many of each class."""
    counts = ", ".join(f"{audit.summary[verdict]} {CLASS_NAMES[verdict]}" for verdict in CLASSES)
    return f"{len(audit.figures)} figures: {counts}."


def verification_json(audit: Audit) -> str:
    """The ``verification`` document."""
    return document_json(
        "verification",
        {
            "convention": audit.convention,
            "figures": [_figure(audited) for audited in audit.figures],
            "summary": dict(audit.summary),
        },
    )


def conventions_document(scores: Mapping[str, Sequence[ConventionScore]]) -> Document:
    """How many printed operation counts each convention reproduces.

    Args:
        scores: by name of the convention, one per group of figures.
    """
    columns = (
        Column("convention", "convention"),
        *(Column(group.lower().replace(" ", "_"), group, "right") for group in GROUPS),
        Column("max_error", "largest error", "right"),
        Column("mean_error", "mean", "right", role="fold"),
        Column("counts", "counts", wrap=True),
    )
    rows = [_convention_row(name, entries) for name, entries in scores.items()]
    table = Table("", columns, tuple(rows))
    return Document(
        "How far each counting convention goes",
        (Paragraph("Figures printed to the digit, of those that can be recomputed."), table),
        (
            "errors: over all of them, relative to the printed figure; Inception-ResNet-v2 is left out, "
            "because the authors' graph was never released",
            "fitted: chosen after the fact because it matches; says nothing about how the figures were made",
        ),
    )


def conventions_json(scores: Mapping[str, Sequence[ConventionScore]]) -> str:
    """The ``conventions`` document."""
    described = [
        {
            "convention": name,
            "description": CONVENTIONS[name].description,
            "fitted": CONVENTIONS[name].fitted,
            "groups": [msgspec.to_builtins(entry) for entry in entries],
        }
        for name, entries in scores.items()
    ]
    return document_json("conventions", {"conventions": described})


def _section(verdict: FigureClass, figures: Sequence[AuditedFigure]) -> Section:
    with_reason = verdict not in _WITHOUT_REASON
    columns = (
        Column("source", "source", role="group"),
        Column("model", "model"),
        Column("variant", "variant", role="fold"),
        Column("metric", "metric"),
        Column("published", "published", "right", wrap=True),
        *((Column("computed", "here", "right"),) if verdict != "quoted_only" else ()),
        Column("reason", "reason", wrap=True, role="value" if with_reason else "data"),
        Column("class", "class", role="data"),
    )
    rows = tuple(_row(audited, with_computed=verdict != "quoted_only") for audited in figures)
    title = f"{CLASS_NAMES[verdict].capitalize()} ({len(figures)})"
    return Section(title, (Paragraph(f"{_MEANINGS[verdict]}."), Table("", columns, rows)))


def _row(audited: AuditedFigure, *, with_computed: bool) -> Row:
    figure = audited.figure
    computed = Cell(audited.computed_text or _plain_number(audited.computed), audited.computed)
    return (
        text_cell(figure.source),
        text_cell(figure.model),
        text_cell(figure.variant),
        Cell(figure.label, figure.metric),
        Cell(figure.value, _number(figure.number, figure.value)),
        *((computed,) if with_computed else ()),
        text_cell(audited.reason),
        Cell("", audited.verdict),
    )


def _figure(audited: AuditedFigure) -> dict[str, Any]:
    figure = audited.figure
    return {
        "source": figure.source,
        "model": figure.model,
        "variant": figure.variant,
        "metric": figure.metric,
        "published": None if figure.number is None else float(figure.number),
        "published_text": figure.value,
        "computed": audited.computed,
        "computed_text": audited.computed_text or None,
        "class": audited.verdict,
        "reason": audited.reason,
        "of_the_paper": audited.of_the_paper,
    }


def _convention_row(name: str, scores: Sequence[ConventionScore]) -> Row:
    convention = CONVENTIONS[name]
    overall = scores[-1]
    return (
        Cell(f"{name}, fitted" if convention.fitted else name, name),
        *(Cell(f"{entry.reproduced} of {entry.figures}", entry.reproduced) for entry in scores),
        Cell(f"{overall.max_error * 100:.2f} %", overall.max_error),
        Cell(f"{overall.mean_error * 100:.2f} %", overall.mean_error),
        text_cell(convention.description),
    )


def _number(number: Decimal | None, text: str) -> float | str:
    return text if number is None else float(number)


def _plain_number(value: float | None) -> str:
    return EMPTY.text if value is None else f"{value:,.0f}"
