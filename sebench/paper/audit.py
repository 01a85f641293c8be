"""Which printed figures hold: each recomputed, classed by what came out, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Literal, get_args

from msgspec.structs import replace

from sebench.errors import DataFileError, SebenchError
from sebench.paper.causes import SIZES, Case, explain
from sebench.paper.conventions import CONVENTIONS, Convention
from sebench.paper.figures import NUMERIC_METRICS, PublishedFigure
from sebench.paper.printing import decimals_of, printed, prints
from sebench.paper.quantities import (
    Computed,
    Count,
    attention_weights,
    block_weights,
    compute,
    formula_value,
    stage_widths,
)
from sebench.paper.subjects import UNPUBLISHED_GRAPHS, Subject, require_known_model, subject_of
from sebench.schema import Value

FigureClass = Literal["reproduced", "within_tolerance", "contradicted", "not_reproducible", "quoted_only"]
CLASSES: tuple[FigureClass, ...] = get_args(FigureClass)

ABSOLUTE_TOLERANCE = Fraction(12, 1000)
"""Of figures printed in G; the largest deviation of the paper's convention from Table 2."""
RELATIVE_TOLERANCE = Fraction(3, 1000)
"""Of all others."""

# Metrics that this machine cannot recompute: they belong to the authors' training or to their machines.
_TIMES = frozenset(("gpu_train_ms", "cpu_infer_ms"))
_SECONDARY = ("secondary notes", "CVPR18 translated text")
_EQ5_SUBJECT = Subject(model="resnet50", variant="se")
_EQ5_REDUCTION = 16


class AuditedFigure(Value, frozen=True, kw_only=True):
    """A printed figure with our own value and what follows."""

    figure: PublishedFigure
    verdict: FigureClass
    computed: float | None = None
    """In the printed unit."""
    computed_text: str = ""
    reason: str

    @property
    def of_the_paper(self) -> bool:
        """Printed by the authors themselves."""
        return not self.figure.source.startswith(_SECONDARY)


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
    def contradicts_the_paper(self) -> bool:
        """Whether a figure of the authors themselves does not hold."""
        return any(audited.verdict == "contradicted" and audited.of_the_paper for audited in self.figures)


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
        if figure.metric in _SPECIAL:
            return _SPECIAL[figure.metric](figure, self._count)
        reason = _quoted_reason(figure)
        if reason:
            return _quoted(figure, reason)
        if not _is_about_all(figure):
            require_known_model(figure, self._known, self._file)
        subject = self._subject(figure)
        if subject is None:
            return _quoted(figure, "sebench has no network of this description")
        try:
            computed = compute(figure, subject, self._convention, self._count)
        except SebenchError as error:  # a variant that the network cannot have, for instance
            raise DataFileError(
                f"{self._file} line {figure.line}: {error.message}", hint=error.hint
            ) from error
        if computed is None:
            return _quoted(figure, "nothing to recompute")
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


def _is_about_all(figure: PublishedFigure) -> bool:
    return figure.model in ("all", "")


def _quoted(figure: PublishedFigure, reason: str) -> AuditedFigure:
    return AuditedFigure(figure=figure, verdict="quoted_only", reason=reason)


def _audited(figure: PublishedFigure, verdict: FigureClass, computed: Computed, reason: str) -> AuditedFigure:
    return AuditedFigure(
        figure=figure,
        verdict=verdict,
        computed=float(computed.value),
        computed_text=printed(computed.value, figure),
        reason=reason,
    )


# --- figures that are no single network's ---------------------------------------------------------------


def _judge_formula(figure: PublishedFigure, count: Count) -> AuditedFigure:
    """Eq. 5, evaluated over the stages of SE-ResNet-50, against the weights that were counted."""
    cost = count(_EQ5_SUBJECT)
    value = formula_value(figure.value, stage_widths(cost), _EQ5_REDUCTION)
    if value is None:
        return _quoted(figure, "not an arithmetic formula of r, N_s and C_s")
    weights = attention_weights(cost)
    shown = int(value) if value.denominator == 1 else float(value)
    reason = f"evaluates to {shown:,} for SE-ResNet-50 with r = 16; its FC layers have {weights:,} weights"
    holds = value == weights
    if not holds and "-" in figure.value:
        reason += "; likely cause: N_s and C_s^2 are multiplied in Eq. 5, not subtracted"
    return AuditedFigure(
        figure=figure, verdict="reproduced" if holds else "contradicted", computed=float(value), reason=reason
    )


def _judge_widths(figure: PublishedFigure, count: Count) -> AuditedFigure:
    """Table 1 prints ``[hidden, channels]`` per stage of two networks."""
    stage = figure.variant.removeprefix("conv").removesuffix("_x")
    found = {
        f"[{widths.hidden},{widths.channels}]"
        for model in ("resnet50", "resnext50_32x4d")
        for widths in stage_widths(count(Subject(model=model, variant="se")))
        if widths.stage == stage
    }
    holds = found == {figure.value.replace(" ", "")}
    return AuditedFigure(
        figure=figure,
        verdict="reproduced" if holds else "contradicted",
        computed_text=", ".join(sorted(found)),
        reason=f"FC widths in stage {stage} as built: {', '.join(sorted(found)) or 'no such stage'}",
    )


def _judge_block(figure: PublishedFigure, count: Count) -> AuditedFigure:
    weights = block_weights(figure.variant)
    if weights is None or figure.number is None:
        return _quoted(figure, "needs a variant such as C=512 r=16")
    holds = Decimal(weights) == figure.number
    return AuditedFigure(
        figure=figure,
        verdict="reproduced" if holds else "contradicted",
        computed=float(weights),
        computed_text=str(weights),
        reason=f"2 C (C / r) = {weights:,}",
    )


_SPECIAL = {"formula": _judge_formula, "se_fc_dims": _judge_widths, "weights": _judge_block}


# --- how far each convention goes -----------------------------------------------------------------------


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
