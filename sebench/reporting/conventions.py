"""The matrix of counting conventions, as a document and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from sebench.paper.conventions import CONVENTIONS
from sebench.paper.scores import ConventionScore
from sebench.reporting.contract import document_json
from sebench.reporting.document import Cell, Column, Document, Paragraph, Row, Table, text_cell
from sebench.units import UNKNOWN

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
