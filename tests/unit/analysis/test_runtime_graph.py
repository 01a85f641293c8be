"""From the graphs of a pair to what differs; the arithmetic is in the comments."""

import pytest

from sebench.analysis.runtime_graph import conclude_graphs
from sebench.schema import (
    Contrast,
    GraphNode,
    GraphSamples,
    LostFusion,
    ModelSpec,
    Pair,
    RuntimeGraph,
    Workload,
)
from tests.samples import block

PAIR = Pair(baseline=ModelSpec(model="resnet50"), candidate=ModelSpec(model="resnet50", variant="se"))
WORKLOAD = Workload(input_shape=(1, 3, 224, 224), runtime="onnxruntime")
FUSED = ("Conv", "Add", "Relu")


def node(ops, part="other", *, op=None, weight=(), ms=None):
    ops = (ops,) if isinstance(ops, str) else ops
    times_s = () if ms is None else tuple(each / 1e3 for each in ms)
    return GraphNode(
        name="n", op=op or ops[0], ops=ops, part=part, weight=weight, shape=weight, times_s=times_s
    )


def layer(*ops, weight=(8, 8), ms=None):
    return node(ops, "layer", weight=weight, ms=ms)


def graph(*nodes, steps_s=()):
    return RuntimeGraph(nodes=nodes, gates=(), profiled_steps_s=steps_s)


def concluded(plain, candidate, contrast=None):
    return conclude_graphs(
        PAIR, WORKLOAD, GraphSamples(baseline=plain, candidate=candidate, contrast=contrast)
    )


def nodes_of(found):
    return {
        part.part: (part.baseline_nodes, part.candidate_nodes)
        for part in found.parts
        if part.baseline_nodes or part.candidate_nodes
    }


SE = (
    node("ReduceMean", "squeeze"),
    node(("Gemm", "Relu"), "excite", op="FusedGemm"),
    node(("Gemm", "Sigmoid"), "excite", op="FusedGemm"),
    node("Mul", "scale"),
)


def test_an_add_and_a_relu_that_left_a_convolution() -> None:
    plain = graph(layer("Conv", "Relu", weight=(4, 4)), layer(*FUSED), layer(*FUSED))
    split = (layer("Conv"), *SE, node("Add"), node("Relu"))
    found = concluded(plain, graph(layer("Conv", "Relu", weight=(4, 4)), *split, *split))
    assert found.fusions == (LostFusion(was=FUSED, now=(("Conv",), ("Add",), ("Relu",)), times=2),)
    assert nodes_of(found) == {
        "squeeze": (0, 2),
        "excite": (0, 4),
        "scale": (0, 2),
        "fusion": (0, 4),
        "layer": (3, 3),
    }
    assert (found.baseline_nodes, found.candidate_nodes) == (3, 15)


def test_nodes_that_both_networks_have_are_not_split_off() -> None:
    plain = graph(layer(*FUSED), node("Relu"), node("MaxPool"))
    found = concluded(plain, graph(layer("Conv"), node("Add"), node("Relu"), node("Relu"), node("MaxPool")))
    # Which of the two ReLUs is the new one cannot be told: both are listed, one more than before.
    assert nodes_of(found) == {"fusion": (1, 3), "layer": (1, 1), "other": (1, 1)}


def test_what_a_gate_does_besides_is_where_a_fusion_went() -> None:
    held = node(("Mul", "Add", "Relu"), "scale", op="Subgraph")
    found = concluded(graph(layer(*FUSED)), graph(layer("Conv"), held))
    assert found.fusions == (LostFusion(was=FUSED, now=(("Conv",), ("Mul", "Add", "Relu")), times=1),)


def test_what_another_layer_does_now_is_not_lost() -> None:
    """Where there is a projection, its convolution can hold the add as well."""
    plain = graph(layer(*FUSED), layer("Conv", weight=(2, 2)))
    found = concluded(plain, graph(layer("Conv"), *SE, layer(*FUSED, weight=(2, 2))))
    assert found.fusions == ()


def test_what_is_nowhere_else_is_said_alone() -> None:
    found = concluded(graph(layer(*FUSED)), graph(layer("Conv", "Add")))
    assert found.fusions == (LostFusion(was=FUSED, now=(("Conv", "Add"),), times=1),)


def test_layers_whose_shape_is_in_one_network_alone_are_no_fusion() -> None:
    found = concluded(graph(layer(*FUSED)), graph(layer("Conv"), layer("Conv"), node("Add")))
    assert found.fusions == ()
    assert nodes_of(found) == {"layer": (1, 2), "other": (0, 1)}


def test_reorders_are_counted_wherever_they_are() -> None:
    reorder = node("Reorder", "reorder", op="ReorderOutput")
    assert nodes_of(concluded(graph(reorder), graph(reorder, reorder, reorder))) == {"reorder": (1, 3)}


def test_times_add_up() -> None:
    plain = graph(
        layer(*FUSED, ms=(5, 5, 5)), layer("Conv", "Relu", weight=(4, 4), ms=(3, 3, 3)), steps_s=(0.010,)
    )
    candidate = graph(
        layer("Conv", ms=(4, 4, 9)),  # the median is 4
        layer("Conv", "Relu", weight=(4, 4), ms=(3.5, 3.5, 3.5)),
        node("ReduceMean", "squeeze", ms=(1, 1, 1)),
        node("Gemm", "excite", ms=(0.25, 0.25, 0.25)),
        node("Mul", "scale", ms=(2, 2, 2)),
        node("Reorder", "reorder", ms=(0.75, 0.75, 0.75)),
        node("Add", ms=(1.5, 1.5, 1.5)),
        node("Relu", ms=(0.5, 0.5, 0.5)),
        steps_s=(0.018,),
    )
    found = concluded(plain, candidate, Contrast(name="plain", blocks=(block(0.009, 0.015),) * 6))
    more = {part.part: round(1e3 * part.difference_s, 6) for part in found.parts}
    assert more == {
        "squeeze": 1.0,
        "excite": 0.25,
        "scale": 2.0,
        "reorder": 0.75,
        "fusion": 1.0,  # add 1.5, ReLU 0.5, and a convolution that takes 4 instead of 5
        "layer": 0.5,
        "other": 0.0,
    }
    # 4 + 3.5 + 1 + 0.25 + 2 + 0.75 + 1.5 + 0.5 - (5 + 3)
    assert found.explained_s == pytest.approx(5.5e-3)
    assert found.measured_difference.estimate == pytest.approx(6e-3)
    assert found.unexplained_s == pytest.approx(0.5e-3)
    assert found.inflation_ratio == pytest.approx(18 / 15)
    assert found.step_s == pytest.approx((0.009, 0.015))


def test_one_of_several_equal_layers_changed() -> None:
    """Which of them it is cannot be told, so it counts as their mean."""
    plain = graph(layer(*FUSED, ms=(6,)), layer("Conv", ms=(4,)), steps_s=(1.0,))
    candidate = graph(layer("Conv", ms=(3,)), layer("Conv", ms=(5,)), node("Add", ms=(1,)), steps_s=(1.0,))
    parts = {part.part: part for part in concluded(plain, candidate).parts}
    assert parts["fusion"].baseline_s == pytest.approx(6e-3)
    assert parts["fusion"].candidate_s == pytest.approx(4e-3 + 1e-3)  # the mean of 3 and 5, and the add
    assert parts["layer"].difference_s == pytest.approx(0)  # 4 before, 3 + 5 - 4 now


def test_without_times_there_are_none() -> None:
    found = concluded(graph(layer(*FUSED)), graph(layer("Conv"), *SE))
    assert {part.difference_s for part in found.parts} == {None}
    assert (found.explained_s, found.unexplained_s, found.inflation_ratio) == (None, None, None)
    assert found.findings == ()


def test_layers_that_differ_by_more_than_attention_are_a_finding() -> None:
    plain = graph(layer("Conv", ms=(5,)), steps_s=(0.005,))
    candidate = graph(layer("Conv", ms=(2,)), node("Mul", "scale", ms=(1,)), steps_s=(0.005,))
    (finding,) = concluded(plain, candidate).findings
    assert finding.code == "layers-differ"
    assert (
        "differ by -3.00 ms in the runtime's profile, and all that attention adds is +1.00 ms"
        in finding.message
    )


def test_a_profiler_that_slows_the_step_down_is_a_finding() -> None:
    timed = graph(layer("Conv", ms=(1,)), steps_s=(0.002,))
    found = concluded(timed, timed, Contrast(name="plain", blocks=(block(0.001, 0.001),) * 6))
    (finding,) = found.findings
    assert finding.message == "the runtime's profiler makes the step 100 % slower"
