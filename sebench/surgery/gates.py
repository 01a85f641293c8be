"""Channel attention found by data flow: which products are gates, never what classes are called."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from sebench.counters.recording import ModuleCall, Op, Recording
from sebench.schema.gates import Gate, GateKind
from sebench.surgery.dataflow import REDUCTIONS, Dataflow
from sebench.surgery.stages import stage_of

_LAYERS = frozenset({"convolution", "_convolution", "addmm", "mm", "linear"})
_NORMS = frozenset({"native_batch_norm", "native_layer_norm", "native_group_norm"})
_EXPANDING = frozenset({"expand", "repeat"})
_MATRIX = 2
_FEATURE_MAP = 3
"""Fewest dimensions of a feature map: batch, channels, positions."""


@dataclass(frozen=True, slots=True)
class FoundGate:
    """A gate and where it is in the recording."""

    gate: Gate
    product: int
    """Index of the op in which the feature map meets the gate's values."""
    feature: int
    """The feature map that goes into it."""
    values: int
    """The gate's values, before they are expanded."""
    body: frozenset[int]
    """Indices of the ops that compute these values, the reductions included."""
    ops: frozenset[int]
    """Those and the product, and in a context the ops that are there for it alone."""
    call: ModuleCall | None
    """The call of the module that is exactly this gate."""


def find_gates(recording: Recording) -> tuple[FoundGate, ...]:
    """Find every gate of a network, in order of execution."""
    return gates_in(Dataflow(recording))


def gates_in(flow: Dataflow) -> tuple[FoundGate, ...]:
    """Find every gate of a network whose data flow is known, in order of execution."""
    return tuple(_each_once(flow, tuple(_gates(flow))))


def _each_once(flow: Dataflow, found: Sequence[FoundGate]) -> Iterator[FoundGate]:
    """Weights that several gates share, and work whose result several use, are the first one's."""
    weights: set[int] = set()
    done: set[int] = set()
    for each in found:
        ops = each.ops - done
        own = {value for index in ops for value in flow.op(index).inputs if flow.value(value).is_parameter}
        new = own - weights
        params = sum(math.prod(flow.value(value).shape) for value in new)
        macs = sum(flow.op(index).macs for index in ops)
        yield replace(each, gate=structs.replace(each.gate, params=params, macs=macs))
        weights |= new
        done |= ops


def _gates(flow: Dataflow) -> Iterator[FoundGate]:
    for index, op in enumerate(flow.recording.ops):
        if op.plain_name in ("mul", "add", "addcmul"):
            operands = _operands(flow, op)
            found = None if operands is None else _described(flow, index, *operands)
            if found is not None:
                yield found


def _operands(flow: Dataflow, op: Op) -> tuple[int, int, int] | None:
    """The feature map, what it meets and the values in that, if it is these that the op combines."""
    activations = flow.activations(op)
    if op.plain_name == "addcmul":  # what is added comes first
        activations = activations[1:]
    if len(activations) != 2:
        return None
    for feature, factor in (activations, reversed(activations)):
        values = _unexpanded(flow, factor)
        if (
            flow.spatial[feature]
            and not flow.spatial[values]
            and _is_per_channel(flow, feature, values, op.plain_name)
        ):
            return feature, factor, values
    return None


def _unexpanded(flow: Dataflow, value: int) -> int:
    """A value before it was made as large as a feature map."""
    op = flow.producer(value)
    while op is not None and op.name in _EXPANDING and _only_expands(flow, op.inputs[0], value):
        value = op.inputs[0]
        op = flow.producer(value)
    return value


def _only_expands(flow: Dataflow, small: int, large: int) -> bool:
    before, after = flow.value(small).shape, flow.value(large).shape
    padded = (1,) * (len(after) - len(before)) + before
    return all(size in (1, whole) for size, whole in zip(padded, after, strict=True))


def _is_per_channel(flow: Dataflow, feature: int, values: int, op: str) -> bool:
    """Whether values hold for all positions of a feature map, and differ between channels.

    A feature map of one position is met by values of its own shape, when they are multiplied.
    """
    full, small = flow.value(feature).shape, flow.value(values).shape
    if len(full) < _FEATURE_MAP or len(small) > len(full) or math.prod(small[1:]) == 1 < math.prod(full[1:2]):
        return False
    pairs = list(zip((1,) * (len(full) - len(small)) + small, full, strict=True))
    one_position = op == "mul" and sum(whole > 1 for whole in full[1:]) <= 1
    return all(size in (1, whole) for size, whole in pairs) and (
        one_position or any(size == 1 < whole for size, whole in pairs[1:])
    )


def _described(flow: Dataflow, index: int, feature: int, factor: int, values: int) -> FoundGate | None:
    body = flow.body(factor)
    ops = [flow.op(each) for each in sorted(body)]
    layers = [op for op in ops if op.plain_name in _LAYERS and len(op.inputs) > len(flow.activations(op))]
    reductions = dict.fromkeys(REDUCTIONS[op.plain_name] for op in ops if flow.is_reduction(op))
    combining = flow.op(index)
    if not layers or not reductions:
        return None
    call = _exact_call(flow, index, feature, body)
    weights = [value for op in ops for value in op.inputs if flow.value(value).is_parameter]
    widths = [_width(flow, layer) for layer in layers]
    shape, small = flow.value(feature).shape, flow.value(values).shape[1:]
    channels = next((size for size in reversed(small) if size > 1), 1)
    kind = _kind(flow, combining, values, tuple(reductions))
    everything = flow.only_for(body) if kind == "context" else body
    return FoundGate(
        gate=Gate(
            path=combining.module if call is None else call.path,
            kind=kind,
            module=call is not None,
            channels=channels,
            branches=math.prod(small) // channels,
            hidden=tuple(widths[:-1] or widths),
            reduction="+".join(reductions),
            gate=_name_of(flow, values),
            bias=any(op.has_bias for op in ops),
            norm=any(op.plain_name in _NORMS for op in ops),
            kernel=max(_kernel(flow, layer) for layer in layers),
            shared=len(weights) > len(set(weights)),
            dimensions=max(1, len(shape) - 1 - max(1, sum(size > 1 for size in small))),
            params=0,  # both are told of all gates together
            macs=0,
            before=_name_of(flow, feature),
            after=_after(flow, combining),
            stage=stage_of(flow, shape),
        ),
        product=index,
        feature=feature,
        values=values,
        body=body,
        ops=everything | {index},
        call=call,
    )


def _kind(flow: Dataflow, op: Op, values: int, reductions: tuple[str, ...]) -> GateKind:
    if op.plain_name == "add" or "attention" in reductions:
        return "context"
    branches = sum(size > 1 for size in flow.value(values).shape[1:]) > 1
    return "split" if branches else "channel"


def _width(flow: Dataflow, layer: Op) -> int:
    shape = flow.value(layer.outputs[0]).shape
    return shape[-1] if len(shape) == _MATRIX or layer.name in ("mm", "addmm", "linear") else shape[1]


def _kernel(flow: Dataflow, layer: Op) -> int:
    if "convolution" not in layer.name:
        return 1
    weight = next(flow.value(value).shape for value in layer.inputs if flow.value(value).name is not None)
    return max(weight[2:], default=1)


def _name_of(flow: Dataflow, value: int) -> str:
    """The op that made a value, or what was only a view; ``input`` where there is none."""
    op = flow.producer(flow.behind_views(value))
    return "input" if op is None else op.name


def _after(flow: Dataflow, op: Op) -> str:
    takers = (taker.name for output in op.outputs for taker in flow.consumers(output))
    return "/".join(takers) or "output"


def _exact_call(flow: Dataflow, index: int, feature: int, body: frozenset[int]) -> ModuleCall | None:
    """The innermost call that computes the gate and nothing else, from the feature map to the product.

    It may mask the feature map before it reduces it, and be given what does not depend on the input.
    """
    product = flow.op(index)
    expected = {each for each in body | {index} if not flow.op(each).is_view}
    for call in flow.calls_around(index):
        own = {each for each in range(call.first, call.last) if not flow.op(each).is_view}
        outside = expected - own
        if not _only_mask(flow, own - expected, body):  # nor is what lies around it the gate alone
            return None
        if any(map(flow.is_fed, outside)) or not call.is_bare:
            continue
        if flow.behind_views(call.outputs[0]) in product.outputs and _takes(flow, call, feature):
            return call
    return None


def _only_mask(flow: Dataflow, others: set[int], body: frozenset[int]) -> bool:
    """Whether ops do nothing but prepare what a gate's values are computed from, without weights."""
    if any(flow.op(each).macs or any(map(flow.is_weight, flow.op(each).inputs)) for each in others):
        return False
    return not others or others <= flow.only_for(body)


def _takes(flow: Dataflow, call: ModuleCall, feature: int) -> bool:
    given = {flow.behind_views(value) for value in call.arguments.values()}
    return flow.behind_views(feature) in given
