"""The runtime model of OpenVINO as a graph; what is fused depends on the processor, gates do not."""

from __future__ import annotations

import numpy as np
import pytest

from sebench.graphs import find_gates
from sebench.graphs.openvino import graph_of, operations_of
from sebench.profilers.runtimes.openvino_core import openvino_core

openvino = pytest.importorskip("openvino")
C, H = 16, 4


def squeeze_excitation(feature):
    """By 1x1 convolutions, with an add and a ReLU behind."""
    from openvino import opset13 as ops

    def constant(*shape):
        return ops.constant(np.ones(shape, np.float32))

    pooled = ops.reduce_mean(feature, ops.constant(np.array([2, 3])), keep_dims=True)
    hidden = ops.relu(ops.convolution(pooled, constant(H, C, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1]))
    gate = ops.sigmoid(ops.convolution(hidden, constant(C, H, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1]))
    return ops.multiply(feature, gate)


@pytest.fixture(scope="module")
def compiled():
    from openvino import opset13 as ops

    given = ops.parameter([1, C, 8, 8], np.float32, name="x")
    weight = ops.constant(np.ones((2, C // 2, C // 2, 3, 3), np.float32))
    feature = ops.group_convolution(given, weight, [1, 1], [1, 1], [1, 1], [1, 1])
    feature = ops.add(feature, ops.constant(np.ones((1, C, 1, 1), np.float32)))
    model = openvino.Model([ops.relu(ops.add(squeeze_excitation(feature), given))], [given])
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "PERF_COUNT": True}
    network = openvino_core().compile_model(model, "CPU", settings)
    network.create_infer_request().infer({0: np.zeros((1, C, 8, 8), np.float32)})
    return graph_of(network, operations_of(model))


def test_the_gate(compiled) -> None:
    graph, _ = compiled
    (gate,) = find_gates(graph)
    assert (gate.channels, gate.hidden, gate.reduction, gate.gate) == (C, (H,), "mean", "Sigmoid")
    assert len(gate.squeeze) == 1
    (scale,) = [node for node in graph.nodes if node.name == gate.scale[-1]]
    assert "Mul" in scale.ops


def test_nodes_say_what_they_are_made_of(compiled) -> None:
    graph, idle = compiled
    done = [op for node in graph.nodes if node.name not in idle for op in node.ops if op != "Reorder"]
    assert sorted(set(done)) == ["Add", "Conv", "Mul", "ReduceMean", "Relu", "Sigmoid"]
    assert done.count("Conv") == 3
    assert done.count("Add") == 1  # the other one is a bias


def test_weights_of_groups_have_the_shape_that_onnx_gives_them(compiled) -> None:
    graph, _ = compiled
    grouped = next(node for node in graph.nodes if "Conv" in node.ops)
    assert graph.shape(grouped.inputs[1]) == (C, C // 2, 3, 3)
