"""What OpenVINO runs, as a graph: the runtime model of a compiled network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from sebench.graphs.graph import REORDER, Graph, Node, Shape

NAMES = {
    "Convolution": "Conv",
    "GroupConvolution": "Conv",
    "ConvolutionBackpropData": "ConvTranspose",
    "GroupConvolutionBackpropData": "ConvTranspose",
    "FullyConnected": "MatMul",
    "Multiply": "Mul",
    "Subtract": "Sub",
    "Divide": "Div",
    "HSigmoid": "HardSigmoid",
    "HSwish": "HardSwish",
    "AdaptiveAvgPool": "GlobalAveragePool",
    "AvgPool": "AveragePool",
    "Broadcast": "Expand",
    "Interpolate": "Resize",
    "Convert": "Cast",
    "Reorder": REORDER,
    "ReLU": "Relu",
}
"""Operations of OpenVINO that ONNX calls otherwise."""
_KINDS = {"Reduce": "ReduceMean", "Pooling": "AveragePool", "Eltwise": "Mul"}
"""Kinds of layers, where nothing says which operation one is."""
BIAS = "Bias"
"""The type of an addition of a constant: a convolution that holds it has a bias, and no sum."""
_GROUPED = "GroupConvolution"
_NOT_EXECUTED = "not_executed"


def operations_of(model: Any) -> dict[str, str]:  # noqa: ANN401 - it is not typed
    """The type of each operation of a model that is not compiled, by its name; `BIAS` where one is added."""
    return {op.get_friendly_name(): _operation(op) for op in model.get_ordered_ops()}


def _operation(op: Any) -> str:  # noqa: ANN401
    kind: str = op.get_type_name()
    taken = {_constant_type(port.get_source_output().get_node()) for port in op.inputs()}
    return BIAS if kind == "Add" and "Constant" in taken else kind


def _constant_type(node: Any) -> str:  # noqa: ANN401
    """Type of a node, or of the constant that it converts."""
    kind: str = node.get_type_name()
    return _constant_type(node.input(0).get_source_output().get_node()) if kind == "Convert" else kind


def graph_of(compiled: Any, operations: Mapping[str, str]) -> tuple[Graph, frozenset[str]]:  # noqa: ANN401
    """What a compiled model runs.

    Args:
        compiled: has been asked to count (``PERF_COUNT``) and has run, if nodes without work are to be told.
        operations: of the model that was compiled, see `operations_of`: what fused nodes are made of.

    Returns:
        The graph, and the names of its nodes that did not run: views that cost nothing.
    """
    nodes: list[Node] = []
    shapes: dict[str, Shape] = {}
    constants: set[str] = set()
    idle: set[str] = set()
    inputs: list[str] = []
    outputs: list[str] = []
    for op in compiled.get_runtime_model().get_ordered_ops():
        facts = {name: str(value.astype(str)) for name, value in op.get_rt_info().items()}
        kind, name = facts.get("layerType", ""), op.get_friendly_name()
        made = tuple(f"{name}:{index}" for index in range(len(op.outputs())))
        shapes |= {value: _shape(port) for value, port in zip(made, op.outputs(), strict=True)}
        taken = tuple(_source(port) for port in op.inputs())
        if kind == "Const":
            constants.update(made)
        elif kind == "Input":
            inputs += made
        elif kind == "Output":
            outputs += taken
        else:
            originals = [each for each in facts.get("originalLayersNames", "").split(",") if each]
            found = list(_types(originals, operations)) or [kind]
            types = [each for each in found if each != BIAS] or ["Add"]
            if _GROUPED in types and len(taken) > 1:
                shapes[taken[1]] = without_groups(shapes[taken[1]], len(shapes[made[0]]))
            ops = tuple(NAMES.get(each, _KINDS.get(each, each)) for each in types)
            nodes.append(Node(name=name, op=kind, ops=ops, inputs=taken, outputs=made))
            if facts.get("execTimeMcs") == _NOT_EXECUTED:
                idle.add(name)
    graph = Graph(
        nodes=tuple(nodes),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        shapes=MappingProxyType(shapes),
        constants=frozenset(constants),
    )
    return graph, frozenset(idle)


def _types(names: list[str], operations: Mapping[str, str]) -> Iterator[str]:
    """What a node was made of. Names of what OpenVINO put in itself say it in their last part."""
    for name in names:
        own = name.removesuffix("/WithoutBiases")
        found = operations.get(name) or operations.get(own) or own.rpartition("/")[2].partition("_")[0]
        if found not in ("Constant", "Parameter"):
            yield found


def _source(port: Any) -> str:  # noqa: ANN401
    source = port.get_source_output()
    return f"{source.get_node().get_friendly_name()}:{source.get_index()}"


def _shape(port: Any) -> Shape:  # noqa: ANN401
    return tuple(size.get_length() if size.is_static else 0 for size in port.get_partial_shape())


def without_groups(weight: Shape, dimensions: int) -> Shape:
    """A weight of groups as ONNX has it: G x O/g x I/g x window as O x I/g x window."""
    return (weight[0] * weight[1], *weight[2:]) if len(weight) == dimensions + 1 else weight
