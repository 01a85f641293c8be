"""What runtimes say of a network, and the part that each node plays."""

from __future__ import annotations

import json
from itertools import chain

from sebench.graphs.onnx import graph_of
from sebench.profilers.graphs import WATCH, Reading, described
from sebench.profilers.graphs.onnx_runtime import times_of
from sebench.schema import RUNTIMES
from tests.onnx_nets import AXES, SE_WEIGHTS, H, model, node, squeeze_excitation


def event(name: str, us: int, cat: str = "Node") -> dict[str, object]:
    return {"cat": cat, "name": name, "dur": us}


def test_every_runtime_that_has_a_graph_can_be_read() -> None:
    assert {info.name for info in RUNTIMES if info.has_graph} == {*WATCH, "compile"}
    assert {info.name for info in RUNTIMES if info.has_graph and info.is_exported} == set(WATCH)


def test_the_last_runs_of_a_profile_count() -> None:
    runs = [
        [event("conv_kernel_time", us), event("mul_kernel_time", 1), event("model_run", 99, "Session")]
        for us in (500, 7, 8)
    ]
    text = json.dumps([event("session_initialization", 5, "Session"), *chain(*runs)])
    assert times_of(text, 2) == {"conv": (7e-6, 8e-6), "mul": (1e-6, 1e-6)}
    assert times_of(text, 0) == {}


def test_a_node_that_ran_less_often_has_no_times() -> None:
    assert times_of(json.dumps([event("conv_kernel_time", 5)]), 2) == {}


def test_each_node_has_a_part() -> None:
    nodes = [
        node("Conv", "x w", "f"),
        *squeeze_excitation()[:1],
        node("com.microsoft.nchwc:ReorderInput", "s", "i"),
        node("Conv", "i w1 b1", "h"),
        *squeeze_excitation()[2:],
        node("Relu", "y", "z"),
    ]
    known = {"s": (1, 8, 1, 1), "i": (1, 8, 1, 1), "h": (1, H, 1, 1), "r": (1, H, 1, 1)}
    graph = graph_of(model(nodes, SE_WEIGHTS, axes=AXES, outputs=("z",), known=known))
    found = described(Reading(graph, frozenset({"r"}), {"f": (0.5,)}), (2.0,))
    assert [(each.name, each.part) for each in found.nodes] == [
        ("f", "layer"),
        ("s", "squeeze"),
        ("i", "reorder"),
        ("h", "excite"),
        ("e", "excite"),
        ("g", "excite"),
        ("y", "scale"),
        ("z", "other"),
    ]
    assert found.nodes[0].times_s == (0.5,)
    assert found.nodes[0].weight == (8, 8, 1, 1)
    assert (found.idle, found.profiled_steps_s) == (1, (2.0,))
    assert [gate.hidden for gate in found.gates] == [(H,)]
