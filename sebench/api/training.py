"""`train` for programs: networks trained side by side by the paper's recipe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sebench.api.arguments import require_taken
from sebench.api.display import Display
from sebench.api.guard import guarded
from sebench.api.naming import Attention, Network, asked_options, network_name, variant_name
from sebench.models import ImageSize, image_size_text
from sebench.reporting.training import training_answer, training_document, training_json, training_records
from sebench.runner.training import Observer, TrainingRequest, begin, keep, make_job
from sebench.runner.training import train as train_job
from sebench.schema import Finding, StrideIn
from sebench.schema.training import Crop, RecipeRequest, Training, TrainingDtype
from sebench.training.files import read_job

if TYPE_CHECKING:
    import pandas as pd

    from sebench.reporting.document import Document


@dataclass(frozen=True, repr=False)
class TrainingResult(Display):
    """Networks that were trained side by side."""

    found: Training
    """All of it: recipe, data, and by seed and variant every epoch, the answers and the times of steps."""

    @property
    def weights(self) -> Mapping[tuple[int, str], Path]:
        """Files with a state_dict, by seed and variant."""
        folder = Path(self.found.folder)
        return {
            (run.seed, side.spec.variant): folder / f"seed-{run.seed}" / side.weights
            for run in self.found.runs
            for side in run.sides
        }

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a reader should know: of weights that it began with, and of unreadable images."""
        return self.found.findings

    def to_frame(self) -> pd.DataFrame:
        """One row per seed, variant and epoch: the rows and columns of the CSV."""
        return training_records(self.found).to_frame()

    def to_json(self) -> str:
        """As ``sebench train --format json`` prints it."""
        return training_json(self.found)

    def document(self) -> Document:
        """What ``sebench train`` prints."""
        return training_document(self.found)

    def __repr__(self) -> str:
        return f"TrainingResult({self.found.job.specs[0].model!r}: {training_answer(self.found)})"


def train(
    model: Network,
    variants: Sequence[Attention] = ("plain", "se"),
    *,
    data: str | os.PathLike[str],
    output: str | os.PathLike[str],
    epochs: int = 100,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    crop: Crop | None = None,
    flip: bool | None = None,
    balanced: bool = True,
    dtype: TrainingDtype = "float32",
    ema: float | None = None,
    image_size: ImageSize | None = None,
    num_classes: int | None = None,
    stride_in: StrideIn | None = None,
    model_args: Mapping[str, object] | None = None,
    weights: str | os.PathLike[str] | None = None,
    insert_after: str | None = None,
    attention_class: str | None = None,
    seed: int = 0,
    seeds: int = 1,
    device: str = "auto",
    threads: int | None = None,
    workers: int | None = None,
    checkpoint_every: int | None = None,
    tensorboard: bool = False,
    progress: Observer | None = None,
) -> TrainingResult:
    """Train variants of a network on the same batches from the same weights (docs/training.md).

    Example:
        >>> found = sebench.train("cifar_resnet20", data="digits", epochs=10, output="run")  # doctest: +SKIP
        >>> found.weights[0, "se"]  # doctest: +SKIP
        PosixPath('run/seed-0/se.pt')

    Args:
        model: a name, or a function or class of a module that makes the network.
        variants: what to train.
        data: a folder with ``train/CLASS/IMAGE`` and ``val/CLASS/IMAGE``, or ``digits``.
        output: new folder for weights, curves, predictions and checkpoints.
        epochs: over the training images.
        batch_size: images per step; None is 1024, or 128 on the CPU, halved until an epoch has 40 steps.
        learning_rate: in the first epoch; None is 0.6 * batch / 1024.
        momentum: of SGD.
        weight_decay: of all parameters.
        crop: ``scale``, at random sizes, or ``shift``, by up to 4 pixels; None is ``shift`` up to 64 pixels.
        flip: mirror half of the images; None does, but not digits.
        balanced: draw every class equally often.
        dtype: number format of a step.
        ema: decay of a moving average of the weights, which is tested and kept instead of them.
        image_size: side or (height, width) in pixels; None is the network's own.
        num_classes: width of the classifier; None is the number of classes of the data.
        stride_in: convolution that strides in bottleneck ResNets.
        model_args: keyword arguments of the network's factory.
        weights: file with a state_dict to begin with; None begins with random weights.
        insert_after: regular expression for the modules after which attention goes.
        attention_class: class of the modules that are the network's attention.
        seed: of weights, order, augmentation and the split of packaged data.
        seeds: how many, `seed` first.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        threads: on the CPU; None is every core that this process may use.
        workers: processes that read images; None is none on the CPU, and up to 8 elsewhere.
        checkpoint_every: steps between checkpoints within an epoch; None writes them after epochs alone.
        tensorboard: write curves for TensorBoard too.
        progress: called in this thread after every epoch and about once a second.

    Raises:
        UsageError: names, numbers or data that cannot be meant.
        BuildError: a network that cannot be built or is no classifier for the data.
        DataFileError: `output` holds a run already, or cannot be written.
        WorkerError: no image of a class can be read, or the loss is not finite any more.
        KeyboardInterrupt: Ctrl-C; `resume_training` goes on.
    """
    require_taken(locals(), required=("model", "data", "output", "variants"))
    asked = TrainingRequest(
        model=network_name(model),
        variants=tuple(map(variant_name, variants)),
        data=os.fspath(data),
        options=asked_options(
            num_classes=num_classes,
            stride_in=stride_in,
            model_args=model_args,
            weights=weights,
            insert_after=insert_after,
            attention_class=attention_class,
        ),
        recipe=RecipeRequest(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            crop=crop,
            flip=flip,
            balanced=balanced,
            dtype=dtype,
            ema=ema,
        ),
        image_size=None if image_size is None else image_size_text(image_size),
        seed=seed,
        seeds=seeds,
        device=device,
        threads=threads,
        loaders=workers,
        checkpoint_every=checkpoint_every,
        tensorboard=tensorboard,
    )
    job, folder = make_job(asked), Path(output)
    begin(job, folder)
    return resume_training(folder, progress=progress)


def resume_training(folder: str | os.PathLike[str], *, progress: Observer | None = None) -> TrainingResult:
    """Go on with a run that was stopped or killed, from its last checkpoint, to the same bits.

    Args:
        folder: that it was begun in.
        progress: see `train`.

    Raises:
        DataFileError: no run, a damaged checkpoint, or other data than it was begun with.
        WorkerError: see `train`.
    """
    path = Path(folder)
    with guarded():
        found = train_job(read_job(path), path, progress or (lambda moment: None))
    keep(path, training_json(found))
    return TrainingResult(found)
