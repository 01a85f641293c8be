"""Watches the gates of a network on images: their moments by class, and what is known of each gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from msgspec.structs import replace

from sebench import models
from sebench.errors import BuildError, UsageError
from sebench.images.folder import ImageFolder, open_folder
from sebench.images.loading import Batch, batches
from sebench.schema import Excitation, ExcitedGate, UnreadableImage
from sebench.statistics.moments import RunningMoments
from sebench.surgery.excitation import WatchedGate, WatchedNetwork, watch
from sebench.surgery.folding import FoldPlace, NoPlace, fold_place, maker_of
from sebench.worker.channel import WorkerChannel
from sebench.worker.evaluating import require_own_weights
from sebench.worker.protocol import ExciteRequest, Seen

MOMENTS, STOP = "moments.npz", "stop"
"""Files in the folder of a request: what was found, and what asks for an early end."""
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Images:
    """The images that are looked at, in an order that mixes the classes: an early end leaves some of all."""

    request: ExciteRequest
    folder: ImageFolder
    order: tuple[int, ...]

    def __iter__(self) -> Iterator[Batch]:
        request = self.request
        return batches(
            self.folder,
            request.preprocessing,
            batch_size=request.workload.input_shape[0],
            workers=request.workers,
            indices=self.order,
            pin=request.workload.device != "cpu",
        )

    @property
    def are_stopped(self) -> bool:
        """Whether an early end was asked for."""
        return Path(self.request.folder, STOP).exists()


@dataclass(frozen=True, slots=True)
class Watching:
    """What has been opened to be watched."""

    images: Images
    network: WatchedNetwork


@dataclass(frozen=True, slots=True)
class Found:
    """What came of watching."""

    watching: Watching
    excitation: Excitation
    places: Mapping[str, FoldPlace]
    """Of gates whose values some weights can take, by path."""
    running: Mapping[str, RunningMoments]


def open_images(request: ExciteRequest, channel: WorkerChannel) -> Watching:
    """Find the images, build the network and find its gates.

    Raises:
        UsageError: no images, no gates, or weights that are none of this attention.
        BuildError: the network cannot be built, or does not take the images.
    """
    folder = open_folder(request.images)
    require_own_weights(request.spec)
    drawn = list(folder.sample(request.limit, seed=request.seed))
    Random(f"{request.seed}/excite").shuffle(drawn)
    module = channel.build(request.spec, request.seed, request.workload, None)
    channel.alive()
    network = watch(module, request.preprocessing.input_shape)
    if not network.gates:
        raise UsageError(
            f"{request.spec.label} has no gates that multiply feature maps{_only_adding(network)}",
            hint="name a network with channel attention, or one of sebench's own with -v se",
        )
    module.to(request.workload.device)
    return Watching(Images(request, folder, tuple(drawn)), network)


def _only_adding(network: WatchedNetwork) -> str:
    return f": {network.adding[0]} adds to them" if network.adding else ""


def watch_images(request: ExciteRequest, watching: Watching, channel: WorkerChannel) -> Found:
    """Run the network on the images; the moments of its gates are written to the folder of the request.

    Raises:
        UsageError: no image can be read.
        BuildError: a gate is not finite.
    """
    images, network = watching.images, watching.network
    classes = images.folder.classes
    running = {gate.path: RunningMoments(len(classes), gate.channels) for gate in network.gates}
    seen, unreadable = 0, list[UnreadableImage]()
    for batch in images:
        unreadable += (UnreadableImage(path=bad.path, reason=bad.reason) for bad in batch.unreadable)
        if len(batch.images):
            _add(request, network, batch, running)
            seen += len(batch.images)
        channel.send(Seen(images=seen + len(unreadable), of=len(images.order)))
        if images.are_stopped:
            break
    if not seen:
        what = "none could be read" if unreadable else "none was seen"
        first = f"; {unreadable[0].path}: {unreadable[0].reason}" if unreadable else ""
        raise UsageError(f"of {len(images.order)} images in {request.images} {what}{first}")
    facts, places = _facts(network)
    excitation = Excitation(
        spec=models.resolve(request.spec),
        workload=request.workload,
        preprocessing=request.preprocessing,
        folder=request.images,
        classes=classes,
        images=len(images.order),
        seen=seen,
        unreadable=len(unreadable),
        named_unreadable=tuple(unreadable[:_MOST_NAMED]),
        other_files=dict(images.folder.skipped),
        interrupted=seen + len(unreadable) < len(images.order),
        gates=facts,
        adding=network.adding,
        constant_below=request.constant_below,
        seed=request.seed,
    )
    _write(Path(request.folder), [running[gate.path] for gate in network.gates])
    return Found(watching, excitation, places, running)


def _add(
    request: ExciteRequest, network: WatchedNetwork, batch: Batch, running: Mapping[str, RunningMoments]
) -> None:
    _, values = network.outputs(batch.images.to(request.workload.device, non_blocking=True))
    labels = batch.classes.numpy()
    for path, each in values.items():
        if not bool(torch.isfinite(each).all()):
            raise BuildError(
                f"gate {path} of {request.spec.label} is not finite on {request.images}",
                hint="are these the weights of this network?",
            )
        running[path].add(each.to("cpu", torch.float64).numpy(), labels)


def _facts(network: WatchedNetwork) -> tuple[tuple[ExcitedGate, ...], dict[str, FoldPlace]]:
    places = {gate.path: fold_place(network.module, network.recording, gate.found) for gate in network.gates}
    facts = tuple(_fact(network, gate, places[gate.path]) for gate in network.gates)
    return facts, {path: place for path, place in places.items() if isinstance(place, FoldPlace)}


def _fact(network: WatchedNetwork, gate: WatchedGate, place: FoldPlace | NoPlace) -> ExcitedGate:
    maker = maker_of(network.module, network.recording, gate.found)
    if maker is not None and len(maker.norms) != gate.channels:
        maker = None  # one value for several channels, or values of several branches
    fact = ExcitedGate(
        path=gate.path,
        stage=gate.found.gate.stage,
        kind=gate.found.gate.kind,
        gate=gate.found.gate.gate,
        channels=gate.channels,
        maker=None if maker is None else maker.module,
        norms=() if maker is None else tuple(maker.norms.tolist()),
    )
    if isinstance(place, NoPlace):
        return replace(fact, no_fold=place.reason)
    return replace(fact, fold_into=place.module, only_positive=place.only_positive)


def _write(folder: Path, running: list[RunningMoments]) -> None:
    arrays: dict[str, Any] = {}
    for number, each in enumerate(running):
        moments = each.moments
        arrays["counts"] = moments.counts
        arrays[f"means{number}"], arrays[f"squares{number}"] = moments.means, moments.squares
    np.savez(folder / MOMENTS, **arrays)
