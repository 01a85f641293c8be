"""One seed of a training job, from the data to the files that are left of it."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import torch
from torch import nn

from sebench.errors import DeviceError
from sebench.schema import ModelSpec, UnreadableImage
from sebench.schema.training import Recipe, TrainedSeed, TrainedSide, TrainingJob
from sebench.store import write_atomic
from sebench.training import checkpoint
from sebench.training.batches import ALONE, Place
from sebench.training.data import DataSet, open_data
from sebench.training.files import CHECKPOINT, PREDICTIONS, RUN
from sebench.training.loop import Moment, Run
from sebench.training.recipe import resolve_recipe
from sebench.training.side import TrainingSide, require_classes

Build = Callable[[ModelSpec, int], tuple[ModelSpec, nn.Module]]
"""Makes a network for a number of classes, on the CPU; says what it made."""


def train_seed(
    job: TrainingJob,
    seed: int,
    folder: Path,
    build: Build,
    *,
    stopped: Callable[[], bool] = lambda: False,
    tell: Callable[[Moment, Recipe], None] = lambda moment, recipe: None,
) -> bool:
    """Train all networks of a job from one seed, or go on where that was stopped.

    In a group started by torchrun, whose variables it reads, each rank has its part of every batch.

    Args:
        job: what was asked.
        seed: one of its seeds.
        folder: that the files go to; it is there.
        build: makes the networks.
        stopped: asked after every step whether to stop.
        tell: told after every step.

    Returns:
        Whether it is over; False if it was stopped, with a checkpoint to go on from.

    Raises:
        UsageError: data or a recipe that cannot be meant.
        BuildError: a network that is no classifier for the data.
        DataFileError: a checkpoint that does not fit, or a file that cannot be written.
        WorkerError: the loss is not finite any more, or no image of a class can be read.
    """
    data = open_data(job.data, seed=seed, side=max(job.image_size))
    with _ranks(job.device) as (place, device):
        recipe = resolve_recipe(
            job.recipe,
            images=len(data.train.labels),
            image_size=job.image_size,
            device=device.type,
            world_size=place.world_size,
            may_flip=data.may_flip,
        )
        _make_reproducible()
        networks = []
        for spec in job.specs:
            built, network = build(spec, len(data.facts.classes))
            require_classes(built, network, len(data.facts.classes), job.image_size)
            networks.append((built, network))
        run = Run(
            job,
            seed=seed,
            folder=folder,
            networks=networks,
            data=data,
            recipe=recipe,
            device=device,
            place=place,
            stopped=stopped,
            tell=lambda moment: tell(moment, recipe),
        )
        finished = run()
        if finished and not place.rank:
            _leave(run, folder, data, device)
    return finished


def _leave(run: Run, folder: Path, data: DataSet, device: torch.device) -> None:
    """Write weights and predictions, then what came of it; the checkpoint has had its day."""
    names = _file_names([side.spec for side in run.sides])
    for side in run.sides:
        checkpoint.write_tensors(folder / names[side.spec], side.tested.state_dict())
    write_atomic(folder / PREDICTIONS, _predictions(run, data))
    trained = TrainedSeed(
        seed=run.seed,
        recipe=run.recipe,
        data=data.facts,
        sides=tuple(_trained(side, run, names) for side in run.sides),
        runtime={
            "torch": str(torch.__version__),
            "device": str(device),
            "threads": str(torch.get_num_threads()),
        },
        unreadable=tuple(
            UnreadableImage(path=path, reason=reason) for path, reason in sorted(run.unreadable.items())
        ),
    )
    write_atomic(folder / RUN, msgspec.json.encode(trained))
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _trained(side: TrainingSide, run: Run, names: Mapping[ModelSpec, str]) -> TrainedSide:
    return TrainedSide(
        spec=side.spec,
        weights=names[side.spec],
        epochs=tuple(side.epochs),
        ranks=run.tested[side.variant].ranks,
        steps_s=tuple(side.steps_s),
    )


def _file_names(specs: list[ModelSpec]) -> dict[ModelSpec, str]:
    """E.g. ``se-r-8.pt`` of ``se(r=8)``; a number tells those apart that would be called alike."""
    names: dict[ModelSpec, str] = {}
    for spec in specs:
        name = re.sub(r"[^A-Za-z0-9.]+", "-", spec.variant).strip("-.") or "network"
        again = sum(
            re.fullmatch(rf"{re.escape(name)}(_\d+)?\.pt", each) is not None for each in names.values()
        )
        names[spec] = f"{name}_{again + 1}.pt" if again else f"{name}.pt"
    return names


def _predictions(run: Run, data: DataSet) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("variant", "image", "class", "predicted", "rank"))
    classes = data.facts.classes
    for variant, tested in run.tested.items():
        for at, predicted, rank in zip(tested.positions, tested.predicted, tested.ranks, strict=True):
            label = data.test.labels[at]
            rows.writerow((variant, data.test.name(at), classes[label], classes[predicted], rank))
    return text.getvalue()


@contextmanager
def _ranks(name: str) -> Iterator[tuple[Place, torch.device]]:
    """This process among those that torchrun started, or alone; and its device."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield ALONE, torch.device(name)
        return
    device = torch.device("cpu")
    if name != "cpu":
        device = torch.device(torch.device(name).type, int(os.environ.get("LOCAL_RANK", "0")))
        torch.get_device_module(device).set_device(device)
    try:
        torch.distributed.init_process_group("gloo" if device.type == "cpu" else "nccl")
    except (RuntimeError, ValueError) as error:
        raise DeviceError(
            f"the ranks do not find each other: {str(error).splitlines()[0]}", hint="start them with torchrun"
        ) from error
    try:
        yield Place(torch.distributed.get_rank(), world_size), device
    finally:
        torch.distributed.destroy_process_group()


def _make_reproducible() -> None:
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.set_flush_denormal(True)
