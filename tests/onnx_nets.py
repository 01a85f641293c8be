"""Small ONNX graphs, written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx
from onnx import TensorProto, helper

C, H, SIZE = 8, 2, 4


def model(
    nodes: Sequence[onnx.NodeProto],
    weights: Mapping[str, Sequence[int]],
    *,
    inputs: Mapping[str, Sequence[int | str]] | None = None,
    axes: Mapping[str, Sequence[int]] | None = None,
    outputs: Sequence[str] = ("y",),
    known: Mapping[str, Sequence[int]] | None = None,
) -> onnx.ModelProto:
    """A model whose weights are zeros.

    Args:
        nodes: in order.
        weights: shapes by name.
        inputs: shapes by name; one map of C channels and SIZE x SIZE positions, if None.
        axes: constants of int64 by name.
        outputs: names.
        known: shapes of values between, by name.
    """
    given = {"x": (1, C, SIZE, SIZE)} if inputs is None else inputs
    floats = TensorProto.FLOAT
    held = [
        helper.make_tensor(name, floats, shape, b"\0" * 4 * _elements(shape), raw=True)
        for name, shape in weights.items()
    ]
    held += [
        helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
        for name, values in (axes or {}).items()
    ]
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info(name, floats, shape) for name, shape in given.items()],
        [helper.make_tensor_value_info(name, floats, None) for name in outputs],
        held,
        value_info=[
            helper.make_tensor_value_info(name, floats, shape) for name, shape in (known or {}).items()
        ],
    )
    own = [helper.make_opsetid(domain, 1) for domain in ("com.microsoft", "com.microsoft.nchwc")]
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), *own])


def _elements(shape: Sequence[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def node(op: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    """A node of one output; inputs are separated by blanks, ``-`` is one that is left out."""
    domain, _, name = op.rpartition(":")
    taken = ["" if each == "-" else each for each in inputs.split()]
    return helper.make_node(name, taken, [output], domain=domain, **attributes)


def convolution(channels: int, width: int) -> onnx.ModelProto:
    """One of 3 x 3 with a bias, for any batch and image."""
    weights = {"w": (width, channels, 3, 3), "b": (width,)}
    return model([node("Conv", "x w b", "y")], weights, inputs={"x": ("batch", channels, "height", "width")})


AXES = {"axes": (2, 3)}
SE_WEIGHTS = {"w": (C, C, 1, 1), "w1": (H, C, 1, 1), "b1": (H,), "w2": (C, H, 1, 1), "b2": (C,)}


def squeeze_excitation(feature: str = "f") -> list[onnx.NodeProto]:
    """SE by 1x1 convolutions on a feature map, whose gate is ``g`` and whose product is ``y``."""
    return [
        node("ReduceMean", f"{feature} axes", "s", keepdims=1),
        node("Conv", "s w1 b1", "h"),
        node("Relu", "h", "r"),
        node("Conv", "r w2 b2", "e"),
        node("Sigmoid", "e", "g"),
        node("Mul", f"{feature} g", "y"),
    ]
