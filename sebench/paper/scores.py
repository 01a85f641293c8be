"""How far each counting convention goes: figures printed to the digit, and deviations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from sebench.paper.conventions import Convention
from sebench.paper.figures import PublishedFigure
from sebench.paper.printing import prints
from sebench.paper.quantities import Count, compute
from sebench.paper.subjects import UNPUBLISHED_GRAPHS, subject_of
from sebench.schema import Value


class ConventionScore(Value, frozen=True, kw_only=True):
    """How many figures of a group a convention prints to the digit."""

    group: str
    reproduced: int
    figures: int
    max_error: float
    """Largest deviation relative to the printed figure."""
    mean_error: float


GROUPS: Mapping[str, tuple[str, ...]] = {
    "Table 2": ("CVPR18 Table 2",),
    "Table 3": ("CVPR18 Table 3",),
    "ablations": ("TPAMI Table 13", "TPAMI Table 15", "TPAMI Table 16"),
    "all": ("CVPR18", "TPAMI"),
}
"""Sources by column of the matrix; networks with an unpublished graph are left out."""


def score(
    figures: Sequence[PublishedFigure], convention: Convention, count: Count, known_models: frozenset[str]
) -> Iterator[ConventionScore]:
    """One entry per group of `GROUPS`."""
    for group, sources in GROUPS.items():
        pairs = [
            (figure, subject)
            for figure in figures
            if figure.metric in ("gflops", "mflops") and figure.value and figure.source.startswith(sources)
            if (subject := subject_of(figure, known_models)) and subject.model not in UNPUBLISHED_GRAPHS
        ]
        values = [
            (figure, found.value)
            for figure, subject in pairs
            if (found := compute(figure, subject, convention, count))
        ]
        errors = [abs(float(value / Fraction(figure.number or 1)) - 1) for figure, value in values]
        yield ConventionScore(
            group=group,
            reproduced=sum(
                prints(value, figure.value, convention.decimal_rounding) for figure, value in values
            ),
            figures=len(values),
            max_error=max(errors, default=0.0),
            mean_error=sum(errors) / len(errors) if errors else 0.0,
        )
