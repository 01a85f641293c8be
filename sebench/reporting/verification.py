"""The audit of published figures, and the matrix of counting conventions: as documents and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from sebench.paper.audit import Audit
from sebench.paper.conventions import CONVENTIONS
from sebench.paper.scores import ConventionScore
from sebench.paper.verdicts import CLASSES, ORIGINS, AuditedFigure, FigureClass, Origin
from sebench.reporting.contract import document_json
from sebench.reporting.document import (
    EMPTY,
    Cell,
    Column,
    Content,
    Document,
    Paragraph,
    Row,
    Section,
    Table,
    text_cell,
)
from sebench.units import UNKNOWN

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
    "contradicted": "our count differs; the cause given is the likely one, found by recomputing",
    "not_reproducible": "the network of the figure cannot be rebuilt",
    "quoted_only": "accuracies, timings and training settings, which counting cannot recompute",
}
_ORIGIN_NAMES: Mapping[Origin, str] = {
    "authors": "of the authors",
    "notes": "of secondary notes",
    "elsewhere": "of others",
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
        _section(verdict, origin, found)
        for verdict in _ORDER
        if with_quoted or verdict != "quoted_only"
        for origin, found in _by_origin(audit, verdict)
        if found
    ]
    convention = CONVENTIONS[audit.convention]
    body: tuple[Content, ...] = (Paragraph(summary(audit), strong=True), *sections)
    note = f"convention {convention.name}: {convention.description}"
    return Document("Published cost figures, recomputed", body, (note,))


def summary(audit: Audit) -> str:
    """One sentence: how many figures, and how many of each class; who printed what does not hold."""
    counts = {verdict: f"{audit.summary[verdict]} {CLASS_NAMES[verdict]}" for verdict in CLASSES}
    split = audit.contradicted_by_origin
    if set(split) != {"elsewhere"} and audit.summary["contradicted"]:
        who = ", ".join(f"{number} {_ORIGIN_NAMES[origin]}" for origin, number in split.items())
        counts["contradicted"] += f" ({who})"
    figures = "1 figure" if len(audit.figures) == 1 else f"{len(audit.figures)} figures"
    return f"{figures}: {', '.join(counts.values())}."


def verification_json(audit: Audit) -> str:
    """The ``verification`` document."""
    return document_json(
        "verification",
        {
            "convention": audit.convention,
            "figures": [_figure(audited) for audited in audit.figures],
            "summary": dict(audit.summary),
            "contradicted_by_origin": dict(audit.contradicted_by_origin),
        },
    )


def _by_origin(
    audit: Audit, verdict: FigureClass
) -> Iterator[tuple[Origin | None, tuple[AuditedFigure, ...]]]:
    """The figures of a class; what does not hold apart by who printed it, the authors first."""
    found = tuple(audited for audited in audit.figures if audited.verdict == verdict)
    if verdict != "contradicted" or {audited.origin for audited in found} == {"elsewhere"}:
        yield None, found
        return
    for origin in ORIGINS:
        yield origin, tuple(audited for audited in found if audited.origin == origin)


def _section(verdict: FigureClass, origin: Origin | None, figures: Sequence[AuditedFigure]) -> Section:
    with_reason = verdict not in _WITHOUT_REASON
    # Many figures have the same reason, and all of them are long: said once, below the table.
    reasons = tuple(dict.fromkeys(audited.reason for audited in figures)) if with_reason else ()
    columns = (
        Column("source", "source", role="group"),
        Column("model", "model"),
        Column("variant", "variant", role="fold"),
        Column("metric", "metric"),
        Column("published", "published", "right", wrap=True),
        *((Column("computed", "here", "right"),) if verdict != "quoted_only" else ()),
        Column("reason", "reason", role="value" if with_reason else "data"),
        Column("class", "class", role="data"),
    )
    with_computed = verdict != "quoted_only"
    rows = tuple(_row(audited, reasons, with_computed=with_computed) for audited in figures)
    notes = tuple(f"[{number}] {reason}" for number, reason in enumerate(reasons, start=1))
    where = f": figures {_ORIGIN_NAMES[origin]}" if origin else ""
    title = f"{CLASS_NAMES[verdict].capitalize()}{where} ({len(figures)})"
    return Section(title, (Paragraph(f"{_MEANINGS[verdict]}."), Table("", columns, rows, notes)))


def _row(audited: AuditedFigure, reasons: Sequence[str], *, with_computed: bool) -> Row:
    figure = audited.figure
    footnote = f"[{reasons.index(audited.reason) + 1}]" if audited.reason in reasons else ""
    computed = Cell(audited.computed_text or _plain_number(audited.computed), audited.computed)
    return (
        text_cell(figure.source),
        text_cell(figure.model),
        text_cell(figure.variant),
        Cell(figure.label, figure.metric),
        Cell(figure.value, _number(figure.number, figure.value)),
        *((computed,) if with_computed else ()),
        Cell(footnote, audited.reason),
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
        "origin": audited.origin,
        "of_the_paper": audited.of_the_paper,
    }


def _number(number: Decimal | None, text: str) -> float | str:
    return text if number is None else float(number)


def _plain_number(value: float | None) -> str:
    return EMPTY.text if value is None else f"{value:,.0f}"


NO_OPERATIONS = "there is no figure in GFLOPs or MFLOPs that can be recomputed"


def conventions_document(scores: Mapping[str, Sequence[ConventionScore]]) -> Document:
    """How many printed operation counts each convention reproduces.

    Args:
        scores: by name of the convention, one per group of figures.
    """
    groups = [entry.group for entry in next(iter(scores.values()), ())]
    columns = (
        Column("convention", "convention"),
        *(Column(group.lower().replace(" ", "_"), group, "right") for group in groups),
        Column("max_error", "largest error", "right"),
        Column("mean_error", "mean", "right", role="fold"),
        Column("counts", "counts", wrap=True),
    )
    rows = [_convention_row(name, entries) for name, entries in scores.items()]
    empty = () if any(entries[-1].figures for entries in scores.values()) else (NO_OPERATIONS,)
    table = Table("", columns, tuple(rows), empty)
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


def _convention_row(name: str, scores: Sequence[ConventionScore]) -> Row:
    convention = CONVENTIONS[name]
    overall = scores[-1]
    return (
        Cell(f"{name}, fitted" if convention.fitted else name, name),
        *(Cell(f"{entry.reproduced} of {entry.figures}", entry.reproduced) for entry in scores),
        _error(overall.max_error),
        _error(overall.mean_error),
        text_cell(convention.description),
    )


def _error(error: float | None) -> Cell:
    return Cell(UNKNOWN) if error is None else Cell(f"{error * 100:.2f} %", error)
