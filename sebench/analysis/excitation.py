"""What the values of gates come to: saturation, what depends on the class, and which gates do nothing."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from sebench.schema import Excitation, ExcitedGate, Finding, Folded, MetricComparison
from sebench.schema.excitation import FIGURE_CHANNELS, NEAR_ONE, NEAR_ZERO
from sebench.schema.excitation_document import ExcitationDocument, FoldedValues, GateValues
from sebench.statistics.moments import Moments, correlation

_BETWEEN_0_AND_1 = frozenset({"sigmoid", "hardsigmoid", "_softmax", "softmax", "div"})
"""Ops whose values are shares; ``div`` is a hard sigmoid that is spelt out."""
ONE_CLASS = "one class"
CONSTANT = "values differ by no more than rounding"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GateExcitation:
    """One gate, and what its values come to."""

    gate: ExcitedGate
    moments: Moments
    """By class and channel."""
    mean: float
    """Of all channels and images."""
    deviation: float
    """Standard deviation over the images, mean of all channels."""
    largest_deviation: float
    """That of the channel that varies most."""
    saturated_low: float | None
    """Share of channels whose mean lies below `NEAR_ZERO`; None of values that are no shares."""
    saturated_high: float | None
    """Likewise above `NEAR_ONE`."""
    class_share: float | None
    """Variance between classes over the total variance, summed over channels."""
    no_class_share: str
    """Why that is None."""
    correlation: float | None
    """Of the mean of each channel with the norm of the weights that make it; None where either is unknown,
    or the same throughout."""
    is_constant: bool
    """Whether every channel varies by less than `Excitation.constant_below`."""
    no_fold: str
    """Why weights cannot take its values, were they constant; empty if they can."""

    @property
    def is_foldable(self) -> bool:
        """Whether it does nothing, and can go."""
        return self.is_constant and not self.no_fold


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExcitationFound:
    """What the gates of a network do on images."""

    excitation: Excitation
    moments: tuple[Moments, ...]
    """Of each gate, in order of execution."""
    folded: Folded | None = None
    """The network whose near-constant gates went into its weights."""
    not_folded: str = ""
    """Why there is none, where one was asked for."""
    saving: MetricComparison | None = None
    """Latency of the folded network over that of the one as it was; None where it was not measured."""
    not_measured: str = ""
    """Why not, where it was to be."""
    findings: tuple[Finding, ...] = ()
    """What a reader should know of the weights."""

    @property
    def gates(self) -> tuple[GateExcitation, ...]:
        """What each gate does, in order of execution."""
        below = self.excitation.constant_below
        pairs = zip(self.excitation.gates, self.moments, strict=True)
        return tuple(_concluded(gate, each, below) for gate, each in pairs)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Images that were seen of each class."""
        return tuple(int(count) for count in self.moments[0].counts)

    @property
    def chance_share(self) -> float | None:
        """The class share that noise alone has on average: (K - 1) / (N - 1) of K classes and N images."""
        classes, images = int(np.count_nonzero(self.class_counts)), sum(self.class_counts)
        return (classes - 1) / (images - 1) if classes > 1 and images > 1 else None


def excitation_found(document: ExcitationDocument) -> ExcitationFound:
    """What a document was written from; moments are as exact as means and deviations are.

    Args:
        document: a coherent one (`sebench.schema.excitation_document.require_coherent_gates`).
    """
    images, folded = document.images, document.folded
    excitation = Excitation(
        spec=document.spec,
        workload=document.workload,
        preprocessing=document.preprocessing,
        folder=images.folder,
        classes=tuple(each.name for each in document.gates[0].classes),
        images=images.found,
        seen=images.seen,
        unreadable=images.unreadable,
        named_unreadable=images.named_unreadable,
        other_files=images.other_files,
        interrupted=images.interrupted,
        gates=tuple(map(_excited, document.gates)),
        adding=document.adding,
        constant_below=document.constant_below,
        seed=document.seed,
    )
    return ExcitationFound(
        excitation=excitation,
        moments=tuple(map(_moments, document.gates)),
        folded=None if folded is None else _folded(folded),
        not_folded=document.reason or "",
        saving=None if folded is None else folded.saving,
        not_measured="" if folded is None else folded.not_measured or "",
        findings=document.findings,
    )


def _excited(gate: GateValues) -> ExcitedGate:
    return ExcitedGate(
        path=gate.path,
        stage=gate.stage,
        kind=gate.kind,
        gate=gate.gate,
        channels=gate.channels,
        maker=gate.norms_of,
        norms=gate.norms or (),
        fold_into=gate.fold_into,
        no_fold=gate.reason or "",  # which says it, where negative values are why
    )


def _moments(gate: GateValues) -> Moments:
    counts = np.array([each.n for each in gate.classes], dtype=np.int64)
    means, deviations = np.zeros((2, len(gate.classes), gate.channels))
    for number, each in enumerate(gate.classes):
        if each.n:
            means[number], deviations[number] = each.mean, each.std
    return Moments(counts, means, counts[:, None] * deviations**2)


def _folded(folded: FoldedValues) -> Folded:
    return Folded(
        file=folded.file,
        spec=folded.spec,
        gates=folded.gates,
        images=folded.images,
        largest=folded.largest_difference,
        rms=folded.rms_difference,
        top1_changed=folded.top1_changed,
    )


def _concluded(gate: ExcitedGate, moments: Moments, constant_below: float) -> GateExcitation:
    mean, deviation = moments.mean, moments.deviation
    is_share = gate.gate in _BETWEEN_0_AND_1
    share = moments.class_share
    no_share = "" if share is not None else (CONSTANT if np.count_nonzero(moments.counts) > 1 else ONE_CLASS)
    negative = gate.only_positive and bool((mean < 0).any())
    return GateExcitation(
        gate=gate,
        moments=moments,
        mean=float(mean.mean()),
        deviation=float(deviation.mean()),
        largest_deviation=float(deviation.max()),
        saturated_low=float((mean < NEAR_ZERO).mean()) if is_share else None,
        saturated_high=float((mean > NEAR_ONE).mean()) if is_share else None,
        class_share=share,
        no_class_share=no_share,
        correlation=correlation(mean, gate.norms) if gate.norms else None,
        is_constant=moments.is_constant(constant_below),
        no_fold=gate.no_fold or ("some of its values are negative" if negative else ""),
    )


def drawn_channels(excitation: Excitation, gate: ExcitedGate) -> tuple[int, ...]:
    """The channels that a picture shows of a gate: 50 drawn uniformly, or all if there are no more.

    The same seed draws the same ones.
    """
    if gate.channels <= FIGURE_CHANNELS:
        return tuple(range(gate.channels))
    drawn = Random(f"{excitation.seed}/{gate.path}").sample(range(gate.channels), FIGURE_CHANNELS)
    return tuple(sorted(drawn))


def drawn_classes(found: ExcitationFound, most: int) -> tuple[int, ...]:
    """The classes that a picture shows, of those that have images; drawn likewise."""
    present = [number for number, count in enumerate(found.class_counts) if count]
    if len(present) <= most:
        return tuple(present)
    return tuple(sorted(Random(f"{found.excitation.seed}/classes").sample(present, most)))
