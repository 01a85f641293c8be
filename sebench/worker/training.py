"""Trains the networks of one seed, stops in good order when it is asked to, and says how far it is."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import torch
from msgspec.structs import replace
from torch import nn

from sebench import models, surgery
from sebench.schema import ModelSpec
from sebench.schema.training import Recipe
from sebench.training.loop import Moment
from sebench.training.seed import train_seed
from sebench.worker.channel import WorkerChannel, guarded
from sebench.worker.protocol import Trained, TrainingMoment, TrainRequest

STOP_SIGNAL = signal.SIGTERM
"""Asks for a checkpoint and the end."""
_PERIOD_S = 1.0


def serve_training(request: TrainRequest, channel: WorkerChannel) -> None:
    """Answer a `TrainRequest`: `TrainingMoment`s, then `Trained`."""
    asked: list[int] = []
    signal.signal(STOP_SIGNAL, lambda number, _frame: asked.append(number))
    torch.set_num_threads(request.job.threads)
    job = request.job
    trained = guarded(
        lambda: train_seed(
            job,
            request.seed,
            Path(request.folder),
            lambda spec, classes: _build(request, spec, classes, channel),
            stopped=lambda: bool(asked),
            tell=_teller(channel),
        )
    )
    channel.send(Trained(finished=trained))


def _teller(channel: WorkerChannel) -> Callable[[Moment, Recipe], None]:
    """Says where it stands after every epoch, and once a second in between."""
    said_s = 0.0

    def tell(moment: Moment, recipe: Recipe) -> None:
        nonlocal said_s
        now_s = time.monotonic()
        if moment.position.step and now_s - said_s < _PERIOD_S:
            return
        said_s = now_s
        channel.send(
            TrainingMoment(
                epoch=moment.position.epoch,
                epochs=recipe.epochs,
                step=moment.position.step,
                steps=moment.steps,
                errors=dict(moment.errors),
            )
        )

    return tell


def _build(
    request: TrainRequest, spec: ModelSpec, classes: int, channel: WorkerChannel
) -> tuple[ModelSpec, nn.Module]:
    """A network for so many classes, unless its code, which is the user's, or an option says how many.

    All variants begin with the same weights where they share them.
    """
    channel.about(spec.label)
    beside = next((each for each in request.job.specs if each != spec), None)
    if spec.num_classes is None and not models.is_users_own(spec):
        spec = models.resolve(replace(spec, num_classes=classes))
        beside = None if beside is None else models.resolve(replace(beside, num_classes=classes))
    built = surgery.build(
        spec,
        seed=request.seed,
        input_shape=(2, 3, *request.job.image_size),
        phase="training",
        beside=beside,
    )
    if models.is_users_own(spec):
        models.search_last(Path.cwd())
    channel.about("")
    return built.spec, built.module
