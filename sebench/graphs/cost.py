"""What the layers of a graph cost: multiply-accumulates and parameters, node by node."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from sebench.graphs.graph import Graph, Node

_WITH_PARAMETERS = {
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm", "MatMul", "PRelu"), None),
    **dict.fromkeys(("LayerNormalization", "InstanceNormalization", "GroupNormalization"), 3),
    "BatchNormalization": 3,  # the mean and the variance that follow are buffers
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), None),
}
"""Ops whose constants are parameters, and how many of their inputs can be; None is all."""
_ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Div"})
"""Of these a constant of one element is a number in the code."""
_UNPRICED = frozenset(
    {
        *(
            "LSTM",
            "GRU",
            "RNN",
            "Einsum",
            "DeformConv",
            "Attention",
            "MultiHeadAttention",
            "If",
            "Loop",
            "Scan",
        ),
        *("ConvInteger", "MatMulInteger", "DFT", "STFT"),
    }
)
"""Ops that multiply and accumulate, or may, and have no formula here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCost:
    """One node."""

    name: str
    macs: int
    params: int
    """Shared weights are the first node's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCost:
    """A whole graph."""

    nodes: tuple[NodeCost, ...]
    """Those that have multiply-accumulates or parameters, in order."""
    unpriced: tuple[Node, ...]
    """Those without a formula, or without known shapes."""

    @property
    def uncounted(self) -> tuple[tuple[str, int], ...]:
        """Their ops, and how many nodes they are."""
        return tuple(sorted(Counter(node.op for node in self.unpriced).items()))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all nodes."""
        return sum(node.macs for node in self.nodes)

    @property
    def params(self) -> int:
        """Parameters of all nodes."""
        return sum(node.params for node in self.nodes)


def count(graph: Graph) -> GraphCost:
    """Count multiply-accumulates of convolutions and matrix products, and parameters.

    Exact for graphs as they are in files. Layouts in blocks of channels pad weights with zeros, which count.

    Args:
        graph: with the shapes of its values known.
    """
    seen: set[str] = set()
    costs, unpriced = [], []
    for node in graph.nodes:
        macs = _macs(graph, node)
        if macs is None:
            unpriced.append(node)
        params = _parameters(graph, node, seen)
        if macs or params:
            costs.append(NodeCost(name=node.name, macs=macs or 0, params=params))
    return GraphCost(nodes=tuple(costs), unpriced=tuple(unpriced))


def _macs(graph: Graph, node: Node) -> int | None:
    """None where it is not known."""
    if not _UNPRICED.isdisjoint(node.ops):
        return None
    found = [_FORMULAS[op](graph, node) for op in node.ops if op in _FORMULAS]
    return None if any(each == 0 for each in found) else sum(found)


def _weight(node: Node) -> str:
    """The second factor; in nodes on integers a scale and a zero point come before it."""
    return node.input(3 if node.op.rpartition(":")[2].startswith("Q") else 1)


def _convolution(graph: Graph, node: Node) -> int:
    """Each output is a sum over a window of its group's input channels; the weight is O x I/g x window."""
    weight, made = graph.shape(_weight(node)), graph.shape(node.outputs[0])
    return math.prod(made) * math.prod(weight[1:]) if weight and made else 0


def _transposed(graph: Graph, node: Node) -> int:
    """Each input goes to a window of its group's output channels; the weight is I x O/g x window."""
    weight, given = graph.shape(_weight(node)), graph.shape(node.input(0))
    return math.prod(given) * math.prod(weight[1:]) if weight and given else 0


def _product(graph: Graph, node: Node) -> int:
    """Each output is a sum over the dimension that both factors share."""
    first, output = graph.shape(node.input(0)), graph.shape(node.outputs[0])
    if not first or not output:
        return 0
    transposed = node.attributes.get("transA") and len(first) > 1
    return math.prod(output) * (first[-2] if transposed else first[-1])


_FORMULAS = {"Conv": _convolution, "ConvTranspose": _transposed, "Gemm": _product, "MatMul": _product}


def _parameters(graph: Graph, node: Node, seen: set[str]) -> int:
    known = [op for op in node.ops if op in _WITH_PARAMETERS]
    if not known or not graph.activations(node):
        return 0
    total = 0
    for value in node.inputs[: _WITH_PARAMETERS[known[0]]]:
        source = _constant_behind(graph, value)
        if source is None or source in seen:
            continue
        elements = math.prod(graph.shape(source))
        if known[0] in _ARITHMETIC and elements == 1:
            continue
        seen.add(source)
        total += elements
    return total


def _constant_behind(graph: Graph, value: str) -> str | None:
    """The constant that a value is, perhaps shaped or cast."""
    node = graph.producer(value)
    while value not in graph.constants and node is not None and node.is_copy:
        value = node.inputs[0]
        node = graph.producer(value)
    return value if value in graph.constants else None
