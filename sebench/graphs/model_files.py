"""Files that were exported already: opened without running anything, and refused where they reach further.

What a file may not do is decided here, before a runtime opens it: keep data outside its folder, ask for
operators that somebody would have to load, or point to a file that a runtime would run.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from sebench.errors import DataFileError
from sebench.files import read_file
from sebench.installation import extra_hint

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

ONNX, OPENVINO = ".onnx", ".xml"
_LARGEST = 2**31 - 1
"""Bytes that a protobuf message can have."""
_BESIDE = "export it with its weights in a file beside it"
BLOCKED_DOMAIN = "com.microsoft.nchwc"
"""Operators of ONNX Runtime's own layout, which its optimiser puts in."""
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft", BLOCKED_DOMAIN})
"""Operators that runtimes bring with them."""
_OUTSIDE = frozenset({"EPContext"})
"""Of these those that hand a file of their own to a device's driver."""
_ELEMENTS = {
    "FLOAT": "float32",
    "DOUBLE": "float64",
    "FLOAT16": "float16",
    "BOOL": "bool",
    "INT64": "int64",
    "INT32": "int32",
    "INT8": "int8",
    "UINT8": "uint8",
    "f32": "float32",
    "f64": "float64",
    "f16": "float16",
    "boolean": "bool",
    "i64": "int64",
    "i32": "int32",
    "i8": "int8",
    "u8": "uint8",
}
"""Number formats by the names that ONNX and OpenVINO have for them."""
_NO_XML = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)

Open = int | str | None
"""A size: fixed, open under a name, or open."""


@dataclass(frozen=True, slots=True)
class DeclaredInput:
    """What a file says of one of its inputs."""

    name: str
    element: str
    """``float32``, ``int64``; ``""`` where it is none of those that are known here."""
    shape: tuple[Open, ...]
    """Batch in front."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that may be given to a runtime."""

    path: Path
    inputs: tuple[DeclaredInput, ...]
    beside: tuple[Path, ...]
    """Files that belong to it, relative to its folder."""


def is_optimised(model: ModelProto) -> bool:
    """Whether ONNX Runtime has optimised a graph, for processors like the one it ran on."""
    return any(node.domain == BLOCKED_DOMAIN for node in model.graph.node)


def look_into(path: Path) -> ModelFile:
    """What a file of a network says of itself.

    Args:
        path: it ends with ``.onnx`` or ``.xml``.

    Raises:
        DataFileError: it cannot be read, is no such file, or is refused; says why.
    """
    if path.suffix == OPENVINO:
        return _of_openvino(path)
    model = open_onnx(path)
    return ModelFile(path, _fed(path, _inputs(model)), tuple(dict.fromkeys(_external(path, model))))


def onnx_inputs(path: Path) -> tuple[DeclaredInput, ...]:
    """The inputs of an ONNX file that has been looked into, or was written here."""
    import onnx  # noqa: PLC0415 - an extra

    return _inputs(onnx.load(str(path), load_external_data=False))


def _inputs(model: ModelProto) -> tuple[DeclaredInput, ...]:
    held = {each.name for each in model.graph.initializer}
    return tuple(_declared(each) for each in model.graph.input if each.name not in held)


def open_onnx(path: Path) -> ModelProto:
    """An ONNX model as it is in its file; weights outside of that are looked for, and not read.

    Raises:
        DataFileError: see `look_into`.
    """
    try:
        import onnx  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise DataFileError(f"{path}: reading it needs onnx", hint=extra_hint("onnxruntime")) from error
    _require_file(path)
    try:
        model = onnx.load(str(path), load_external_data=False)
        is_empty = not model.graph.node
    except OSError as error:
        raise DataFileError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # protobuf's own error class differs between its versions
        raise DataFileError(f"{path} is no ONNX model, or not a whole one") from error
    if is_empty:
        raise DataFileError(f"{path} is no ONNX model: it has no nodes")
    _require_known_operators(path, model)
    has_more = bool(tuple(_external(path, model)))
    # Outputs without a shape are against the rules, and every runtime takes them.
    shapeless = [each for each in model.graph.output if not each.type.tensor_type.HasField("shape")]
    for each in shapeless:
        each.type.tensor_type.shape.SetInParent()
    try:
        # A model in memory would look for its weights in the current folder.
        onnx.checker.check_model(str(path) if has_more else model)
    except Exception as error:
        raise DataFileError(f"{path} is no valid ONNX model: {_first_line(error)}") from error
    for each in shapeless:
        each.type.tensor_type.ClearField("shape")
    return model


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _require_file(path: Path) -> None:
    try:
        status = path.stat()
    except OSError as error:
        raise DataFileError(f"{path}: {error.strerror or error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise DataFileError(f"{path} is not a file")
    if status.st_size > _LARGEST:
        raise DataFileError(
            f"{path} is larger than 2 GiB", hint="export it with its weights in a file beside it"
        )


def _declared(value: ValueInfoProto) -> DeclaredInput:
    from onnx import TensorProto  # noqa: PLC0415

    held = value.type.tensor_type
    element = TensorProto.DataType.Name(held.elem_type)
    shape: tuple[Open, ...] = tuple(
        each.dim_value if each.HasField("dim_value") and each.dim_value > 0 else each.dim_param or None
        for each in held.shape.dim
    )
    return DeclaredInput(value.name, _ELEMENTS.get(element, ""), shape)


def _fed(path: Path, inputs: tuple[DeclaredInput, ...]) -> tuple[DeclaredInput, ...]:
    if not inputs:
        raise DataFileError(f"{path} takes no input")
    for each in inputs:
        if not each.element:
            raise DataFileError(f"{path}: input {each.name!r} is no tensor of numbers that sebench can make")
        if not each.shape:
            raise DataFileError(f"{path} does not say the shape of its input {each.name!r}")
    return inputs


def _require_known_operators(path: Path, model: ModelProto) -> None:
    own = {each.domain for each in model.functions}
    for node in _nodes(model):
        if node.domain not in _DOMAINS | own or (node.domain and node.op_type in _OUTSIDE):
            raise DataFileError(
                f"{path} asks for the operator {node.domain}:{node.op_type}, which no runtime has by itself",
                hint="export it with operators of ONNX alone",
            )


def _nodes(model: ModelProto) -> Iterator[NodeProto]:
    """All nodes, those of functions and of graphs in attributes included."""
    graphs = [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            nodes += graphs.pop().node
        while nodes:
            node = nodes.pop()
            yield node
            graphs += [graph for attribute in node.attribute for graph in _graphs(attribute)]


def _graphs(attribute: AttributeProto) -> Iterable[GraphProto]:
    return (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs)


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor that a model holds or refers to."""
    graphs = [model.graph]
    attributes = [each for function in model.functions for each in function.attribute_proto]
    for node in _nodes(model):
        attributes += node.attribute
        graphs += [graph for attribute in node.attribute for graph in _graphs(attribute)]
    for graph in graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for attribute in attributes:
        yield from (*((attribute.t,) if attribute.HasField("t") else ()), *attribute.tensors)
        if attribute.HasField("sparse_tensor"):
            yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
        for sparse in attribute.sparse_tensors:
            yield from (sparse.values, sparse.indices)


def _external(path: Path, model: ModelProto) -> Iterator[Path]:
    """Files that hold its weights, each inside its folder and long enough."""
    from onnx import TensorProto  # noqa: PLC0415

    sizes: dict[Path, int] = {}
    for tensor in _tensors(model):
        if tensor.data_location != TensorProto.EXTERNAL and not tensor.external_data:
            continue
        told = {each.key: each.value for each in tensor.external_data}
        location = inside(path, told.get("location", ""))
        if location not in sizes:
            sizes[location] = _size(path, location)
            yield location
        try:
            end = int(told.get("offset", 0)) + int(told.get("length", 0))
            is_within = 0 <= int(told.get("offset", 0)) <= end <= sizes[location]
        except ValueError:
            is_within = False
        if not is_within:
            raise DataFileError(f"{path}: {location} is too short for its tensor {tensor.name!r}")


def inside(path: Path, location: str) -> Path:
    """The place of data beside a file, relative to its folder.

    Raises:
        DataFileError: it is outside, links followed.
    """
    relative, foreign = Path(location), PureWindowsPath(location)
    parts = {*relative.parts, *foreign.parts}
    if (
        not location
        or "\0" in location
        or relative.is_absolute()
        or foreign.drive
        or foreign.root
        or ".." in parts
    ):
        raise _outside(path, location)
    folder = path.parent.resolve()
    try:
        is_inside = (folder / relative).resolve().is_relative_to(folder)
    except (OSError, RuntimeError):  # links that go in a circle
        is_inside = False
    if not is_inside:
        raise _outside(path, location)
    return relative


def _outside(path: Path, location: str) -> DataFileError:
    return DataFileError(
        f"{path} keeps weights in {location!r}, outside its folder",
        hint=_BESIDE,
    )


def _size(path: Path, location: Path) -> int:
    try:
        status = (path.parent / location).stat()
    except OSError as error:
        raise DataFileError(f"{path} keeps weights in {location}: {error.strerror or error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise DataFileError(f"{path} keeps weights in {location}, which is not a file")
    return status.st_size


def open_openvino(path: Path) -> ElementTree.Element:
    """An OpenVINO model as it is in its file; weights are not read.

    Raises:
        DataFileError: see `look_into`.
    """
    _require_file(path)
    try:
        text = read_file(path)
        if _NO_XML.search(text):
            raise DataFileError(f"{path} defines entities, as no file of OpenVINO does")
        root = ElementTree.fromstring(text)  # noqa: S314 - there are no entities in it
    except OSError as error:
        raise DataFileError(f"{path}: {error.strerror or error}") from error
    except (ElementTree.ParseError, ValueError, RecursionError, MemoryError) as error:
        raise DataFileError(f"{path} is no OpenVINO model, or not a whole one") from error
    layers = root.findall("./layers/layer")
    if root.tag != "net" or not layers:
        raise DataFileError(f"{path} is no OpenVINO model: it has no layers")
    for layer in layers:
        version = layer.get("version", "")
        if not version.startswith("opset"):
            raise DataFileError(
                f"{path} asks for the operator {version}:{layer.get('type')}, which no runtime has by itself",
                hint="export it with operators of OpenVINO alone",
            )
    return root


def _of_openvino(path: Path) -> ModelFile:
    """OpenVINO's own format: layers in XML, weights in the file of the same name beside it."""
    layers = open_openvino(path).findall("./layers/layer")
    beside = tuple(_own_weights(path)) if any(each.get("type") == "Const" for each in layers) else ()
    inputs = tuple(_parameter(layer) for layer in layers if layer.get("type") == "Parameter")
    return ModelFile(path, _fed(path, inputs), beside)


def _own_weights(path: Path) -> Iterator[Path]:
    weights = inside(path, path.with_suffix(".bin").name)
    _size(path, weights)
    yield weights


def _parameter(layer: ElementTree.Element) -> DeclaredInput:
    data = layer.find("data")
    told = {} if data is None else data.attrib
    sizes = [each.strip() for each in told.get("shape", "").split(",") if each.strip()]
    return DeclaredInput(
        layer.get("name", ""),
        _ELEMENTS.get(told.get("element_type", ""), ""),
        tuple(int(each) if each.isdecimal() and int(each) > 0 else None for each in sizes),
    )
