"""What the gates of a network do on real inputs: the values that each multiplies its feature map by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from sebench import counters
from sebench.counters.recording import Recording
from sebench.counters.scope import OpKey
from sebench.counters.watching import watched
from sebench.inputs import Inputs
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.gates import FoundGate, gates_in
from sebench.surgery.sites import gate_words

_RECORDED_BATCH = 2
"""With one image, a dimension of size 1 could be the batch or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedGate:
    """A gate that multiplies, and how its values are found while the network runs."""

    path: str
    """What variants call it; gates of one module are numbered."""
    found: FoundGate
    channels: int
    """Values for one image: those of all branches."""
    key: OpKey
    """Of the product."""
    operand: int
    """Which of the tensors that the product is given holds the values."""
    shared: tuple[int, ...]
    """Dimensions of that tensor along which all values are the same."""

    def values(self, operand: torch.Tensor) -> torch.Tensor:
        """The gate's values of each image (N, C), as a copy, in the precision that they have."""
        for dimension in self.shared:
            operand = operand.narrow(dimension, 0, 1)
        return operand.flatten(1).clone()


@dataclass(frozen=True, slots=True)
class WatchedNetwork:
    """A network whose gates are known."""

    module: nn.Module
    recording: Recording
    gates: tuple[WatchedGate, ...]
    """In order of execution."""
    adding: tuple[str, ...]
    """Paths of gates that add instead of multiplying (global context), which are not watched."""

    def outputs(self, images: torch.Tensor) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """What a batch gives: the network's output, and by path the values of each gate (N, C)."""
        taken: dict[str, torch.Tensor] = {}
        by_key = {gate.key: gate for gate in self.gates}

        def take(key: OpKey, given: Sequence[torch.Tensor]) -> None:
            gate = by_key[key]
            taken[gate.path] = gate.values(given[gate.operand])

        with watched(self.module, by_key, take):
            output = self.module(images)
        return output, taken


def watch(module: nn.Module, input_shape: tuple[int, ...]) -> WatchedNetwork:
    """Find the gates of a network.

    Args:
        module: any eager module in evaluation mode; it is only read.
        input_shape: of one image, without the batch.

    Raises:
        BuildError: the input does not fit the network.
        CountError: it may run, but not without real data, so that its gates cannot be found.
    """
    shape = (_RECORDED_BATCH, *input_shape)
    recording = counters.record(module, shape, Inputs((torch.zeros(shape),)))
    flow = Dataflow(recording)
    found = gates_in(flow)
    words = gate_words(found)
    return WatchedNetwork(
        module=module,
        recording=recording,
        gates=tuple(_watched(flow, words, found)),
        adding=tuple(word for word, each in zip(words, found, strict=True) if not _multiplies(flow, each)),
    )


def _multiplies(flow: Dataflow, found: FoundGate) -> bool:
    return flow.op(found.product).plain_name != "add"


def _watched(flow: Dataflow, words: Sequence[str], found: Sequence[FoundGate]) -> Iterator[WatchedGate]:
    for path, each in zip(words, found, strict=True):
        product = flow.op(each.product)
        if product.key is None or not _multiplies(flow, each):
            continue
        operand = next(
            place
            for place, value in enumerate(product.inputs)
            if value != each.feature and value in flow.activations(product)[-2:]
        )
        full = flow.value(product.inputs[operand]).shape
        small = flow.value(each.values).shape
        small = (1,) * (len(full) - len(small)) + small
        yield WatchedGate(
            path=path,
            found=each,
            channels=math.prod(small[1:]),
            key=product.key,
            operand=operand,
            shared=tuple(
                place for place, (size, whole) in enumerate(zip(small, full, strict=True)) if size < whole
            ),
        )
