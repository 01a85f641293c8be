"""Training: what is asked, the recipe that follows from it and from the data, and what came of it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from sebench.schema.accuracy import UnreadableImage
from sebench.schema.base import Value
from sebench.schema.measurements import Finding
from sebench.schema.ranges import Count, Positive
from sebench.schema.request import ModelSpec

Crop = Literal["scale", "shift"]
"""A random part of the image, scaled to the input; or the image moved by up to four pixels."""
TrainingDtype = Literal["float32", "amp-bfloat16"]
Fraction = Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)]
Rate = Annotated[float, msgspec.Meta(gt=0.0, le=1e6)]


class RecipeRequest(Value, frozen=True, kw_only=True):
    """What somebody says of a recipe; None is left to the data, the network and the device."""

    epochs: Positive = 100
    batch_size: Positive | None = None
    learning_rate: Rate | None = None
    momentum: Fraction = 0.9
    weight_decay: Annotated[float, msgspec.Meta(ge=0.0, le=1e6)] = 1e-4
    crop: Crop | None = None
    flip: bool | None = None
    balanced: bool = True
    dtype: TrainingDtype = "float32"
    ema: Fraction | None = None


class Recipe(Value, frozen=True, kw_only=True):
    """How networks are trained: SGD, the learning rate divided by ten at every milestone."""

    epochs: Positive
    batch_size: Positive
    """Of all ranks together."""
    learning_rate: float
    """In the first epoch."""
    milestones: tuple[int, ...]
    """Epochs, counted from 0, with which the learning rate is divided by ten."""
    momentum: float
    weight_decay: float
    image_size: tuple[int, int]
    """Height and width of the input."""
    crop: Crop
    flip: bool
    """Half of the images are mirrored."""
    balanced: bool
    """Every class is drawn equally often in an epoch."""
    dtype: TrainingDtype
    ema: float | None
    """Decay of a moving average of the weights that is tested and kept; None keeps the weights themselves."""

    def learning_rate_in(self, epoch: int) -> float:
        """In an epoch, counted from 0."""
        divisor: int = 10 ** sum(epoch >= milestone for milestone in self.milestones)
        return self.learning_rate / divisor


class TrainingData(Value, frozen=True, kw_only=True):
    """A data set, as far as results need it."""

    name: str
    """What it was asked for by."""
    split: str
    """How training and test images were told apart, in words."""
    classes: tuple[str, ...]
    train: Count
    test: Count
    fingerprint: str
    """SHA-256 of what there is, by which another data set is refused."""


class TrainingJob(Value, frozen=True, kw_only=True):
    """All that a training run, or the rest of one, needs to know."""

    specs: tuple[ModelSpec, ...]
    """Networks that see the same batches, in this order."""
    data: str
    """Name of a data set that a package has, or the absolute path of a folder with ``train`` and ``val``."""
    seeds: tuple[int, ...]
    recipe: RecipeRequest
    image_size: tuple[int, int]
    device: str
    threads: Positive
    loaders: Count = 0
    """Processes that read and augment images."""
    checkpoint_every: Positive | None = None
    """Steps between checkpoints within an epoch."""
    tensorboard: bool = False
    findings: tuple[Finding, ...] = ()
    """What a reader should know of weights that a file gave it."""


class Epoch(Value, frozen=True, kw_only=True):
    """One side after one epoch."""

    epoch: Positive
    """Counted from 1."""
    learning_rate: float
    train_loss: float
    train_top1_error: float
    train_top5_error: float
    """Over the epoch, on augmented images, while the weights changed."""
    loss: float
    top1_error: float
    top5_error: float
    """On the test images."""
    images_per_s: float
    """Of training steps, without reading images, testing and the other sides."""


class TrainedSide(Value, frozen=True, kw_only=True):
    """One network after its last epoch."""

    spec: ModelSpec
    weights: str
    """Path of its state_dict, below the folder of the run."""
    epochs: tuple[Epoch, ...]
    ranks: tuple[int, ...]
    """Place of the true class among the scores of each test image that can be read: 1 is a correct answer."""
    steps_s: tuple[float, ...]
    """Seconds of the last training steps, in the order of the steps."""

    @property
    def top1(self) -> int:
        """Test images whose true class has the highest score."""
        return sum(rank == 1 for rank in self.ranks)

    @property
    def top5(self) -> int:
        """Test images whose true class is among the five highest scores."""
        return sum(rank <= 5 for rank in self.ranks)


class TrainedSeed(Value, frozen=True, kw_only=True):
    """All sides from one seed."""

    seed: int
    recipe: Recipe
    data: TrainingData
    sides: tuple[TrainedSide, ...]
    runtime: dict[str, str] = msgspec.field(default_factory=dict)
    """Versions and device that it was trained with, the last time it was begun or resumed."""
    unreadable: tuple[UnreadableImage, ...] = ()
    """Images that were met and cannot be read, each once, by path below the folder of the data."""


class Training(Value, frozen=True, kw_only=True):
    """All seeds of a job."""

    job: TrainingJob
    folder: str
    runs: tuple[TrainedSeed, ...]
    findings: tuple[Finding, ...] = ()
    """Those of the job, and what came up in training."""

    @property
    def unreadable(self) -> tuple[UnreadableImage, ...]:
        """Images that could not be read from one seed or another, each once, by path."""
        found = {image.path: image for run in self.runs for image in run.unreadable}
        return tuple(found[path] for path in sorted(found))
