"""The loop: every batch is read once and goes through all networks, which take turns in who is first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from sebench.errors import WorkerError
from sebench.schema import ModelSpec
from sebench.schema.training import Epoch, Recipe, TrainingJob
from sebench.training import checkpoint
from sebench.training.batches import Place, steps_per_epoch, test_batches, training_batches
from sebench.training.checkpoint import Checkpoint, Position
from sebench.training.curves import Curves
from sebench.training.data import DataSet
from sebench.training.files import CHECKPOINT
from sebench.training.side import Means, Sums, TrainingSide, ranks_of, step_seed
from sebench.training.sources import TEST_FOLDER

K = TypeVar("K", int, str)
V = TypeVar("V")
ROWS_PER_EPOCH = 10
"""Rows of training in the curves, for each side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Where a run stands."""

    position: Position
    """The step that comes next."""
    steps: int
    """Of an epoch."""
    errors: Mapping[str, float]
    """Top-1 error on the test images by variant, after the last epoch that was tested."""


@dataclass(frozen=True, slots=True)
class Tested:
    """One network on the test images."""

    means: Means
    positions: tuple[int, ...]
    """Of the images that can be read; the others are left out."""
    predicted: tuple[int, ...]
    """Class with the highest score, by image."""
    ranks: tuple[int, ...]
    """Place of the true class, by image."""


class Run:
    """One seed of a job.

    Args:
        job: what was asked.
        seed: of the run.
        folder: that its files go to.
        networks: by specification, built from the same seed; they are changed in place.
        data: read and split.
        recipe: resolved.
        device: where networks go.
        place: this process among the ranks; the first one writes the files.
        stopped: asked after every step whether to stop; all ranks stop where one is asked to.
        tell: told after every step.

    Raises:
        DataFileError: a checkpoint that does not fit, or a file that cannot be written.
    """

    def __init__(
        self,
        job: TrainingJob,
        *,
        seed: int,
        folder: Path,
        networks: Sequence[tuple[ModelSpec, nn.Module]],
        data: DataSet,
        recipe: Recipe,
        device: torch.device,
        place: Place,
        stopped: Callable[[], bool],
        tell: Callable[[Moment], None],
    ) -> None:
        self._job, self._folder, self._data = job, folder, data
        self.seed, self.recipe = seed, recipe
        self._device, self._place, self._stopped, self._tell = device, place, stopped, tell
        self._identity = checkpoint.identity_of(job, recipe, data.facts)
        self._file = folder / CHECKPOINT
        self._steps = steps_per_epoch(data.train, recipe)
        begun = checkpoint.load(self._file, self._identity, device=torch.device("cpu"))
        self.sides = [TrainingSide.of(spec, network, recipe, device) for spec, network in networks]
        if begun is not None:
            for side in self.sides:
                side.restore(begun.sides[side.variant])
        self._position = Position() if begun is None else begun.position
        self._length = 0 if begun is None else begun.curves_bytes
        self._curves: Curves | None = None
        self.unreadable: dict[str, str] = {} if begun is None else dict(begun.unreadable)
        self.tested: dict[str, Tested] = {}

    def __call__(self) -> bool:
        """Train to the end; False if it was stopped before, with a checkpoint to go on from.

        Raises:
            WorkerError: the loss is not finite any more, or no image of a class can be read.
        """
        if self._place.rank:
            return self._train()
        with Curves(
            self._folder,
            length=self._length,
            step=self._position.epoch * self._steps + self._position.step,
            tensorboard=self._job.tensorboard,
        ) as self._curves:
            return self._train()

    def _train(self) -> bool:
        while self._position.epoch < self.recipe.epochs:
            if not self._train_epoch():
                return False
            self._test()
            self._position = Position(self._position.epoch + 1)
            self._save()
            self._tell(self._moment())
        if not self.tested:  # it was stopped between its last checkpoint and its end
            self.tested = self._tests()
        return True

    def _train_epoch(self) -> bool:
        """The rest of an epoch; False if it was stopped in it."""
        epoch, first = self._position.epoch, self._position.step
        for side in self.sides:
            side.set_learning_rate(self.recipe.learning_rate_in(epoch))
        batches = training_batches(
            self._data.train, self.recipe,
            seed=self.seed, epoch=epoch, first=first, place=self._place, loaders=self._job.loaders,
        )  # fmt: skip
        for step, batch in enumerate(batches, start=first):
            self.unreadable |= batch.unreadable
            on_device = batch.images.to(self._device), batch.labels.to(self._device)
            # Whoever is second finds the batch in the cache: AB, BA, AB ...
            for side in self.sides if step % 2 == 0 else reversed(self.sides):
                side.step(*on_device, seed=step_seed(self.seed, epoch, step))
            self._position = Position(epoch, step + 1)
            if self._ends_row(step):
                self._add_rows()
            if self._position.step == self._steps:
                break
            if self._is_stopped():
                self._save()
                return False
            if self._job.checkpoint_every and self._position.step % self._job.checkpoint_every == 0:
                self._save()
            self._tell(self._moment())
        return True

    def _ends_row(self, step: int) -> bool:
        return (step + 1) % max(1, self._steps // ROWS_PER_EPOCH) == 0 or step + 1 == self._steps

    def _is_stopped(self) -> bool:
        """Whether any rank was asked to stop: all must take the same steps."""
        if self._place.world_size == 1:
            return self._stopped()
        asked = torch.tensor(int(self._stopped()), device=self._device)
        torch.distributed.all_reduce(asked)
        return bool(asked)

    def _add_rows(self) -> None:
        for side in self.sides:
            means = side.row_sums.means()
            side.row_sums.clear()
            side.require_finite(means)
            seconds = side.take_times()
            self._add_row(side, "train", means, means.images / seconds if seconds else None)

    def _add_row(self, side: TrainingSide, split: str, means: Means, images_per_s: float | None) -> None:
        if self._curves is None:
            return
        self._curves.add(
            {
                "seed": self.seed,
                "variant": side.variant,
                "split": split,
                "epoch": self._position.epoch + 1,
                "step": self._position.epoch * self._steps + self._position.step,
                "learning_rate": self.recipe.learning_rate_in(self._position.epoch),
                "loss": means.loss,
                "top1_error": means.top1_error,
                "top5_error": means.top5_error,
                "images": means.images,
                "images_per_s": images_per_s,
            }
        )

    def _test(self) -> None:
        """Test all sides after an epoch."""
        self.tested = self._tests()
        for side in self.sides:
            trained, tested = side.epoch_sums.means(), self.tested[side.variant].means
            side.epoch_sums.clear()
            self._add_row(side, "val", tested, None)
            recent = list(side.steps_s)[-self._steps :]
            side.epochs.append(
                Epoch(
                    epoch=self._position.epoch + 1,
                    learning_rate=self.recipe.learning_rate_in(self._position.epoch),
                    train_loss=trained.loss,
                    train_top1_error=trained.top1_error,
                    train_top5_error=trained.top5_error,
                    loss=tested.loss,
                    top1_error=tested.top1_error,
                    top5_error=tested.top5_error,
                    images_per_s=len(recent) * self.recipe.batch_size / sum(recent) if recent else 0.0,
                )
            )

    def _tests(self) -> dict[str, Tested]:
        """What each side says of the test images: each is read once for all."""
        sums = {side.variant: Sums(self._device) for side in self.sides}
        found: dict[str, dict[int, tuple[int, int]]] = {side.variant: {} for side in self.sides}
        for side in self.sides:
            side.tested.eval()
        batches = test_batches(self._data.test, self.recipe, place=self._place, loaders=self._job.loaders)
        with torch.inference_mode():
            for batch in batches:
                self.unreadable |= batch.unreadable
                if not batch.positions:
                    continue
                own = batch.labels.to(self._device)
                for side in self.sides:
                    logits = side.tested(batch.images.to(self._device)).float()
                    ranks = ranks_of(logits, own)
                    sums[side.variant].add(nn.functional.cross_entropy(logits, own), ranks)
                    said = zip(logits.argmax(1).tolist(), ranks.tolist(), strict=True)
                    found[side.variant].update(zip(batch.positions, said, strict=True))
        for side in self.sides:
            side.tested.train()
        return {
            variant: _tested(sums[variant].means(), _of_all_ranks(answers, self._place))
            for variant, answers in found.items()
        }

    def _moment(self) -> Moment:
        errors = {side.variant: side.epochs[-1].top1_error for side in self.sides if side.epochs}
        return Moment(position=self._position, steps=self._steps, errors=errors)

    def _save(self) -> None:
        self.unreadable = _of_all_ranks(self.unreadable, self._place)
        if self._curves is None:
            return
        checkpoint.save(
            self._file,
            Checkpoint(
                position=self._position,
                curves_bytes=self._curves.flushed(),
                sides={side.variant: side.state() for side in self.sides},
                unreadable=self.unreadable,
            ),
            self._identity,
        )


def _tested(means: Means, answers: Mapping[int, tuple[int, int]]) -> Tested:
    """From predicted class and rank by position."""
    if not answers:
        raise WorkerError(
            f"no image of {TEST_FOLDER} can be read any more", hint="see whether the folder is complete"
        )
    predicted, ranks = zip(*answers.values(), strict=True)
    return Tested(means, tuple(answers), predicted, ranks)


def _of_all_ranks(own: Mapping[K, V], place: Place) -> dict[K, V]:
    """What each rank has found, together and in order."""
    everybody: list[Mapping[K, V]] = [own]
    if place.world_size > 1:
        everybody = [own] * place.world_size
        torch.distributed.all_gather_object(everybody, dict(own))
    whole = {key: value for part in everybody for key, value in part.items()}
    return {key: whole[key] for key in sorted(whole)}
