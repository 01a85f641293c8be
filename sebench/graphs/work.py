"""What every node of a graph does: FLOPs and bytes, by the rules of `sebench.counters` (docs/counting.md).

What an exporter has folded or written out is counted as it is in the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from sebench.graphs.cost import count
from sebench.graphs.graph import REDUCTIONS, Graph, Node

_FIRST_SPATIAL = 2


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EACH = _names(
    """
    Abs Acos Acosh Add And Asin Asinh Atan Atanh BiasGelu BitShift Ceil Celu Clip Cos Cosh Div Elu Equal
    Erf Exp FastGelu Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish IsInf IsNaN LeakyRelu Less
    LessOrEqual Log Mish Mod Mul Neg Not Or PRelu Pow QuickGelu Reciprocal Relu Round Selu Shrink Sigmoid
    Sign Sin Sinh Softplus Softsign Sqrt Sub Swish Tan Tanh ThresholdedRelu Where Xor
    """
)
"""One FLOP per output element."""
_SEVERAL = frozenset({"Max", "Min", "Sum", "Mean"})
"""One FLOP per output element and input but one."""
_PER_OUTPUT = {"BatchNormalization": 2, "InstanceNormalization": 6, "GroupNormalization": 6}
_PER_INPUT = {
    **dict.fromkeys(("ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd", "GlobalMaxPool", "CumSum"), 1),
    **dict.fromkeys(("ArgMax", "ArgMin"), 1),
    **dict.fromkeys(("ReduceL2", "ReduceL1", "ReduceSumSquare", "GlobalLpPool"), 2),
    **dict.fromkeys(("ReduceLogSumExp", "ReduceLogSum"), 4),
    **dict.fromkeys(("Softmax", "LogSoftmax"), 5),
}
_AVERAGES = frozenset({"ReduceMean", "GlobalAveragePool"})
_WINDOWS = {"AveragePool": 1, "MaxPool": 0}
"""FLOPs of a window beside one per tap."""
_MOVES = _names(
    """
    Cast CastLike Concat DepthToSpace Gather GatherElements GatherND OneHot Pad Reorder ReverseSequence
    ScatterElements ScatterND SpaceToDepth Tile Trilu
    """
)
"""Bytes only."""
_FREE = _names(
    """
    Constant ConstantOfShape Dropout Expand Flatten Identity Range Reshape Shape Size Slice Split Squeeze
    Transpose Unsqueeze
    """
)
"""Views, and what exists while a network is built."""
_LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_TAPS = {"linear": 2, "cubic": 4}
_BIAS = 2
"""Input of a layer that is added to its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWork:
    """One node; of all that depends on the input, in order."""

    node: Node
    macs: int
    flops: int
    params: int
    read: int
    """Elements."""
    written: int
    residual: int
    """Elements of an add of two feature maps of one shape."""
    squeezed: int
    """Elements that a reduction over space reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphWork:
    """A whole graph."""

    nodes: tuple[NodeWork, ...]
    uncounted: tuple[tuple[str, int], ...]
    """Ops without a formula or without known shapes, and how many nodes they are; in no total."""
    params: int
    """Of all nodes; shared weights once."""


def work_of(graph: Graph) -> GraphWork:
    """Count all that a graph does with its inputs.

    Args:
        graph: with the shapes of its values known.
    """
    cost = count(graph)
    layers = {each.name: each for each in cost.nodes}
    uncounted, unpriced = dict(cost.uncounted), {node.name for node in cost.unpriced}
    found = []
    for node in graph.nodes:
        if not graph.activations(node) or _FREE.issuperset(node.ops) or node.name in unpriced:
            continue
        layer = layers.get(node.name)
        macs = layer.macs if layer else 0
        flops = _flops(graph, node, macs)
        if flops is None:
            uncounted[node.op] = uncounted.get(node.op, 0) + 1
            continue
        found.append(
            NodeWork(
                node=node,
                macs=macs,
                flops=flops,
                params=layer.params if layer else 0,
                read=sum(_elements(graph, value) for value in node.inputs if value),
                written=sum(_elements(graph, value) for value in node.outputs if value),
                residual=_residual(graph, node),
                squeezed=_squeezed(graph, node),
            )
        )
    return GraphWork(nodes=tuple(found), uncounted=tuple(sorted(uncounted.items())), params=cost.params)


def _elements(graph: Graph, value: str) -> int:
    return math.prod(graph.shape(value))


def _flops(graph: Graph, node: Node, macs: int) -> int | None:
    """Of all that a node does, in order; None where a part of it has no formula."""
    if node.outputs[0] not in graph.shapes or 0 in graph.shape(node.outputs[0]):
        return None
    parts = [_of_op(graph, node, op, macs) for op in node.ops]
    return None if None in parts else sum(filter(None, parts))


def _of_op(graph: Graph, node: Node, op: str, macs: int) -> int | None:
    given, made = _elements(graph, node.input(0)), _elements(graph, node.outputs[0])
    rules: tuple[tuple[bool, Callable[[], int]], ...] = (
        (op in _LAYERS, lambda: 2 * macs + (made if node.input(_BIAS) else 0)),
        (op in _EACH, lambda: made),
        (op in _SEVERAL, lambda: made * (len(node.inputs) - 1)),
        (op in _PER_OUTPUT, lambda: made * _PER_OUTPUT[op]),
        (op in _PER_INPUT, lambda: given * _PER_INPUT[op]),
        (op in _AVERAGES, lambda: given + made),
        (op in _WINDOWS, lambda: made * (math.prod(node.attributes.get("kernel_shape", ())) + _WINDOWS[op])),
        (op == "LayerNormalization", lambda: made * (8 if node.input(1) else 6)),
        (op in ("Resize", "Upsample"), lambda: _interpolated(graph, node) * made),
        (op in _MOVES | _FREE, lambda: 0),
    )
    return next((rule() for holds, rule in rules if holds), None)


def _interpolated(graph: Graph, node: Node) -> int:
    """A product and an add per tap, over the dimensions that change; the nearest element is copied."""
    taps = _TAPS.get(str(node.attributes.get("mode", "nearest")), 0)
    pairs = zip(graph.shape(node.input(0)), graph.shape(node.outputs[0]), strict=False)
    changed = sum(before != after for before, after in pairs)
    return 2 * taps**changed if taps and changed else 0


def _residual(graph: Graph, node: Node) -> int:
    if "Add" not in node.ops:
        return 0
    shapes = [graph.shape(value) for value in graph.activations(node)]
    is_one = (
        len(shapes) > 1 and shapes[-1] == graph.shape(node.outputs[0]) and len(shapes[-1]) > _FIRST_SPATIAL
    )
    alike = is_one and (node.is_layer or shapes[0] == shapes[-1])
    return math.prod(shapes[-1]) if alike else 0


def _squeezed(graph: Graph, node: Node) -> int:
    squeezes = not REDUCTIONS.keys().isdisjoint(node.ops) and graph.is_reduction(node)
    return _elements(graph, node.input(0)) if squeezes else 0
