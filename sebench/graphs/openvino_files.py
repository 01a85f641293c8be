"""OpenVINO's files as graphs: layers in XML, read without OpenVINO and without weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.etree.ElementTree import Element

from sebench.errors import DataFileError
from sebench.graphs.graph import Graph, Node, Shape
from sebench.graphs.model_files import open_openvino
from sebench.graphs.openvino import NAMES, without_groups

_NAMES = {
    **NAMES,
    "BatchNormInference": "BatchNormalization",
    "Clamp": "Clip",
    "Maximum": "Max",
    "Minimum": "Min",
    "PReLU": "PRelu",
    "Power": "Pow",
    "Select": "Where",
    "ShapeOf": "Shape",
    "SoftMax": "Softmax",
    "StridedSlice": "Slice",
    "VariadicSplit": "Split",
}
"""Operations in files that ONNX calls otherwise."""
_GROUPED = "GroupConvolution"
Ends = Mapping[tuple[str, str], str]
"""By layer and port that take a value: the value, named after the layer and port that make it."""


def read_openvino(path: Path) -> Graph:
    """Read an OpenVINO file as a graph.

    Args:
        path: of the XML; the file with the weights need not be there.

    Raises:
        DataFileError: it cannot be read, is no such file, or its layers are out of order.
    """
    root = open_openvino(path)
    ends = {
        (each.get("to-layer", ""), each.get("to-port", "")): _value(
            each.get("from-layer", ""), each.get("from-port", "")
        )
        for each in root.findall("./edges/edge")
    }
    nodes: list[Node] = []
    shapes: dict[str, Shape] = {}
    constants: set[str] = set()
    inputs: list[str] = []
    outputs: list[str] = []
    for layer in root.findall("./layers/layer"):
        kind, number = layer.get("type", ""), layer.get("id", "")
        taken = tuple(ends.get((number, port), "") for port, _ in _ports(layer, "input"))
        if not all(value in shapes for value in taken):
            raise DataFileError(f"{path}: layer {layer.get('name')!r} is out of order")
        made = {_value(number, port): shape for port, shape in _ports(layer, "output")}
        shapes |= made
        if kind == "Const":
            constants.update(made)
        elif kind == "Parameter":
            inputs += made
        elif kind == "Result":
            outputs += taken
        elif made:
            if kind == _GROUPED and len(taken) > 1:
                (shape, *_) = made.values()
                shapes[taken[1]] = without_groups(shapes[taken[1]], len(shape))
            nodes.append(
                Node(
                    name=f"{layer.get('name') or kind} ({number})",
                    op=kind,
                    ops=(_NAMES.get(kind, kind),),
                    inputs=taken,
                    outputs=tuple(made),
                    attributes=MappingProxyType(dict(_attributes(layer))),
                )
            )
    return Graph(
        nodes=tuple(nodes),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        shapes=MappingProxyType(shapes),
        constants=frozenset(constants),
    )


def _value(layer: str, port: str) -> str:
    return f"{layer}:{port}"


def _ports(layer: Element, side: str) -> Iterator[tuple[str, Shape]]:
    """Ports and their shapes; 0 for a size that is open."""
    for port in layer.findall(f"./{side}/port"):
        sizes = [(size.text or "").strip() for size in port.findall("dim")]
        yield port.get("id", ""), tuple(int(size) if size.isdecimal() else 0 for size in sizes)


def _attributes(layer: Element) -> Iterator[tuple[str, Any]]:
    """Those that decide what a layer computes or costs, by the names of ONNX."""
    data = layer.find("data")
    told = {} if data is None else data.attrib
    if kernel := told.get("kernel"):
        yield "kernel_shape", tuple(int(size) for size in kernel.split(",") if size.strip().isdecimal())
    for own, name in (("transpose_a", "transA"), ("transpose_b", "transB")):
        if told.get(own) in ("true", "1"):
            yield name, 1
    if mode := told.get("mode"):
        yield "mode", mode.partition("_")[0]
