"""The ``excitation`` document as it is read again; what follows from these fields is derived anew.

`sebench.reporting.excitation` writes it, `sebench.analysis.excitation` makes of it what it was written from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sebench.schema.accuracy import UnreadableImage
from sebench.schema.base import SCHEMA, Value
from sebench.schema.conclusions import MetricComparison
from sebench.schema.excitation import CONSTANT_BELOW
from sebench.schema.gates import GateKind
from sebench.schema.images import Preprocessing
from sebench.schema.measurements import Finding
from sebench.schema.ranges import Positive
from sebench.schema.request import ModelSpec, Workload

# Squares of these, summed over channels and multiplied with each other, stay finite.
GateValue = Annotated[float, Meta(ge=-1e40, le=1e40)]
Spread = Annotated[float, Meta(ge=0, le=1e40)]
Images = Annotated[int, Meta(ge=0, le=2**40)]
_IMAGE_DIMENSIONS = 4
"""Of an input: batch, channels, height and width."""


class ExcitationImages(Value, frozen=True, kw_only=True):
    """The images of one document; fields as those of `Excitation`."""

    folder: str
    found: Images
    seen: Images
    unreadable: Images = 0
    named_unreadable: tuple[UnreadableImage, ...] = ()
    other_files: dict[str, int] = msgspec.field(default_factory=dict)
    interrupted: bool = False


class ClassValues(Value, frozen=True, kw_only=True):
    """What a gate did on the images of one class, by channel."""

    name: str = msgspec.field(name="class")
    n: Images
    mean: tuple[GateValue, ...] | None
    """None where `n` is 0."""
    std: tuple[Spread, ...] | None
    """Squares are divided by `n`."""


class GateValues(Value, frozen=True, kw_only=True):
    """One gate; fields as those of `ExcitedGate`."""

    path: str
    stage: str
    kind: GateKind
    gate: str
    channels: Positive
    classes: Annotated[tuple[ClassValues, ...], Meta(min_length=1)]
    norms_of: str | None = None
    norms: tuple[Spread, ...] | None = None
    fold_into: str | None = None
    reason: str | None = None
    """Why no weights can take its values, what its values themselves forbid included."""


class FoldedValues(Value, frozen=True, kw_only=True):
    """The folded network; fields as those of `Folded`, and what it saves."""

    file: str
    spec: ModelSpec
    gates: tuple[str, ...]
    images: Images
    largest_difference: float
    rms_difference: float
    top1_changed: Images | None = None
    saving: MetricComparison | None = None
    not_measured: str | None = None


class ExcitationDocument(Value, frozen=True, kw_only=True):
    """What `sebench excite` found."""

    schema: str = SCHEMA
    kind: Literal["excitation"]
    spec: ModelSpec
    workload: Workload
    preprocessing: Preprocessing
    images: ExcitationImages
    constant_below: Annotated[float, Meta(gt=0)] = CONSTANT_BELOW
    seed: int
    gates: Annotated[tuple[GateValues, ...], Meta(min_length=1)]
    """In order of execution, with the same classes each."""
    adding: tuple[str, ...] = ()
    folded: FoldedValues | None = None
    reason: str | None = None
    """Why nothing was folded, where that was asked for."""
    findings: tuple[Finding, ...] = ()


def require_coherent_gates(document: ExcitationDocument) -> None:
    """Refuse a document that no images could have given.

    Raises:
        ValueError: says what does not fit, and where.
    """
    for complaint in _complaints(document):
        raise ValueError(complaint)


def _complaints(document: ExcitationDocument) -> Iterator[str]:
    if len(document.workload.input_shape) != _IMAGE_DIMENSIONS:
        yield "it is no shape of images - at `$.workload.input_shape`"
    if not document.images.seen:
        yield "no image was seen - at `$.images.seen`"
    counts = _counts(document.gates[0])
    if sum(count for _, count in counts) != document.images.seen:
        yield "its images are not as many as were seen - at `$.gates[0].classes`"
    for i, gate in enumerate(document.gates):
        if _counts(gate) != counts:
            yield f"its classes are not those of the first gate - at `$.gates[{i}].classes`"
        if gate.norms is not None and len(gate.norms) != gate.channels:
            yield f"there is not one for each of {gate.channels} channels - at `$.gates[{i}].norms`"
        for j, each in enumerate(gate.classes):
            expected = gate.channels if each.n else None
            for name, values in (("mean", each.mean), ("std", each.std)):
                if (None if values is None else len(values)) != expected:
                    what = f"there is not one for each of {gate.channels} channels" if each.n else "n is 0"
                    yield f"{what} - at `$.gates[{i}].classes[{j}].{name}`"


def _counts(gate: GateValues) -> list[tuple[str, int]]:
    return [(each.name, each.n) for each in gate.classes]
