"""Checkpoints: where a run stands, whole or not at all, as tensors and plain values only."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from sebench.errors import DataFileError
from sebench.schema.training import Epoch, Recipe, TrainingData, TrainingJob
from sebench.store import write_atomic

_FORMAT = "sebench-training/1"
_SIDE = {"network", "optimizer", "average", "sums"}


@dataclass(frozen=True, slots=True)
class Position:
    """The step that comes next."""

    epoch: int = 0
    """Counted from 0."""
    step: int = 0
    """Within the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideState:
    """One network with all that its next step depends on."""

    network: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]
    average: Mapping[str, Tensor] | None
    """Moving average of the weights, where there is one."""
    sums: Mapping[str, Tensor]
    """Loss and errors of the epoch and of the row of the curves that are under way."""
    epochs: tuple[Epoch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything that a run goes on from. Random draws follow from seed and position (`draws`)."""

    position: Position
    curves_bytes: int
    """Length of the file of curves then."""
    sides: Mapping[str, SideState]
    """By variant."""
    unreadable: Mapping[str, str]
    """Why images that were met cannot be read, by path."""


def identity_of(job: TrainingJob, recipe: Recipe, data: TrainingData) -> str:
    """What must be the same for a run to go on, as a digest: networks, recipe and data.

    Where they are (device, threads, folders) is left out.
    """
    specs = [msgspec.structs.replace(spec, weights=None) for spec in job.specs]
    parts = (specs, recipe, data.fingerprint)
    return hashlib.sha256(b"\n".join(msgspec.json.encode(part, order="sorted") for part in parts)).hexdigest()


def save(path: Path, checkpoint: Checkpoint, identity: str) -> None:
    """Write a checkpoint: to another name, flushed, then renamed.

    Raises:
        DataFileError: it cannot be written.
    """
    content = {
        "format": _FORMAT,
        "identity": identity,
        "epoch": checkpoint.position.epoch,
        "step": checkpoint.position.step,
        "curves_bytes": checkpoint.curves_bytes,
        "unreadable": msgspec.json.encode(checkpoint.unreadable).decode(),
        "sides": {
            variant: {
                "network": dict(side.network),
                "optimizer": dict(side.optimizer),
                "average": None if side.average is None else dict(side.average),
                "sums": dict(side.sums),
                "epochs": msgspec.json.encode(side.epochs).decode(),
            }
            for variant, side in checkpoint.sides.items()
        },
    }
    write_tensors(path, content)


def load(path: Path, identity: str, *, device: torch.device) -> Checkpoint | None:
    """The checkpoint in a file; None where there is none.

    Args:
        path: of the file; nothing in it is executed.
        identity: of the run that is to go on.
        device: where tensors go.

    Raises:
        DataFileError: it is damaged, no checkpoint of training, or of other networks, data or recipe.
    """
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise DataFileError(
            f"{path} cannot be read: it is damaged, or no checkpoint of training",
            hint="delete it to begin this seed again",
        ) from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise DataFileError(
            f"{path} is no checkpoint of training that this version writes",
            hint="resume with the version that wrote it",
        )
    if content.get("identity") != identity:
        raise DataFileError(
            f"{path} is of other networks, other data or another recipe",
            hint="resume with the data it was begun with, or train into another folder",
        )
    try:
        return Checkpoint(
            position=Position(int(content["epoch"]), int(content["step"])),
            curves_bytes=int(content["curves_bytes"]),
            sides={
                variant: SideState(
                    **{name: side[name] for name in _SIDE},
                    epochs=msgspec.json.decode(side["epochs"], type=tuple[Epoch, ...]),
                )
                for variant, side in content["sides"].items()
            },
            unreadable=msgspec.json.decode(content.get("unreadable", "{}"), type=dict[str, str]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataFileError(
            f"{path} lacks what a checkpoint has", hint="delete it to begin this seed again"
        ) from error


def write_tensors(path: Path, content: Mapping[str, Any]) -> None:
    """Write what `torch.load` reads with ``weights_only=True``, whole or not at all.

    Raises:
        DataFileError: it cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    write_atomic(path, buffer.getvalue())
