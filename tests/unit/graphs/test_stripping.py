"""Attention taken out of ONNX graphs: what goes, what stays, and the graph with every gate at one."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from sebench.graphs.stripping import strip
from sebench.graphs.work import work_of
from tests.onnx_nets import AXES, SE_WEIGHTS, C, H, model, node, squeeze_excitation

X = np.arange(C * 16, dtype="float32").reshape(1, C, 4, 4) - 60


def outputs(made):
    return ReferenceEvaluator(made).run(None, {"x": X})


def ops(made):
    return [each.op_type for each in made.graph.node]


def test_the_product_becomes_the_feature_map_and_what_fed_the_gate_goes():
    net = model(
        [node("Relu", "x", "f"), *squeeze_excitation(), node("Neg", "y", "z")],
        SE_WEIGHTS,
        axes=AXES,
        outputs=["z"],
    )
    before = net.SerializeToString()
    found = strip(net, {})
    assert net.SerializeToString() == before
    assert ops(found.model) == ["Relu", "Neg"]
    assert [each.name for each in found.model.graph.initializer] == ["w"]  # nobody takes it, as before
    (stripped,) = outputs(found.model)
    assert (stripped == -np.maximum(X, 0)).all()
    # All weights are zeros, so that each gate is sigmoid(0).
    assert (outputs(net)[0] == stripped / 2).all()
    assert (outputs(found.at_one)[0] == stripped).all()


def test_two_gates_in_a_row_and_a_product_that_is_an_output():
    second = [
        node("ReduceMean", "y axes", "s2", keepdims=1),
        node("Conv", "s2 w", "e2"),
        node("Sigmoid", "e2", "g2"),
        node("Mul", "y g2", "out"),
    ]
    net = model(
        [node("Relu", "x", "f"), *squeeze_excitation(), *second], SE_WEIGHTS, axes=AXES, outputs=["out"]
    )
    found = strip(net, {})
    assert len(found.gates) == 2
    assert ops(found.model) == ["Relu", "Identity"]  # the name of an output stays
    assert (outputs(found.model)[0] == np.maximum(X, 0)).all()
    assert (outputs(found.at_one)[0] == np.maximum(X, 0)).all()


def test_what_something_else_takes_stays():
    net = model([*squeeze_excitation("x"), node("Neg", "g", "n")], SE_WEIGHTS, axes=AXES, outputs=["y", "n"])
    found = strip(net, {})
    assert "Sigmoid" in ops(found.model)
    # The other output tells the two apart: the gate, 1/2, and the one that it was set to.
    assert outputs(found.model)[1].max() == -0.5
    assert outputs(found.at_one)[1].max() == -1


def test_without_a_gate_nothing_changes():
    net = model([node("Relu", "x", "y")], {})
    found = strip(net, {})
    assert found.gates == ()
    assert ops(found.model) == ["Relu"]


def test_work_is_the_arithmetic_of_each_node():
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "f"), *squeeze_excitation(), node("Add", "y x", "z")]
    work = work_of(strip(model(nodes, SE_WEIGHTS, axes=AXES, outputs=["z"]), {}).before)
    cells = C * 4 * 4  # 128 values of the map
    assert [(each.node.op, each.macs, each.flops) for each in work.nodes] == [
        ("Conv", cells * C, 2 * cells * C),  # no bias
        ("Relu", 0, cells),
        ("ReduceMean", 0, cells + C),  # an add for each input, a division for each output
        ("Conv", C * H, 2 * C * H + H),  # with bias
        ("Relu", 0, H),
        ("Conv", C * H, 2 * C * H + C),
        ("Sigmoid", 0, C),
        ("Mul", 0, cells),
        ("Add", 0, cells),
    ]
    assert work.uncounted == ()
    assert work.params == C * C + (C * H + H) + (C * H + C)
    assert [each.residual for each in work.nodes] == [0] * 8 + [cells]
    assert [each.squeezed for each in work.nodes if each.squeezed] == [cells]
    (mul,) = [each for each in work.nodes if each.node.op == "Mul"]
    assert (mul.read, mul.written) == (cells + C, cells)


@pytest.mark.parametrize(
    ("op", "attributes", "flops"),
    [
        ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}, 32 * 4),  # 32 windows of four
        ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}, 32 * 5),
        ("GlobalAveragePool", {}, 128 + 8),
        ("Softmax", {"axis": 1}, 5 * 128),
        ("HardSwish", {}, 128),
        ("Identity", {}, None),  # a view
    ],
)
def test_flops_of_other_operators(op, attributes, flops):
    work = work_of(strip(model([node(op, "x", "y", **attributes)], {}), {}).before)
    assert [each.flops for each in work.nodes] == ([] if flops is None else [flops])
    assert work.uncounted == ()


def test_of_two_nodes_of_a_kind_only_that_of_unknown_shapes_is_in_no_total():
    nodes = [node("Unique", "x", "u"), node("Conv", "u w", "e"), node("Conv", "x w", "y")]
    work = work_of(strip(model(nodes, SE_WEIGHTS, outputs=["e", "y"]), {}).before)
    assert work.uncounted == (("Conv", 1), ("Unique", 1))
    # C outputs at 4 x 4 positions, a sum over C channels each.
    assert [each.macs for each in work.nodes] == [C * 16 * C]


def test_an_operator_without_a_formula_is_in_no_total():
    work = work_of(strip(model([node("Det", "x", "d"), node("Relu", "x", "y")], {}), {}).before)
    assert work.uncounted == (("Det", 1),)
    assert [each.node.op for each in work.nodes] == ["Relu"]
