"""Which products of an ONNX graph are gates: graphs written by hand."""

from __future__ import annotations

import onnx
import pytest

from sebench.graphs import count, find_gates
from sebench.graphs.onnx import graph_of
from tests.onnx_nets import AXES, SE_WEIGHTS, C, H, model, node, squeeze_excitation

CONV = node("Conv", "x w", "f")


def gates_of(nodes, weights=None, **given):
    return find_gates(graph_of(model(nodes, {**SE_WEIGHTS, **(weights or {})}, axes=AXES, **given)))


def test_se_by_convolutions() -> None:
    (gate,) = gates_of([CONV, *squeeze_excitation()])
    assert gate.squeeze == ("s",)
    assert gate.excite == ("h", "r", "e", "g")
    assert gate.scale == ("y",)
    assert (gate.channels, gate.hidden, gate.reduction, gate.gate) == (C, (H,), "mean", "Sigmoid")
    assert (gate.feature, gate.stage) == ("f", "stride 1")


def test_se_by_matrix_products() -> None:
    (gate,) = gates_of(
        [
            node("ReduceMean", "x axes", "s", keepdims=0),
            node("Gemm", "s v1 b1", "h", transB=1),
            node("Relu", "h", "r"),
            node("MatMul", "r v2", "e"),
            node("HardSigmoid", "e", "g"),
            node("Unsqueeze", "g axes", "u"),
            node("Mul", "u x", "y"),
        ],
        {"v1": (H, C), "v2": (H, C)},
    )
    assert gate.excite == ("h", "r", "e", "g", "u")
    assert (gate.hidden, gate.gate) == ((H,), "HardSigmoid")


@pytest.mark.parametrize("pooling", ["GlobalAveragePool", "GlobalMaxPool", "AveragePool"])
def test_global_pooling_is_a_squeeze(pooling: str) -> None:
    window = {"kernel_shape": [4, 4]} if pooling == "AveragePool" else {}
    nodes = [CONV, node(pooling, "f", "s", **window), *squeeze_excitation()[1:]]
    (gate,) = gates_of(nodes)
    assert gate.reduction == ("max" if pooling == "GlobalMaxPool" else "mean")


def test_a_batch_of_any_size_is_no_obstacle() -> None:
    (gate,) = gates_of([CONV, *squeeze_excitation()], inputs={"x": ("batch", C, 4, 4)})
    assert gate.channels == C


def test_values_that_are_written_out_belong_to_the_scale() -> None:
    nodes = [*squeeze_excitation()[:-1], node("Expand", "g size", "l"), node("Mul", "f l", "y")]
    graph = graph_of(model([CONV, *nodes], SE_WEIGHTS, axes={**AXES, "size": (1, C, 4, 4)}))
    (gate,) = find_gates(graph)
    assert gate.scale == ("l", "y")
    assert gate.excite == ("h", "r", "e", "g")


def test_two_reductions_through_one_perceptron() -> None:
    nodes = [
        node("ReduceMean", "x axes", "s", keepdims=1),
        node("ReduceMax", "x axes", "t", keepdims=1),
        node("Conv", "s w1", "h"),
        node("Conv", "t w1", "k"),
        node("Add", "h k", "a"),
        node("Conv", "a w2", "e"),
        node("Sigmoid", "e", "g"),
        node("Mul", "x g", "y"),
    ]
    (gate,) = gates_of(nodes)
    assert (gate.squeeze, gate.reduction, gate.hidden) == (("s", "t"), "mean+max", (H, H))


NOT_GATES = {
    "SiLU": [CONV, node("Sigmoid", "f", "g"), node("Mul", "f g", "y")],
    "a layer scale": [CONV, node("Mul", "f scale", "y")],
    "no layer between": [
        CONV,
        node("ReduceMean", "f axes", "s", keepdims=1),
        node("Sigmoid", "s", "g"),
        node("Mul", "f g", "y"),
    ],
    "values with an extent": [
        CONV,
        node("Conv", "x w", "e"),
        node("Sigmoid", "e", "g"),
        node("Mul", "f g", "y"),
    ],
    "one value for all channels": [
        CONV,
        node("ReduceMean", "f axes", "s", keepdims=1),
        node("Conv", "s one", "g"),
        node("Mul", "f g", "y"),
    ],
    "added": [*[CONV, *squeeze_excitation()[:-1]], node("Add", "f g", "y")],
}


@pytest.mark.parametrize("name", NOT_GATES)
def test_what_is_no_gate(name: str) -> None:
    assert gates_of(NOT_GATES[name], {"scale": (1, C, 1, 1), "one": (1, C, 1, 1)}) == ()


def test_nodes_that_gates_share_are_the_first_ones() -> None:
    nodes = [CONV, *squeeze_excitation(), node("Mul", "y g", "z")]
    first, second = gates_of(nodes, outputs=("z",))
    assert (first.squeeze, first.scale) == (("s",), ("y",))
    assert (second.squeeze, second.excite, second.scale) == ((), (), ("z",))
    assert second.hidden == (H,)


def test_the_nodes_of_onnx_runtime() -> None:
    """As it leaves SE by convolutions: blocked layouts, and activations in convolutions."""
    nodes = [
        node("com.microsoft.nchwc:Conv", "x w", "blocked"),
        node("com.microsoft.nchwc:ReorderOutput", "blocked", "f", channels=C),
        node("ReduceMean", "f axes", "s", keepdims=1),
        node("com.microsoft.nchwc:ReorderInput", "s", "i"),
        node("com.microsoft.nchwc:Conv", "i w1 b1", "r", activation="Relu"),
        node("com.microsoft.nchwc:Conv", "r w2 b2", "o", activation="Sigmoid"),
        node("com.microsoft.nchwc:ReorderOutput", "o", "g", channels=C),
        node("Mul", "f g", "y"),
    ]
    (gate,) = gates_of(nodes, known={"f": (1, C, 4, 4), "g": (1, C, 1, 1), "s": (1, C, 1, 1)})
    assert gate.excite == ("i", "r", "o", "g")
    assert (gate.gate, gate.hidden, gate.channels) == ("Sigmoid", (H,), C)


def test_counts_by_node() -> None:
    graph = graph_of(model([CONV, *squeeze_excitation()], SE_WEIGHTS, axes=AXES))
    cost = count(graph)
    # 8 x 8 at 16 positions; two layers of 8 x 2 at one.
    assert [node.macs for node in cost.nodes] == [8 * 8 * 16, 8 * 2, 2 * 8]
    assert [node.params for node in cost.nodes] == [8 * 8, 8 * 2 + 2, 2 * 8 + 8]
    assert (cost.macs, cost.params, cost.uncounted) == (1056, 64 + 18 + 24, ())


def test_counts_of_other_layers() -> None:
    nodes = [
        node("Conv", "x grouped", "a", group=4, pads=[1, 1, 1, 1], strides=[2, 2]),
        node("ConvTranspose", "a up", "b", strides=[2, 2]),
        node("Flatten", "b", "c"),
        node("Gemm", "c v bias", "d"),
        node("MatMul", "d m", "e"),
        node("Add", "e bias2", "f"),
        node("Mul", "f two", "y"),
    ]
    weights = {"grouped": (8, 2, 3, 3), "up": (8, 3, 2, 2), "v": (48, 5), "bias": (5,), "m": (5, 7)}
    cost = count(graph_of(model(nodes, {**weights, "bias2": (7,), "two": (1,)})))
    assert {each.name: (each.macs, each.params) for each in cost.nodes} == {
        "a": (8 * 2 * 2 * (2 * 9), 8 * 2 * 9),  # 2 x 2 positions, 2 channels in a group
        "b": (8 * 2 * 2 * (3 * 4), 8 * 3 * 4),  # each of 8 x 2 x 2 values goes to 3 x 2 x 2
        "d": (48 * 5, 48 * 5 + 5),
        "e": (5 * 7, 5 * 7),
        "f": (0, 7),
    }


def test_what_has_no_formula_is_listed() -> None:
    nodes = [node("Einsum", "x x", "y", equation="abcd,abcd->ab")]
    assert count(graph_of(model(nodes, {}))).uncounted == (("Einsum", 1),)


def test_shared_weights_count_once() -> None:
    nodes = [CONV, node("Conv", "f w", "y")]
    cost = count(graph_of(model(nodes, SE_WEIGHTS)))
    assert [each.params for each in cost.nodes] == [64, 0]
    assert cost.macs == 2 * 1024


def test_weights_of_integers_are_read_behind_their_scales() -> None:
    nodes = [node("DequantizeLinear", "w sw", "wf"), node("Conv", "x wf", "y")]
    held = model(nodes, {"sw": ()})
    held.graph.initializer.append(
        onnx.helper.make_tensor("w", onnx.TensorProto.INT8, (C, C, 1, 1), b"\0" * 64, raw=True)
    )
    (cost,) = count(graph_of(held)).nodes
    assert (cost.macs, cost.params) == (1024, 64)
