"""Which printed figures hold: each recomputed, classed by what came out, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

from msgspec.structs import replace

from sebench.paper.causes import SIZES, Case, explain
from sebench.paper.conventions import CONVENTIONS, Convention
from sebench.paper.figures import NUMERIC_METRICS, PublishedFigure
from sebench.paper.printing import decimals_of, printed, prints
from sebench.paper.quantities import (
    Computed,
    Count,
    compute,
    compute_in_file,
)
from sebench.paper.special import JUDGES
from sebench.paper.subjects import UNPUBLISHED_GRAPHS, Subject, require_known_model, subject_of
from sebench.paper.verdicts import CLASSES, ORIGINS, AuditedFigure, FigureClass, Origin, quoted
from sebench.schema import Value

ABSOLUTE_TOLERANCE = Fraction(12, 1000)
"""Of figures printed in G; the largest deviation of the paper's convention from Table 2."""
RELATIVE_TOLERANCE = Fraction(3, 1000)
"""Of all others."""

# Metrics that this machine cannot recompute: they belong to the authors' training or to their machines.
_TIMES = frozenset(("gpu_train_ms", "cpu_infer_ms"))


class Audit(Value, frozen=True, kw_only=True):
    """All figures of a file, under one convention."""

    convention: str
    figures: tuple[AuditedFigure, ...]

    @property
    def summary(self) -> Mapping[FigureClass, int]:
        """How many figures each class holds."""
        found = Counter(audited.verdict for audited in self.figures)
        return {verdict: found[verdict] for verdict in CLASSES}

    @property
    def contradicted_by_origin(self) -> Mapping[Origin, int]:
        """How many figures do not hold, by who printed them; only those who printed any of `figures`."""
        present = {audited.origin for audited in self.figures}
        found = Counter(audited.origin for audited in self.figures if audited.verdict == "contradicted")
        return {origin: found[origin] for origin in ORIGINS if origin in present}

    @property
    def is_contradicted(self) -> bool:
        """Whether a figure does not hold that comes from anywhere else than secondary notes."""
        return any(number for origin, number in self.contradicted_by_origin.items() if origin != "notes")


def audit(
    figures: Sequence[PublishedFigure],
    *,
    convention: Convention,
    count: Count,
    known_models: frozenset[str],
    file: str = "data/published.csv",
    context: Sequence[PublishedFigure] = (),
) -> Audit:
    """Recompute and class every figure.

    Args:
        figures: to audit.
        convention: how operations are counted.
        count: counts a network; called once or more per network.
        known_models: sebench's model names.
        file: where the figures come from, for errors.
        context: figures that may explain others; `figures` themselves if empty.

    Raises:
        DataFileError: a cost figure of a model that nobody knows.
    """
    auditor = _Auditor(convention, count, known_models, file, context or figures)
    return Audit(convention=convention.name, figures=tuple(auditor.judge(figure) for figure in figures))


class _Auditor:
    def __init__(
        self,
        convention: Convention,
        count: Count,
        known_models: frozenset[str],
        file: str,
        context: Sequence[PublishedFigure],
    ) -> None:
        self._convention, self._count, self._known = convention, count, known_models
        self._file, self._context = file, context

    def judge(self, figure: PublishedFigure) -> AuditedFigure:
        if figure.metric in JUDGES:
            return JUDGES[figure.metric](figure, self._count)
        reason = _quoted_reason(figure)
        if reason:
            return quoted(figure, reason)
        require_known_model(figure, self._known, self._file)
        subject = self._subject(figure)
        if subject is None:
            return quoted(figure, "sebench has no network of this description")
        computed = compute_in_file(figure, subject, self._convention, self._count, self._file)
        if computed is None:
            return quoted(figure, "nothing to recompute")
        return self._compare(figure, subject, computed)

    def _subject(self, figure: PublishedFigure) -> Subject | None:
        return subject_of(figure, self._known)

    def _compare(self, figure: PublishedFigure, subject: Subject, computed: Computed) -> AuditedFigure:
        rounding = computed.convention.decimal_rounding if computed.convention else self._round
        if prints(computed.value, figure.value, rounding):
            return _audited(figure, "reproduced", computed, f"counted: {computed.rule}")
        case = Case(figure, subject, computed, self._convention, self._count, self._context, self._subject)
        if _within_tolerance(figure, computed.value):
            return _audited(figure, "within_tolerance", computed, self._near_miss(case))
        if computed.convention and subject.model in UNPUBLISHED_GRAPHS:
            return _audited(figure, "not_reproducible", computed, self._tried(case))
        reason = f"{computed.rule}; {explain(case)}"
        return _audited(figure, "contradicted", computed, reason)

    _round = CONVENTIONS["macs"].decimal_rounding

    def _near_miss(self, case: Case) -> str:
        """Under which rule the figure is near, and which rule prints it."""
        near = case.computed.rule
        if case.figure.approximate:
            near = f"{near}; printed as approximate"
        exact = [
            name
            for name, convention in CONVENTIONS.items()
            if case.computed.convention and self._prints_under(case, case.subject, convention)
        ]
        if exact:
            return f"{near}; printed to the digit by {', '.join(exact)}"
        explained = explain(case)
        return f"{near}; {explained}" if explained.startswith("likely") else near

    def _tried(self, case: Case) -> str:
        """Every input size under every convention, and the nearest of them."""
        values = {
            f"{name} at {size}": found.value
            for size in SIZES
            for name, convention in CONVENTIONS.items()
            if (found := self._under(case, replace(case.subject, image_size=size), convention))
        }
        published = Fraction(case.figure.number or 0)
        nearest = min(values, key=lambda label: abs(values[label] - published))
        name = self._convention.name
        at_size = [f"{printed(values[f'{name} at {size}'], case.figure)} at {size}" for size in SIZES]
        return (
            f"{UNPUBLISHED_GRAPHS[case.subject.model]}: {', '.join(at_size)} (convention {name}); nearest of "
            f"{len(values)} tried: {printed(values[nearest], case.figure)} ({nearest})"
        )

    def _prints_under(self, case: Case, subject: Subject, convention: Convention) -> bool:
        found = self._under(case, subject, convention)
        return found is not None and prints(found.value, case.figure.value, convention.decimal_rounding)

    def _under(self, case: Case, subject: Subject, convention: Convention) -> Computed | None:
        return compute(case.figure, subject, convention, self._count)


def _within_tolerance(figure: PublishedFigure, value: Fraction) -> bool:
    published = Fraction(figure.number or 0)
    difference = abs(value - published)
    if figure.approximate:  # "about": one unit of the last digit
        return difference < Fraction(1, 10 ** decimals_of(figure.value))
    if figure.metric == "gflops":
        return difference <= ABSOLUTE_TOLERANCE
    return difference <= RELATIVE_TOLERANCE * published


def _quoted_reason(figure: PublishedFigure) -> str | None:
    if not figure.value:
        return "the source prints no figure"
    if figure.metric in _TIMES:
        return "timed on the authors' machine"
    return None if figure.metric in NUMERIC_METRICS else "not a cost that can be recomputed"


def _audited(figure: PublishedFigure, verdict: FigureClass, computed: Computed, reason: str) -> AuditedFigure:
    return AuditedFigure(
        figure=figure,
        verdict=verdict,
        computed=float(computed.value),
        computed_text=printed(computed.value, figure),
        reason=reason,
    )
