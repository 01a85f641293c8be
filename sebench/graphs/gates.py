"""Channel attention in a runtime's graph, by data flow, never by names: the rule of `sebench.surgery.gates`.

A gate is a product of a feature map and of values of spatial size 1 that come from a spatial reduction
through at least one convolution or linear layer. So x * sigmoid(x) and layer scale are none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sebench.graphs.graph import EXPANDING, LAYERS, REDUCTIONS, Graph, Node, Shape

_FEATURE_MAP = 3
"""Fewest dimensions of a feature map: batch, channels, positions."""
_BOUNDED = ("Sigmoid", "HardSigmoid", "Tanh", "Clip")


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphGate:
    """A gate and the nodes that compute it; a node belongs to the first gate that needs it."""

    squeeze: tuple[str, ...]
    """Names of the nodes that reduce a feature map."""
    excite: tuple[str, ...]
    """Of those between the reduction and the product, shape changes and reorders included."""
    scale: tuple[str, ...]
    """Of the product, and of those that write the values out at its size."""
    channels: int
    hidden: tuple[int, ...]
    """Widths of its layers but the last one, or of the only one; a blocked layout pads them."""
    reduction: str
    """Spatial reductions that it reads, e.g. ``mean`` or ``mean+max``."""
    gate: str
    """The op that gives its values, e.g. ``Sigmoid``."""
    feature: str
    """Name of the feature map that is multiplied."""
    stage: str
    """Resolution of the feature map, as the stride from the input: ``stride 8``."""


class _Meeting(NamedTuple):
    """Where a feature map meets a gate's values."""

    product: Node
    feature: str
    values: str
    written_out: tuple[Node, ...]
    """The nodes that make the values as large as the map, the last one first."""


def find_gates(graph: Graph) -> tuple[GraphGate, ...]:
    """Find every gate of a graph, in order of execution.

    Args:
        graph: as a runtime runs it, or as it is in a file.

    Returns:
        One per product of a feature map and a gate's values.
    """
    owned: set[str] = set()
    found = []
    for node in graph.nodes:
        gate = _gate_at(graph, node, owned) if "Mul" in node.ops else None
        if gate is not None:
            found.append(gate)
            owned.update(gate.squeeze, gate.excite, gate.scale)
    return tuple(found)


def _gate_at(graph: Graph, product: Node, owned: set[str]) -> GraphGate | None:
    taken = dict.fromkeys(graph.activations(product))
    maps = [value for value in taken if graph.is_spatial(value)]
    for factor in (value for value in taken if not graph.is_spatial(value)):
        written_out = tuple(_expansions(graph, factor))
        values = written_out[-1].inputs[0] if written_out else factor
        body = _body(graph, values)
        layers = [node for node in body if node.is_layer and graph.weights(node)]
        squeeze = [node for node in body if graph.is_reduction(node)]
        features = [value for value in maps if _meets(graph, value, values)]
        if layers and squeeze and features:
            reduced = {value for node in squeeze for value in (*node.inputs, *node.outputs)}
            feature = next((value for value in features if value in reduced), features[0])
            return _described(graph, _Meeting(product, feature, values, written_out), body, owned)
    return None


def _meets(graph: Graph, feature: str, values: str) -> bool:
    full, small = graph.shape(feature), graph.shape(values)
    if graph.counts_from_batch:
        small = (*small, *(1 for _ in full[len(small) :]))
    return _is_per_channel(full, small)


def _expansions(graph: Graph, value: str) -> Iterator[Node]:
    """The nodes that write a value out as large as a feature map, the last one first."""
    node = graph.producer(value)
    while node is not None and (node.is_reorder or not EXPANDING.isdisjoint(node.ops)):
        if node.is_reorder and not _is_written_out(graph, node):
            return
        yield node
        node = graph.producer(node.inputs[0])


def _is_written_out(graph: Graph, node: Node) -> bool:
    source = graph.producer(node.inputs[0])
    return source is not None and not EXPANDING.isdisjoint(source.ops)


def _is_per_channel(full: Shape, small: Shape) -> bool:
    """Whether values hold for all positions of a feature map, and differ between channels."""
    if len(full) < _FEATURE_MAP or len(small) > len(full):
        return False
    if math.prod(small[1:]) == 1 < math.prod(full[1:2]):
        return False
    pairs = list(zip((1,) * (len(full) - len(small)) + small, full, strict=True))
    one_position = sum(size != 1 for size in full[1:]) <= 1
    return all(size in (1, whole) for size, whole in pairs) and (
        one_position or any(size == 1 != whole for size, whole in pairs[1:])
    )


def _body(graph: Graph, value: str) -> tuple[Node, ...]:
    """The nodes that compute a value without extent, back to its reductions, which belong to it."""
    found: set[str] = set()
    pending = [value]
    while pending:
        node = graph.producer(pending.pop())
        if node is None or node.name in found or not graph.activations(node):
            continue
        found.add(node.name)
        if not any(map(graph.is_spatial, node.inputs)):
            pending += node.inputs
    return tuple(node for node in graph.nodes if node.name in found)


def _described(graph: Graph, meeting: _Meeting, body: tuple[Node, ...], owned: set[str]) -> GraphGate:
    squeeze = [node for node in body if graph.is_reduction(node)]
    layers = [node for node in body if node.is_layer and graph.weights(node)]
    widths = [width for layer in layers for width in _widths(graph, layer)]
    kinds = dict.fromkeys(REDUCTIONS[op] for node in squeeze for op in node.ops if op in REDUCTIONS)
    reduced = {node.name for node in squeeze}
    return GraphGate(
        squeeze=tuple(node.name for node in squeeze if node.name not in owned),
        excite=tuple(node.name for node in body if node.name not in reduced | owned),
        scale=(
            *(node.name for node in reversed(meeting.written_out) if node.name not in owned),
            meeting.product.name,
        ),
        channels=next((size for size in reversed(graph.shape(meeting.values)[1:]) if size > 1), 1),
        hidden=tuple(widths[:-1] or widths),
        reduction="+".join(kinds),
        gate=_activation(graph, meeting),
        feature=meeting.feature,
        stage=_stage(graph, meeting.feature),
    )


def _widths(graph: Graph, layer: Node) -> Iterator[int]:
    """Outputs of a layer; of several in one node, of each by its weight."""
    if sum(op in ("Conv", "Gemm", "MatMul") for op in layer.ops) == 1:
        shape = graph.shape(layer.outputs[0])
        yield shape[1] if "Conv" in layer.ops and len(shape) >= _FEATURE_MAP else shape[-1] if shape else 0
        return
    for weight in graph.weights(layer):
        if len(graph.shape(weight)) > 1:
            yield graph.shape(weight)[0]


def _activation(graph: Graph, meeting: _Meeting) -> str:
    """The op that gives a gate's values, behind shape changes; a kernel may do it with the product."""
    node = graph.producer(meeting.values)
    while node is not None and node.is_copy:
        node = graph.producer(node.inputs[0])
    last = node.ops[-1] if node is not None and node.ops else "input"
    if last not in LAYERS:
        return last
    return next((op for op in meeting.product.ops if op in _BOUNDED), last)


def _stage(graph: Graph, feature: str) -> str:
    extents = graph.shape(graph.inputs[0])[2:] if graph.inputs else ()
    own = graph.shape(feature)[2:]
    if len(extents) != len(own) or not own or not all(own) or not all(extents):
        return "head"
    stride = max(round(whole / size) for whole, size in zip(extents, own, strict=True))
    return f"stride {2 ** round(math.log2(stride))}" if stride else "head"
