"""What of a recorded forward pass still matters once gates are taken out of it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sebench.counters.recording import Recording
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.gates import FoundGate


@dataclass(frozen=True, slots=True)
class Drop:
    """What a network loses with gates."""

    ops: frozenset[int]
    """Indices of ops that only fed these gates; not the products, which become the identity."""
    stays: frozenset[int]
    """Indices of ops that the outputs still depend on, the products not among them."""
    weights: frozenset[int]
    """Parameters and buffers that nothing else takes, as values of the recording."""
    params: int
    macs: int


def drop_of(recording: Recording, gates: Collection[FoundGate]) -> Drop:
    """Work out what nothing needs any more when the product of each gate is its feature map."""
    products = {gate.product for gate in gates}
    before, after = live_ops(recording) - products, live_ops(recording, gates) - products
    dropped = before - after
    weights = _weights(recording, before) - _weights(recording, after)
    values = recording.values
    return Drop(
        ops=dropped,
        stays=after,
        weights=weights,
        params=sum(math.prod(values[weight].shape) for weight in weights if values[weight].is_parameter),
        macs=sum(recording.ops[index].macs for index in dropped),
    )


def live_ops(recording: Recording, without: Collection[FoundGate] = ()) -> frozenset[int]:
    """Indices of ops that the outputs depend on, with the gates in `without` taken out."""
    features = {gate.product: gate.feature for gate in without}
    needed = set(recording.outputs)
    live: set[int] = set()
    for index in reversed(range(len(recording.ops))):
        op = recording.ops[index]
        if not needed.isdisjoint(op.outputs):
            live.add(index)
            needed.update((features[index],) if index in features else op.inputs)
    return frozenset(live)


def has_to_be_copied(flow: Dataflow, gate: FoundGate) -> bool:
    """Whether the feature map and the product have to stay apart when the gate is gone.

    One is written to in place while the other is still needed, and without the gate both are the same memory.
    """
    product = flow.op(gate.product)
    if product.name != product.plain_name:
        return False
    one, other = {flow.behind_views(gate.feature)}, set(product.outputs)
    return _needed_when_written(flow, gate.product, one, other) or _needed_when_written(
        flow, gate.product, other, one
    )


def _needed_when_written(flow: Dataflow, after: int, written: set[int], needed: set[int]) -> bool:
    """Whether one of the values `needed` is used after something wrote in place to one of `written`."""
    ops = flow.recording.ops[after + 1 :]
    taken = [[flow.behind_views(value) for value in op.inputs] for op in ops]
    for index, op in enumerate(ops):
        if op.name != op.plain_name and taken[index] and taken[index][0] in written:
            later = (*taken[index + 1 :], [flow.behind_views(value) for value in flow.recording.outputs])
            return any(not needed.isdisjoint(values) for values in later)
    return False


def _weights(recording: Recording, ops: Iterable[int]) -> frozenset[int]:
    return frozenset(
        value
        for index in ops
        for value in recording.ops[index].inputs
        if recording.values[value].name is not None
    )
