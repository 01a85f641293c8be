"""Folds near-constant gates into the weights of a network, and runs it beside the one it was."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from msgspec.structs import replace
from torch import Tensor, nn

from sebench import models
from sebench.outputs import output_tensors
from sebench.schema import ASIS, PLAIN, Folded, ModelSpec, Variant, parse_variant
from sebench.schema.attention import WITHOUT
from sebench.store import write_atomic
from sebench.surgery.folding import FoldPlace, folded_state
from sebench.worker.channel import WorkerChannel
from sebench.worker.protocol import ExciteRequest, Seen
from sebench.worker.watching import Found, Images

_SCORES = 2
"""Dimensions of an output that has a score for each class of each image."""


def fold(request: ExciteRequest, found: Found, channel: WorkerChannel) -> tuple[Folded | None, str]:
    """Fold each near-constant gate that weights can take, write these, and compare the outputs.

    Args:
        request: names the file.
        found: the network, and what its gates do.
        channel: takes `Seen` after each batch.

    Returns:
        What came of it, and why not if there is nothing.

    Raises:
        UsageError, BuildError: the network without these gates cannot be built.
        DataFileError: the file cannot be written.
    """
    spec, network = found.excitation.spec, found.watching.network
    if found.excitation.interrupted:
        return None, "not all images were seen"
    removable, why = _removable(spec, tuple(gate.path for gate in network.gates) + network.adding)
    chosen = _chosen(found, removable)
    if not chosen:
        return None, why or _why_none(found, removable)
    gates = tuple(each.path for each in chosen)
    bare = replace(spec, weights=None, weights_sha256=None, variant=_without(spec, gates, removable))
    state = folded_state(network.module, [(each.place, each.values) for each in chosen])
    path = Path(str(request.fold))
    write_atomic(path, _saved({key: state[key].cpu() for key in _keys(bare, state)}))
    folded = replace(bare, weights=str(path))
    channel.about(folded.label)
    other = channel.build(folded, request.seed, request.workload, None).to(request.workload.device)
    change = _compare(network.module, other, found.watching.images, channel)
    return Folded(
        file=str(path),
        spec=models.resolve(folded),
        gates=gates,
        images=change.images,
        largest=change.largest_difference / (change.largest_output or 1.0),
        rms=math.sqrt(change.squares / max(change.outputs, 1)) / (change.largest_output or 1.0),
        top1_changed=change.top1_changed if change.are_scores else None,
    ), ""


@dataclass(frozen=True, slots=True)
class _Constant:
    path: str
    place: FoldPlace
    values: Tensor
    """(C), in float64."""


def _removable(spec: ModelSpec, gates: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """What a variant can leave out of a network, and why nothing."""
    if _is_native(spec):
        return models.build(_bare(spec), device="meta").sites, ""
    if not parse_variant(spec.variant).as_built:
        return (), f"{spec.variant} is put into {spec.model} with random weights, which no file holds"
    return tuple(gates), ""


def _chosen(found: Found, removable: Sequence[str]) -> list[_Constant]:
    chosen = []
    for path, place in found.places.items():
        moments = found.running[path].moments
        if path not in removable or not moments.is_constant(found.excitation.constant_below):
            continue
        if not place.only_positive or bool((moments.mean >= 0).all()):
            chosen.append(_Constant(path, place, torch.from_numpy(moments.mean)))
    return chosen


def _why_none(found: Found, removable: Sequence[str]) -> str:
    below = found.excitation.constant_below
    constant = [
        gate for gate in found.excitation.gates if found.running[gate.path].moments.is_constant(below)
    ]
    if not constant:
        return f"no gate is near-constant: each has a channel with a standard deviation of {below:g} or more"
    first = constant[0]
    if first.no_fold:
        reason = first.no_fold
    elif first.path not in removable:
        reason = "its attention does more than this"
    else:
        reason = "some of its values are negative"
    return f"no near-constant gate can be folded: {first.path}: {reason}"


def _is_native(spec: ModelSpec) -> bool:
    return models.source_of(spec.model).own_variant != ASIS


def _bare(spec: ModelSpec) -> ModelSpec:
    return replace(spec, weights=None, weights_sha256=None)


def _without(spec: ModelSpec, gates: Sequence[str], removable: Sequence[str]) -> str:
    """The variant that has these gates no more."""
    variant: Variant = parse_variant(spec.variant)
    if not set(removable) - set(gates) - set(variant.without):
        return PLAIN
    left_out = WITHOUT.parse("+".join((*variant.without, *gates)))
    return str(variant.replaced(**{WITHOUT.name: left_out}))


def _keys(bare: ModelSpec, state: dict[str, Tensor]) -> Sequence[str]:
    """Of the file: what the network that loads it has.

    Weights of others go into the network as its author built it, gates included, which are taken out then.
    """
    if _is_native(bare):
        return tuple(models.build(bare, device="meta").module.state_dict())
    return tuple(state)


def _saved(state: dict[str, Tensor]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@dataclass(slots=True)
class _Change:
    """Outputs of two networks, as far as they were compared."""

    images: int = 0
    outputs: int = 0
    largest_output: float = 0.0
    largest_difference: float = 0.0
    squares: float = 0.0
    top1_changed: int = 0
    are_scores: bool = True

    def add(self, before: Tensor, after: Tensor) -> None:
        """Take a batch of outputs (N, ...)."""
        before, after = (each.to("cpu", torch.float64) for each in (before, after))
        difference = (after - before).abs()
        self.images += len(before)
        self.outputs += before.numel()
        self.largest_output = max(self.largest_output, float(before.abs().max()))
        self.largest_difference = max(self.largest_difference, float(difference.max()))
        self.squares += float((difference**2).sum())
        self.are_scores &= before.dim() == _SCORES
        if self.are_scores:
            self.top1_changed += int((before.argmax(1) != after.argmax(1)).sum())


def _compare(before: nn.Module, after: nn.Module, images: Images, channel: WorkerChannel) -> _Change:
    change, read = _Change(), 0
    size, device = images.request.workload.input_shape[0], images.request.workload.device
    for batch in images:
        count = len(batch.images)
        read += count + len(batch.unreadable)
        if count:
            # A captured graph takes the batch that it was captured with.
            filling = batch.images.new_zeros((size - count, *batch.images.shape[1:]))
            whole = torch.cat((batch.images, filling)).to(device, non_blocking=True)
            with torch.no_grad():
                outputs = [next(iter(output_tensors(each(whole))))[:count] for each in (before, after)]
            change.add(*outputs)
        channel.send(Seen(comparing=True, images=read, of=len(images.order)))
        if images.are_stopped:
            break
    return change
