"""Channel attention taken out of an ONNX graph, and the same graph with every gate at one.

Nothing is run here; that the two compute the same is for `sebench.surgery.files` to show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sebench.errors import DataFileError
from sebench.graphs.gates import GraphGate, find_gates
from sebench.graphs.graph import Graph, Node
from sebench.graphs.onnx import graph_of

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto


@dataclass(frozen=True, slots=True, kw_only=True)
class Stripped:
    """A model without its attention, and what shows that it is that."""

    model: ModelProto
    at_one: ModelProto
    """The model as it was, with every gate at one."""
    before: Graph
    after: Graph
    gates: tuple[GraphGate, ...]


def strip(model: ModelProto, shapes: Mapping[str, Sequence[int]]) -> Stripped:
    """Take every gate out: its product becomes the feature map, and what only fed it goes.

    Args:
        model: left as it is.
        shapes: of its inputs, by name, where it leaves some of their sizes open.

    Raises:
        DataFileError: it makes no sense.
    """
    flat = _inlined(model)
    before = graph_of(flat, shapes)
    gates = find_gates(before)
    features = {output: gate.feature for gate in gates for output in _product(before, gate).outputs}
    stripped, at_one = _copy(flat), _copy(flat)
    alive = _live(stripped.graph)
    _pass_by(stripped.graph, features)
    _remove_dead(stripped.graph, alive)
    _set_to_one(at_one, {_values(before, gate) for gate in gates})
    return Stripped(
        model=stripped, at_one=at_one, before=before, after=graph_of(stripped, shapes), gates=gates
    )


def _inlined(model: ModelProto) -> ModelProto:
    from onnx import inliner  # noqa: PLC0415 - an extra

    try:
        return inliner.inline_local_functions(model) if model.functions else model
    except Exception as error:  # what it raises differs between its versions
        raise DataFileError(f"its functions cannot be written out: {error}") from error


def _copy(model: ModelProto) -> ModelProto:
    made = type(model)()
    made.CopyFrom(model)
    return made


def _product(graph: Graph, gate: GraphGate) -> Node:
    return next(node for node in graph.nodes if node.name == gate.scale[-1])


def _values(graph: Graph, gate: GraphGate) -> str:
    """The factor beside the feature map."""
    return next(value for value in _product(graph, gate).inputs if value != gate.feature)


def _pass_by(graph: GraphProto, features: Mapping[str, str]) -> None:
    """Whatever takes a product takes the feature map; a name that others may know stays, as a copy."""
    known = {each.name for each in graph.output} | set(_taken_inside(graph))
    for node in graph.node:
        for index, value in enumerate(node.input):
            node.input[index] = _behind(value, features, known)
    for node in graph.node:
        output = next((each for each in node.output if each in features), None)
        if output in known:
            feature = _behind(features[output], features, known)
            node.ClearField("attribute")
            node.op_type, node.domain = "Identity", ""
            node.input[:] = [feature]


def _behind(value: str, features: Mapping[str, str], known: Collection[str]) -> str:
    """The feature map that a product stands for; that may be a product itself."""
    while value in features and value not in known:
        value = features[value]
    return value


def _taken_inside(graph: GraphProto) -> Iterator[str]:
    """Values that graphs in attributes may take from outside."""
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
                yield from (value for each in inner.node for value in each.input)
                yield from (each.name for each in inner.output)
                yield from _taken_inside(inner)


def _live(graph: GraphProto) -> set[str]:
    """Values that outputs depend on."""
    producers = {output: node for node in graph.node for output in node.output}
    pending = [each.name for each in graph.output] + list(_taken_inside(graph))
    live: set[str] = set()
    while pending:
        value = pending.pop()
        if value and value not in live:
            live.add(value)
            node = producers.get(value)
            pending += [] if node is None else node.input
    return live


def _remove_dead(graph: GraphProto, before: Collection[str]) -> None:
    """Remove what outputs depended on, and do so no longer."""
    gone = set(before) - _live(graph)
    kept = [node for node in graph.node if not gone.issuperset(filter(None, node.output))]
    del graph.node[:]
    graph.node.extend(kept)
    for held in (graph.initializer, graph.value_info):
        others = [each for each in held if each.name not in gone]
        del held[:]
        held.extend(others)


def _set_to_one(model: ModelProto, values: Collection[str]) -> None:
    """Whatever takes one of the values takes ones of its shape."""
    from onnx import TensorProto, helper, shape_inference  # noqa: PLC0415 - an extra

    graph, inferred = model.graph, shape_inference.infer_shapes(model).graph
    types = {each.name: each.type.tensor_type.elem_type for each in inferred.value_info}
    nodes: list[NodeProto] = []
    for node in graph.node:
        for index, value in enumerate(node.input):
            if value in values:
                node.input[index] = _one(value)
        nodes.append(node)
        for value in (each for each in node.output if each in values):
            one = helper.make_tensor(f"{value} one", types.get(value, TensorProto.FLOAT), [1], [1])
            nodes += [
                helper.make_node("Shape", [value], [f"{value} shape"]),
                helper.make_node("ConstantOfShape", [f"{value} shape"], [_one(value)], value=one),
            ]
    written = type(graph)(node=nodes)
    del graph.node[:]
    graph.node.extend(written.node)


def _one(value: str) -> str:
    return f"{value} at one"
