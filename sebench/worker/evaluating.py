"""One network on labelled images: how it ranks the true class of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from msgspec.structs import replace
from torch import Tensor, nn

from sebench import models
from sebench.errors import UsageError, WorkerError
from sebench.images.folder import ImageFolder, open_folder
from sebench.images.loading import Batch, batches
from sebench.inputs import Inputs
from sebench.models.checkpoints import load_weights
from sebench.models.own_arguments import SLOT
from sebench.outputs import output_tensors
from sebench.profilers.inputs import as_in_workload
from sebench.profilers.workload import inference_step
from sebench.schema import ASIS, MOST_RANK, ModelSpec, UnreadableImage, parse_variant
from sebench.worker.channel import Fatal, WorkerChannel, guarded
from sebench.worker.protocol import AccuracyRequest, Ranked

_LOGITS_RANK = 2
"""Dimensions of ``(N, classes)``."""


def evaluate_network(request: AccuracyRequest, channel: WorkerChannel) -> None:
    """Answer an `AccuracyRequest`.

    Raises:
        Fatal: no such device, the network does not build or run, does not have a class per folder, or
            returns values that are no numbers.
    """
    channel.device(request.workload)  # sets the threads
    channel.about(request.spec.label)
    guarded(lambda: _evaluate(request, channel))


def _evaluate(request: AccuracyRequest, channel: WorkerChannel) -> None:
    folder = open_folder(request.folder, order=request.class_order)
    if len(folder) != request.images:
        raise UsageError(f"{folder.root} has changed since the command began", hint="run it again")
    require_own_weights(request.spec)
    module = channel.build(request.spec, request.weight_seed, request.workload, None)
    channel.alive()
    for batch in _batches(request, folder):
        ranks = _ranks(module, batch, folder, request) if len(batch.images) else ()
        unreadable = tuple(UnreadableImage(path=bad.path, reason=bad.reason) for bad in batch.unreadable)
        places = tuple(batch.indices.tolist())
        channel.send(Ranked(places=places, ranks=tuple(ranks), unreadable=unreadable))


def require_own_weights(spec: ModelSpec) -> None:
    """Refuse weights that leave attention as it was drawn, or that are those of another variant.

    Timing may take them, as a pair shares its other weights; what a network gets right depends on all.

    Raises:
        UsageError: a key is missing or unknown.
    """
    if spec.weights is None or models.source_of(spec.model).own_variant == ASIS:
        return  # every key was asked for when it was built
    standard = replace(spec, variant=str(parse_variant(spec.variant).standard), weights=None)
    load_weights(
        models.build(replace(standard, weights_sha256=None), device="meta").module,
        spec,
        slot=SLOT,
        whole=True,
    )


def _batches(request: AccuracyRequest, folder: ImageFolder) -> Iterator[Batch]:
    return batches(
        folder,
        request.preprocessing,
        batch_size=request.workload.batch_size,
        workers=request.readers,
        indices=folder.sample(request.limit, seed=request.image_seed),
        pin=request.workload.device != "cpu",
    )


def _ranks(module: nn.Module, batch: Batch, folder: ImageFolder, request: AccuracyRequest) -> Sequence[int]:
    """Ranks of the true classes of a batch."""
    workload = request.workload
    inputs = as_in_workload(Inputs((batch.images,)), workload)
    inputs = inputs.map(lambda tensor: tensor.to(workload.device, non_blocking=True))
    scores = _scores(inference_step(module, inputs, workload)(), len(batch.images), request)
    count = scores.shape[1]
    if count != len(folder.classes):
        raise UsageError(
            f"{request.spec.label} has {count} classes, and {folder.root} has {len(folder.classes)} folders",
            hint="every class of the network needs its folder, in the same order; an empty one counts",
        )
    wrong = scores.isnan().any(dim=1).nonzero().flatten().tolist()
    if wrong:
        first = folder.files[int(batch.indices[wrong[0]])][0]
        raise Fatal(
            "output",
            f"{request.spec.label} returns NaN for {first}; the weights may be damaged, or --dtype"
            f" {workload.dtype} too narrow",
        )
    return true_ranks(scores, batch.classes.to(scores.device)).clamp(max=MOST_RANK).tolist()


def _scores(output: object, images: int, request: AccuracyRequest) -> Tensor:
    """What a network returns, as one float32 row of scores per image."""
    found = output_tensors(output)
    fitting = [each for each in found if each.ndim == _LOGITS_RANK and each.shape[0] == images]
    if not fitting:
        shapes = ", ".join(str(tuple(each.shape)) for each in found) or "no tensor"
        raise WorkerError(
            f"{request.spec.label} returns {shapes}, not scores of shape ({images}, classes)",
            hint="only networks that classify images have an accuracy",
        )
    return fitting[0].float()


def true_ranks(scores: Tensor, classes: Tensor) -> Tensor:
    """How many classes come before the true one: those of higher score, and of the same with a lower number.

    So a network that scores all classes alike always answers class 0, instead of being always right.

    Args:
        scores: (N, classes).
        classes: (N), the true ones.
    """
    own = scores.gather(1, classes[:, None])
    numbers = torch.arange(scores.shape[1], device=scores.device)
    before = (scores > own) | ((scores == own) & (numbers < classes[:, None]))
    return before.sum(dim=1)
