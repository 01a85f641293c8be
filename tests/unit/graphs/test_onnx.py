"""ONNX files that are read, and those that are refused in one line."""

from __future__ import annotations

import onnx
import pytest

from sebench.errors import DataFileError
from sebench.graphs.onnx import graph_of, read_onnx
from tests.onnx_nets import AXES, SE_WEIGHTS, C, model, node, squeeze_excitation

CONV = node("Conv", "x w", "f")


def test_a_file(tmp_path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(model([CONV, *squeeze_excitation()], SE_WEIGHTS, axes=AXES), path)
    graph = read_onnx(path)
    assert [each.op for each in graph.nodes] == [
        "Conv",
        "ReduceMean",
        "Conv",
        "Relu",
        "Conv",
        "Sigmoid",
        "Mul",
    ]
    assert graph.inputs == ("x",)
    assert graph.shape("s") == (1, C, 1, 1)
    assert graph.constants == {*SE_WEIGHTS, "axes"}


def test_open_sizes_are_filled_in(tmp_path) -> None:
    held = model([CONV], SE_WEIGHTS, inputs={"x": ("batch", C, "height", "width")}, outputs=("f",))
    assert graph_of(held).shape("f") == (0, C, 0, 0)
    assert graph_of(held, {"x": (2, C, 5, 5)}).shape("f") == (2, C, 5, 5)
    with pytest.raises(DataFileError, match="no input 'z'; it has x"):
        graph_of(held, {"z": (1,)})


def test_nodes_without_names_or_with_one_name_are_told_apart() -> None:
    nodes = [CONV, node("Relu", "f", "a", name="same"), node("Relu", "a", "y", name="same")]
    assert [each.name for each in graph_of(model(nodes, SE_WEIGHTS)).nodes] == ["f", "same", "y"]


def test_a_constant_is_no_node() -> None:
    value = onnx.helper.make_tensor("", onnx.TensorProto.INT64, [2], [2, 3])
    nodes = [node("Constant", "", "axes", value=value), node("ReduceMean", "x axes", "y", keepdims=0)]
    graph = graph_of(model(nodes, {}))
    assert [each.op for each in graph.nodes] == ["ReduceMean"]
    assert graph.shape("y") == (1, C)


def test_functions_are_read_as_what_they_do() -> None:
    held = model([node("own:Half", "x", "y")], {})
    body = [node("Relu", "a", "b")]
    opsets = [onnx.helper.make_opsetid("", 20)]
    held.functions.append(onnx.helper.make_function("own", "Half", ["a"], ["b"], body, opsets))
    held.opset_import.append(onnx.helper.make_opsetid("own", 1))
    assert [each.op for each in graph_of(held).nodes] == ["Relu"]


def test_what_onnx_runtime_holds_in_one_node() -> None:
    nodes = [
        node("com.microsoft.nchwc:Conv", "x w - x", "a", activation="Relu", pads=[0, 0, 0, 0]),
        node("com.microsoft.nchwc:MaxPool", "a", "b", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("com.microsoft.nchwc:GlobalAveragePool", "b", "c"),
        node("com.microsoft:FusedGemm", "v w", "y", activation="Sigmoid"),
    ]
    graph = graph_of(model(nodes, SE_WEIGHTS, inputs={"x": (1, C, 7, 7), "v": (1, C)}))
    assert [each.ops for each in graph.nodes] == [
        ("Conv", "Add", "Relu"),
        ("MaxPool",),
        ("GlobalAveragePool",),
        ("Gemm", "Sigmoid"),
    ]
    assert [graph.shape(value) for value in "abc"] == [(1, C, 7, 7), (1, C, 4, 4), (1, C, 1, 1)]


def refused(path) -> str:
    with pytest.raises(DataFileError) as caught:
        read_onnx(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_what_is_no_model(tmp_path) -> None:
    assert "No such file" in refused(tmp_path / "absent.onnx")
    assert "is no ONNX model" in refused(_file(tmp_path, b""))
    assert "is no ONNX model" in refused(_file(tmp_path, b"a text\n"))
    whole = model([CONV, *squeeze_excitation()], SE_WEIGHTS, axes=AXES).SerializeToString()
    assert "is no ONNX model" in refused(_file(tmp_path, whole[:-7]))


def _file(folder, content: bytes):
    path = folder / "net.onnx"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("nodes", "about"),
    [
        ([node("Relu", "later", "y"), node("Relu", "x", "later")], "'y' of the ONNX graph is out of order"),
        ([node("Relu", "x", "y"), node("Relu", "x", "y")], "out of order"),
        ([node("Relu", "y", "y")], "out of order"),
    ],
)
def test_what_is_in_no_order(nodes, about) -> None:
    with pytest.raises(DataFileError, match=about):
        graph_of(model(nodes, {}))


def test_a_graph_without_an_input() -> None:
    with pytest.raises(DataFileError, match="takes no input"):
        graph_of(model([node("Relu", "w", "y")], SE_WEIGHTS, inputs={}))


def test_windows_that_make_no_sense_have_no_shape() -> None:
    nodes = [node("com.microsoft.nchwc:MaxPool", "x", "y", kernel_shape=[3], strides=[0, 0])]
    assert graph_of(model(nodes, {})).shape("y") in ((), (1, C, 0, 0))


def test_attributes_of_another_kind_are_left_out() -> None:
    nodes = [
        node("com.microsoft.nchwc:MaxPool", "x", "a", kernel_shape=3, strides="two", pads=1),
        node("com.microsoft.nchwc:ReorderOutput", "a", "y", channels="all"),
    ]
    graph = graph_of(model(nodes, {}))
    assert [dict(each.attributes) for each in graph.nodes] == [{}, {}]
    assert graph.shape("y") == (1, C, 0, 0)
