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


def overwritten_early(flow: Dataflow, gate: FoundGate) -> bool:
    """Whether the feature map is needed after something wrote in place to the product.

    Without the gate both are the same memory, so the feature map has to be copied.
    """
    product = flow.op(gate.product)
    if product.name != product.plain_name:
        return False
    ops = flow.recording.ops
    roots = [[flow.behind_views(value) for value in op.inputs] for op in ops[gate.product + 1 :]]
    written = [
        position
        for position, (op, taken) in enumerate(zip(ops[gate.product + 1 :], roots, strict=True))
        if op.name != op.plain_name and taken and taken[0] in product.outputs
    ]
    feature = flow.behind_views(gate.feature)
    return bool(written) and any(feature in taken for taken in roots[written[0] + 1 :])


def _weights(recording: Recording, ops: Iterable[int]) -> frozenset[int]:
    return frozenset(
        value
        for index in ops
        for value in recording.ops[index].inputs
        if recording.values[value].name is not None
    )
