"""ONNX files as graphs, ONNX Runtime's optimised ones included; nothing is run, weights are not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sebench.errors import DataFileError
from sebench.graphs.graph import REORDER, Graph, Node, Shape
from sebench.installation import extra_hint

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

_STANDARD = ("", "ai.onnx")
_KEPT: dict[str, type] = {
    **dict.fromkeys(("kernel_shape", "strides", "pads", "dilations", "axes", "scales"), tuple),
    **dict.fromkeys(("group", "ceil_mode", "keepdims", "transA", "transB", "channels", "channels_last"), int),
    **dict.fromkeys(("auto_pad", "activation"), str),
}
"""Attributes that decide what a node computes or costs, and what they have to be."""
_FUSED = {
    "FusedConv": "Conv",
    "NhwcFusedConv": "Conv",
    "FusedGemm": "Gemm",
    "FusedMatMul": "MatMul",
    "QGemm": "Gemm",
    "ReorderInput": REORDER,
    "ReorderOutput": REORDER,
}
_SAME_SHAPE = frozenset({"QuickGelu", "Gelu", "FastGelu", "BiasGelu"})
_SUM = 3
"""Input of a fused convolution that is added to its output."""


NO_SHAPES: Mapping[str, Sequence[int]] = MappingProxyType({})


def read_onnx(
    path: Path | str,
    shapes: Mapping[str, Sequence[int]] | None = None,
    *,
    known: Mapping[str, Sequence[int]] = NO_SHAPES,
) -> Graph:
    """Read an ONNX file as a graph. External data is not looked for: shapes are in the file.

    Args:
        path: of the file.
        shapes: of inputs, by name, where the file leaves some of their sizes open.
        known: shapes of any values, where the file does not tell: nothing is inferred behind nodes of ONNX
            Runtime's own.

    Raises:
        DataFileError: there is no such file, or it holds no ONNX model.
    """
    try:
        import onnx  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise DataFileError(f"{path}: reading it needs onnx", hint=extra_hint("onnxruntime")) from error
    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise DataFileError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # protobuf's own error class differs between its versions
        raise DataFileError(f"{path} is no ONNX model: {_first_line(error)}") from error
    if not model.graph.node:
        raise DataFileError(f"{path} is no ONNX model: it has no nodes")
    return graph_of(model, shapes, known=known)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def graph_of(
    model: ModelProto,
    shapes: Mapping[str, Sequence[int]] | None = None,
    *,
    known: Mapping[str, Sequence[int]] = NO_SHAPES,
) -> Graph:
    """An ONNX model as a graph.

    Args:
        model: which is left as it is.
        shapes: of inputs, by name, where the model leaves some of their sizes open.
        known: as in `read_onnx`.

    Raises:
        DataFileError: the graph takes no input, or a shape is for none of its inputs.
    """
    import onnx  # noqa: PLC0415 - an extra

    held = onnx.ModelProto()
    held.CopyFrom(model)
    if shapes:
        _fix_inputs(held.graph, shapes)
    inferred = _inferred(held)
    constants = {each.name: tuple(each.dims) for each in inferred.initializer}
    constants |= {each.values.name: tuple(each.dims) for each in inferred.sparse_initializer}
    inputs = tuple(each.name for each in inferred.input if each.name not in constants)
    if not inputs:
        raise DataFileError("the ONNX graph takes no input")
    told: dict[str, Shape] = {**constants}
    for info in (*inferred.value_info, *inferred.input, *inferred.output):
        if info.type.tensor_type.HasField("shape"):
            told[info.name] = tuple(each.dim_value for each in info.type.tensor_type.shape.dim)
    told |= {name: tuple(shape) for name, shape in known.items() if 0 in told.get(name, (0,))}
    nodes: list[Node] = []
    made = {*inputs, *constants, ""}
    for node in _named(inferred):
        missing = next((value for value in node.inputs if value not in made), None)
        twice = next((value for value in node.outputs if value and value in made), None)
        if missing is not None or twice is not None or not node.outputs:
            raise DataFileError(f"node {node.name!r} of the ONNX graph is out of order")
        made.update(node.outputs)
        if node.op == "Constant":
            constants[node.outputs[0]] = told.get(node.outputs[0], ())
            continue
        nodes.append(node)
        shape = None if node.outputs[0] in told else _blocked_shape(node, told)
        told |= {} if shape is None else {node.outputs[0]: shape}
    return Graph(
        nodes=tuple(nodes),
        inputs=inputs,
        outputs=tuple(each.name for each in inferred.output),
        shapes=MappingProxyType(told),
        constants=frozenset(constants),
    )


def _inferred(model: ModelProto) -> GraphProto:
    """Its graph with the shapes that ONNX can tell."""
    from onnx import inliner, shape_inference  # noqa: PLC0415

    try:
        if model.functions:
            model = inliner.inline_local_functions(model)
        return shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception as error:  # what it raises differs between its versions
        raise DataFileError(f"the ONNX graph makes no sense: {_first_line(error)}") from error


def _fix_inputs(graph: GraphProto, shapes: Mapping[str, Sequence[int]]) -> None:
    places = {each.name: each for each in graph.input}
    for name, shape in shapes.items():
        if name not in places:
            raise DataFileError(f"the ONNX graph has no input {name!r}", hint=f"it has {', '.join(places)}")
        sizes = places[name].type.tensor_type.shape
        sizes.ClearField("dim")
        for size in shape:
            sizes.dim.add(dim_value=size)
    del graph.value_info[:]


def _named(graph: GraphProto) -> Iterator[Node]:
    """The nodes, each under a name of its own: that of its first output where it has none."""
    seen: set[str] = set()
    for number, node in enumerate(graph.node):
        outputs = [each for each in node.output if each]
        name = node.name if node.name and node.name not in seen else next(iter(outputs), f"node {number}")
        while name in seen:
            name += "'"
        seen.add(name)
        yield _node(node, name)


def _node(node: NodeProto, name: str) -> Node:
    given = {each.name: _plain(each) for each in node.attribute if each.name in _KEPT}
    attributes = {key: value for key, value in given.items() if isinstance(value, _KEPT[key])}
    standard = node.domain in _STANDARD
    return Node(
        name=name,
        op=node.op_type if standard else f"{node.domain}:{node.op_type}",
        ops=tuple(_ops(node, attributes)),
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=MappingProxyType(attributes),
    )


def _plain(attribute: Any) -> Any:  # noqa: ANN401 - a number, a text, or several
    import onnx  # noqa: PLC0415

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _ops(node: NodeProto, attributes: Mapping[str, Any]) -> Iterator[str]:
    """What a node does: ONNX Runtime's fused ones hold an add and an activation."""
    yield _FUSED.get(node.op_type, node.op_type.removeprefix("QLinear"))
    if node.domain in _STANDARD:
        return
    if node.op_type in ("Conv", "FusedConv", "NhwcFusedConv") and len(node.input) > _SUM and node.input[_SUM]:
        yield "Add"
    activation = attributes.get("activation")
    if activation:
        yield str(activation)


def _blocked_shape(node: Node, known: Mapping[str, Shape]) -> Shape | None:
    """What ONNX's own inference does not know: nodes of ONNX Runtime, in layouts of its own."""
    given = known.get(node.input(0), ())
    if len(given) < 3 or ":" not in node.op:
        return None
    op, batch, channels, extents = node.ops[0], given[0], given[1], given[2:]
    weight = known.get(node.input(1), ())
    if op == "Conv" and len(weight) == len(given):
        channels, extents = weight[0], _extents(extents, weight[2:], node.attributes)
    elif op in ("MaxPool", "AveragePool"):
        extents = _extents(extents, node.attributes.get("kernel_shape", ()), node.attributes)
    elif op in ("GlobalAveragePool", "GlobalMaxPool"):
        extents = tuple(1 for _ in extents)
    elif op == "Upsample":
        extents = tuple(size * by for size, by in zip(extents, _scales(node), strict=False))
    elif op == REORDER:
        channels = node.attributes.get("channels", channels)
    elif op not in _SAME_SHAPE:
        return None
    return (batch, channels, *extents)


def _scales(node: Node) -> tuple[int, ...]:
    scales = tuple(round(scale) for scale in node.attributes.get("scales", ()))
    return scales[2:]


def _extents(before: Shape, window: Sequence[int], attributes: Mapping[str, Any]) -> Shape:
    """Positions of a window: floor((size + padding - span) / stride) + 1, ceil where it is asked for."""
    count = len(before)
    pads = tuple(attributes.get("pads", ())) or (0,) * (2 * count)
    strides = tuple(attributes.get("strides", ())) or (1,) * count
    dilations = tuple(attributes.get("dilations", ())) or (1,) * count
    if str(attributes.get("auto_pad", "NOTSET")).startswith("SAME"):
        return tuple(-(-size // stride) for size, stride in zip(before, strides, strict=True))
    if not len(window) == len(strides) == len(dilations) == len(pads) / 2 == count or 0 in strides:
        return (0,) * count
    found = []
    for axis, size in enumerate(before):
        span = dilations[axis] * (window[axis] - 1) + 1
        room = size + pads[axis] + pads[count + axis] - span
        steps = -(-room // strides[axis]) if attributes.get("ceil_mode") else room // strides[axis]
        found.append(max(0, steps + 1))
    return tuple(found)
