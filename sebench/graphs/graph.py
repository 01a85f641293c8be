"""A runtime's graph as a frozen value: what runs, in order, and what flows between.

Ops have the names that ONNX has for them, whatever a runtime calls them, so that one rule reads every graph.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

Shape = tuple[int, ...]
"""Sizes; 0 where a size is not known."""
LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Ops that multiply by weights."""
REDUCTIONS = {
    **dict.fromkeys(("ReduceMean", "GlobalAveragePool", "AveragePool"), "mean"),
    **dict.fromkeys(("ReduceMax", "GlobalMaxPool", "MaxPool"), "max"),
    **dict.fromkeys(("ReduceL2", "GlobalLpPool"), "std"),
    **dict.fromkeys(("ReduceSum", "ReduceSumSquare"), "sum"),
    "ReduceLogSumExp": "logsumexp",
}
"""Ops that can leave one value per channel of a feature map, and what that is called."""
WINDOWS = frozenset({"AveragePool", "MaxPool"})
"""Those that do so only where their window is the whole map."""
REORDER = "Reorder"
"""A change of layout that a runtime has put in."""
VIEWS = frozenset({"Unsqueeze", "Squeeze", "Reshape", "Flatten", "Identity", "Transpose", "Cast", REORDER})
"""Ops that compute nothing."""
COPIES = VIEWS | {"QuantizeLinear", "DequantizeLinear"}
"""Ops that keep what values mean."""
EXPANDING = frozenset({"Expand", "Tile", "Resize", "Upsample"})
_SHAPE_READING = frozenset({"Shape", "Size"})
_HALVED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing that a runtime runs."""

    name: str
    """Unique in its graph."""
    op: str
    """As the runtime calls it, with its domain: ``com.microsoft.nchwc:Conv``, ``Subgraph``."""
    ops: tuple[str, ...]
    """What it does, in order, by the names of ONNX: of a convolution that holds an add, ``Conv``, ``Add``."""
    inputs: tuple[str, ...]
    """Names of values; ``""`` for one that is left out."""
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """As far as they decide what it computes or costs: ``kernel_shape``, ``strides``, ``group``."""
    time_s: float | None = None
    """What it took, where the graph comes with times."""

    @property
    def is_layer(self) -> bool:
        """Whether it multiplies by weights, or activations by each other."""
        return not LAYERS.isdisjoint(self.ops)

    @property
    def is_copy(self) -> bool:
        """Whether it does nothing but shape, lay out or store values otherwise."""
        return bool(self.inputs) and COPIES.issuperset(self.ops)

    def input(self, index: int) -> str:
        """One of its values; ``""`` where that is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    @property
    def is_reorder(self) -> bool:
        """Whether a runtime put it in to change a layout."""
        return self.ops == (REORDER,)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Nodes in order of execution; values have names."""

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    """Values that the network is fed."""
    outputs: tuple[str, ...]
    shapes: Mapping[str, Shape]
    """Of every value whose shape is known, constants included."""
    constants: frozenset[str]
    """Weights and other values that do not depend on an input."""
    counts_from_batch: bool = False
    """Whether a matrix (N, C) meets a map (N, C, H, W) by its first dimensions, as in kernels that index
    values themselves; else by its last ones, as ONNX broadcasts."""

    def shape(self, value: str) -> Shape:
        """Of a value; empty where it is not known, or a scalar."""
        return self.shapes.get(value, ())

    def producer(self, value: str) -> Node | None:
        """The node that makes a value; None for inputs and constants."""
        return self._producers.get(value)

    def consumers(self, value: str) -> Sequence[Node]:
        """The nodes that take a value, in order."""
        return self._consumers.get(value, ())

    @cached_property
    def _producers(self) -> dict[str, Node]:
        return {output: node for node in self.nodes for output in node.outputs if output}

    @cached_property
    def _consumers(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for value in dict.fromkeys(node.inputs):
                if value:
                    found.setdefault(value, []).append(node)
        return found

    def activations(self, node: Node) -> tuple[str, ...]:
        """Values that a node takes and that depend on an input: no weights, nor what is made of them."""
        return tuple(value for value in node.inputs if value in self._fed)

    def weights(self, node: Node) -> tuple[str, ...]:
        """Values that a node takes and that do not depend on an input."""
        return tuple(value for value in node.inputs if value and value not in self._fed)

    @cached_property
    def _fed(self) -> frozenset[str]:
        """What depends on the values of an input; reading a shape is no dependence."""
        fed = set(self.inputs)
        for node in self.nodes:
            if not fed.isdisjoint(node.inputs) and not _SHAPE_READING.issuperset(node.ops):
                fed.update(node.outputs)
        return frozenset(fed)

    def is_spatial(self, value: str) -> bool:
        """Whether a value may depend on the position in the input: no reduction lies between."""
        return value in self._spatial

    def is_reduction(self, node: Node) -> bool:
        """Whether a node takes a feature map and leaves one value per channel; perhaps a map as well."""
        return any(map(self.is_spatial, node.inputs)) and not all(map(self.is_spatial, node.outputs))

    @cached_property
    def _spatial(self) -> frozenset[str]:
        spatial = set(self.inputs)
        for node in self.nodes:
            taken = [value for value in node.inputs if value in spatial]
            if not taken or _SHAPE_READING.issuperset(node.ops):
                continue
            spatial.update(value for value in node.outputs if not self._is_reduced(node, taken, value))
        return frozenset(spatial)

    def _is_reduced(self, node: Node, taken: Sequence[str], output: str) -> bool:
        reducing = [op for op in node.ops if op in REDUCTIONS]
        if not reducing or output not in self.shapes:
            return False
        before = max((self.shape(value) for value in taken), key=math.prod)
        if WINDOWS.issuperset(reducing) and not self._covers(node, before):
            return False
        after = self.shape(output)
        return sum(size != 1 for size in after[1:]) <= 1 and math.prod(after) <= math.prod(before)

    @staticmethod
    def _covers(node: Node, shape: Shape) -> bool:
        """Whether a pooling takes a whole feature map; one of 2 x 2 is taken for one that halves it."""
        window = tuple(node.attributes.get("kernel_shape", ()))
        extents = shape[len(shape) - len(window) :]
        return bool(window) and window == extents and (max(extents) > _HALVED or math.prod(extents) == 1)
