"""How far each counting convention goes: figures printed to the digit, and deviations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from sebench.paper.conventions import Convention
from sebench.paper.figures import PublishedFigure
from sebench.paper.printing import prints
from sebench.paper.quantities import Count, compute_in_file
from sebench.paper.subjects import UNPUBLISHED_GRAPHS, require_known_model, subject_of
from sebench.schema import Value


class ConventionScore(Value, frozen=True, kw_only=True):
    """How many figures of a group a convention prints to the digit."""

    group: str
    reproduced: int
    figures: int
    max_error: float | None
    """Largest deviation relative to the printed figure; None where there is no figure."""
    mean_error: float | None


GROUPS: Mapping[str, tuple[str, ...]] = {
    "Table 2": ("CVPR18 Table 2",),
    "Table 3": ("CVPR18 Table 3",),
    "ablations": ("TPAMI Table 13", "TPAMI Table 15", "TPAMI Table 16"),
    "all": ("CVPR18", "TPAMI"),
}
"""Sources by column of the matrix; networks with an unpublished graph are left out."""
OWN_GROUPS: Mapping[str, tuple[str, ...]] = {"figures": ("",)}
"""The same for a file of the user's own, whose sources are anybody's."""


def score(
    figures: Sequence[PublishedFigure],
    convention: Convention,
    count: Count,
    known_models: frozenset[str],
    *,
    groups: Mapping[str, tuple[str, ...]] = GROUPS,
    file: str = "data/published.csv",
) -> Iterator[ConventionScore]:
    """One entry per group.

    Args:
        figures: to recompute; those that are no operation counts are passed over.
        convention: how operations are counted.
        count: counts a network.
        known_models: sebench's model names.
        groups: beginnings of sources by name.
        file: where the figures come from, for errors.

    Raises:
        DataFileError: a figure of a model that nobody knows, or of a variant that it cannot have.
    """
    for group, sources in groups.items():
        values = [
            (figure, value)
            for figure in figures
            if figure.metric in ("gflops", "mflops") and figure.number and figure.source.startswith(sources)
            if (value := _recomputed(figure, convention, count, known_models, file)) is not None
        ]
        errors = [abs(float(value / Fraction(figure.number or 1)) - 1) for figure, value in values]
        yield ConventionScore(
            group=group,
            reproduced=sum(
                prints(value, figure.value, convention.decimal_rounding) for figure, value in values
            ),
            figures=len(values),
            max_error=max(errors, default=None),
            mean_error=sum(errors) / len(errors) if errors else None,
        )


def _recomputed(
    figure: PublishedFigure, convention: Convention, count: Count, known_models: frozenset[str], file: str
) -> Fraction | None:
    require_known_model(figure, known_models, file)
    subject = subject_of(figure, known_models)
    if subject is None or subject.model in UNPUBLISHED_GRAPHS:
        return None
    found = compute_in_file(figure, subject, convention, count, file)
    return found.value if found else None
