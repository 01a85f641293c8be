"""Why a printed figure differs from ours: explanations that are computed, and named only where they fit.

Each explanation is an alternative value. One that prints the published digits is a likely cause, no more: the
first in order of plausibility is named, and where none fits the report says what was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from msgspec.structs import replace

from sebench.paper.conventions import Convention
from sebench.paper.figures import PublishedFigure
from sebench.paper.printing import printed, prints, truncates
from sebench.paper.quantities import STORED, TRAINABLE, Computed, Count, compute, params_rule
from sebench.paper.subjects import Subject
from sebench.schema import PLAIN, StrideIn, parse_variant

SIZES = (224, 299, 320)
"""Inputs that the sources use."""
STRIDES: tuple[StrideIn, ...] = ("1x1", "3x3")


@dataclass(frozen=True, slots=True)
class Case:
    """A figure that does not hold, with what explanations need."""

    figure: PublishedFigure
    subject: Subject
    computed: Computed
    convention: Convention
    count: Count
    figures: Sequence[PublishedFigure]
    """All that were read."""
    subject_of: Callable[[PublishedFigure], Subject | None]


@dataclass(frozen=True, slots=True)
class Cause:
    """What an explanation amounts to."""

    text: str
    fits: bool


def explain(case: Case) -> str:
    """The first explanation that fits, or what was tried."""
    tried = []
    for name, explanation in _EXPLANATIONS:
        causes = list(explanation(case))
        for cause in causes:
            if cause.fits:
                return f"likely cause: {cause.text}"
        if causes:
            tried.append(name)
    return f"no cause found (tried: {', '.join(tried)})" if tried else "no cause found"


def _misquoted(case: Case) -> Iterator[Cause]:
    for other in case.figures:
        same_network = case.subject_of(other) in (case.subject, replace(case.subject, variant="se"))
        if other.source.startswith("CVPR18 Sec") and other.metric != case.figure.metric and same_network:
            text = f"{other.source} prints {other.value} as {other.label} of {other.model}"
            yield Cause(text, other.value == case.figure.value)


def _rounded_operands(case: Case) -> Iterator[Cause]:
    if case.figure.metric != "gflops_rel_increase_pct":
        return
    candidate, plain = (_printed_gflops(case, subject) for subject in (case.subject, case.subject.plain))
    if candidate is not None and plain is not None:
        value = 100 * (Fraction(candidate) - Fraction(plain)) / Fraction(plain)
        text = f"quotient of the rounded figures, ({candidate} - {plain}) / {plain}"
        yield Cause(text, prints(value, case.figure.value))


def _printed_gflops(case: Case, subject: Subject) -> Decimal | None:
    found = (
        figure.number
        for figure in case.figures
        if (figure.source, figure.metric) == (case.figure.source, "gflops")
        and case.subject_of(figure) == subject
    )
    return next(found, None)


def _other_stride(case: Case) -> Iterator[Cause]:
    if case.figure.metric in ("gflops", "mflops") and case.subject.model.startswith(("resnet", "resnext")):
        for stride in STRIDES:
            subject = replace(case.subject, stride_in=stride)
            yield _recomputed(case, subject, f"with the stride in the {stride} convolution")


def _other_size(case: Case) -> Iterator[Cause]:
    if case.figure.metric in ("gflops", "mflops"):
        for size in SIZES:
            subject = replace(case.subject, image_size=size)
            yield _recomputed(case, subject, f"with a {size} x {size} input")


def _published_base(case: Case) -> Iterator[Cause]:
    """A published plain figure, plus what attention adds by our count."""
    figure, subject = case.figure, case.subject
    if figure.metric not in ("gflops", "mflops") or subject.variant == PLAIN:
        return
    bases = (
        other.number
        for other in case.figures
        if (other.source, other.metric) == (figure.source, figure.metric)
        and case.subject_of(other) == subject.plain
    )
    base, plain = next(bases, None), _compute(case, subject.plain)
    if base is not None and plain is not None:
        value = Fraction(base) + case.computed.value - plain.value
        text = f"the printed {base} of the plain network plus what SE adds here: {printed(value, figure)}"
        yield Cause(text, prints(value, figure.value))


def _shufflenet_class(case: Case) -> Iterator[Cause]:
    if case.figure.metric == "mflops" and case.subject.model == "shufflenet_v1_g3":
        value = Fraction(shufflenet_macs(groups=2, outputs=(200, 400, 800)), 10**6)
        text = (
            f"the nominal complexity of ShuffleNet 1x, which its 2-group network has ({float(value):.1f}, "
            "truncated); the 3-group network has less"
        )
        yield Cause(text, truncates(value, case.figure.value))


def _other_biases(case: Case) -> Iterator[Cause]:
    variant = parse_variant(case.subject.variant)
    biased = variant.value("bias")
    if biased is None or not case.figure.metric.startswith("params"):
        return
    other = str(variant.replaced(bias=not biased))
    word = "without" if biased else "with"
    yield _recomputed(case, replace(case.subject, variant=other), f"{word} the biases of the FC layers")


def _other_params(case: Case) -> Iterator[Cause]:
    if case.figure.metric.startswith("params"):
        stored = params_rule(case.figure.source) == STORED
        # The rule goes by the source, so a figure of another source is recomputed by the other rule.
        moved = replace(case.figure, source="" if stored else "CVPR18 Table 7")
        found = compute(moved, case.subject, case.convention, case.count)
        if found is not None:
            text = f"counting {TRAINABLE if stored else STORED}: {printed(found.value, case.figure)}"
            yield Cause(text, prints(found.value, case.figure.value))


def _truncated(case: Case) -> Iterator[Cause]:
    yield Cause("ours truncated instead of rounded", truncates(case.computed.value, case.figure.value))


def _recomputed(case: Case, subject: Subject, words: str) -> Cause:
    found = _compute(case, subject)
    if found is None:
        return Cause(words, fits=False)
    return Cause(f"{words}: {printed(found.value, case.figure)}", prints(found.value, case.figure.value))


def _compute(case: Case, subject: Subject) -> Computed | None:
    return compute(case.figure, subject, case.convention, case.count)


def shufflenet_macs(*, groups: int, outputs: tuple[int, int, int]) -> int:
    """MACs of ShuffleNet v1 at 224 x 224 (Zhang et al., CVPR 2018, section 3.2 and Table 1).

    Args:
        groups: of the 1x1 convolutions; the first one of stage 2 is not grouped.
        outputs: channels of stages 2 to 4, which halve the side of their input.
    """
    channels, side = 24, 56
    macs = 112 * 112 * channels * 3 * 9
    for stage, (units, width) in enumerate(zip((4, 8, 4), outputs, strict=True)):
        middle = width // 4
        for unit in range(units):
            reduces = unit == 0
            out_side = side // 2 if reduces else side
            branch = width - channels if reduces else width
            first = channels * middle // (1 if stage == 0 and reduces else groups)
            macs += side**2 * first + out_side**2 * (middle * 9 + middle * branch // groups)
            channels, side = width, out_side
    return macs + channels * 1000


_EXPLANATIONS: tuple[tuple[str, Callable[[Case], Iterator[Cause]]], ...] = (
    ("a figure of the paper for something else", _misquoted),
    ("rounded operands", _rounded_operands),
    ("the other stride", _other_stride),
    ("another input size", _other_size),
    ("the printed plain figure as base", _published_base),
    ("nominal complexity", _shufflenet_class),
    ("FC biases", _other_biases),
    ("other elements counted as parameters", _other_params),
    ("truncation", _truncated),
)
