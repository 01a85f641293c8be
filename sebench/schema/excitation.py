"""What gates do on images: the network, its gates and its images; their statistics are arrays beside."""

from __future__ import annotations

from typing import Annotated

import msgspec

from sebench.schema.accuracy import UnreadableImage
from sebench.schema.base import Value
from sebench.schema.gates import GateKind
from sebench.schema.images import Preprocessing
from sebench.schema.request import ModelSpec, Workload

CONSTANT_BELOW = 0.01
"""A gate is near-constant if no channel of it has a standard deviation of as much over all images."""
NEAR_ZERO, NEAR_ONE = 0.05, 0.95
"""A channel is saturated if its mean over all images lies below the first or above the second."""
FIGURE_CHANNELS = 50
"""Channels that a picture shows of each gate, as in Fig. 5 of the paper (TPAMI)."""


class ExcitedGate(Value, frozen=True, kw_only=True):
    """A gate whose values were watched."""

    path: str
    """What variants call it."""
    stage: str
    """Resolution of its feature map, as the stride from the input: ``stride 8``."""
    kind: GateKind
    gate: str
    """The op that gives its values, e.g. ``sigmoid``."""
    channels: int
    """Values for one image; of a split those of all its branches."""
    maker: str | None = None
    """The module whose weights make the channels of the feature map; None where there is no single one."""
    norms: tuple[float, ...] = ()
    """L2 norm of the convolution's filter by channel, times the factor of the batch norm that follows it,
    |weight| / sqrt(running variance + eps); empty where `maker` is None."""
    fold_into: str | None = None
    """The module whose weights can take its values, were they constant."""
    only_positive: bool = False
    """Whether they can only where no value is negative: there is a ReLU between."""
    no_fold: str = ""
    """Why no weights can take its values."""


class Excitation(Value, frozen=True, kw_only=True):
    """Whose gates were watched, and on what. The arrays of their moments are in the order of `gates`."""

    spec: ModelSpec
    workload: Workload
    """Its batch is that of the images, read together."""
    preprocessing: Preprocessing
    folder: str
    """Of the images."""
    classes: tuple[str, ...]
    """Names of its folders, those without images included."""
    images: int
    """That were to be looked at: all there are, or as many as were asked for."""
    seen: int
    """That were read and run."""
    unreadable: int = 0
    """That could not be read."""
    named_unreadable: tuple[UnreadableImage, ...] = ()
    """The first of those."""
    other_files: dict[str, int] = msgspec.field(default_factory=dict)
    """How many files are no images, by reason."""
    interrupted: bool = False
    """Whether Ctrl-C came before all images were seen."""
    gates: tuple[ExcitedGate, ...]
    """In order of execution."""
    adding: tuple[str, ...] = ()
    """Gates that add instead of multiplying, which are not watched."""
    constant_below: Annotated[float, msgspec.Meta(gt=0)] = CONSTANT_BELOW
    seed: int
    """Of weights that no file gives, of the order of the images, and of what a picture shows."""


class Folded(Value, frozen=True, kw_only=True):
    """A network whose near-constant gates went into its weights, against the network as it was."""

    file: str
    """Of its weights."""
    spec: ModelSpec
    """Builds it, weights included."""
    gates: tuple[str, ...]
    """That it has no more."""
    images: int
    """That both were run on."""
    largest: float
    """Largest difference of an output, relative to the largest output of the network as it was."""
    rms: float
    """Root mean square of the differences, relative to the same."""
    top1_changed: int | None = None
    """Images whose largest output is another one; None where outputs are no scores of classes."""
