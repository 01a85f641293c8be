"""Graphs of runtimes as people and programs read them."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from sebench.reporting.formats import render
from sebench.reporting.runtime_graph import graph_document, graph_json
from sebench.schema import (
    GraphComparison,
    GraphPart,
    Interval,
    LostFusion,
    ModelSpec,
    NodeKind,
    Pair,
    Workload,
)

PAIR = Pair(baseline=ModelSpec(model="resnet50"), candidate=ModelSpec(model="resnet50", variant="se"))
FUSED = ("Conv", "Add", "Relu")


def part(name, baseline, candidate, baseline_s=None, candidate_s=None):
    return GraphPart(
        part=name,
        baseline_nodes=baseline,
        candidate_nodes=candidate,
        baseline_s=baseline_s,
        candidate_s=candidate_s,
    )


STRUCTURE = GraphComparison(
    pair=PAIR,
    workload=Workload(input_shape=(1, 3, 224, 224), runtime="onnxruntime"),
    baseline_nodes=58,
    candidate_nodes=106,
    parts=(part("scale", 0, 16), part("fusion", 0, 32), part("layer", 58, 58), part("other", 0, 0)),
    kinds=(
        NodeKind(
            part="layer",
            op="com.microsoft.nchwc:Conv",
            ops=FUSED,
            baseline_nodes=16,
            candidate_nodes=0,
            baseline_s=None,
            candidate_s=None,
        ),
    ),
    fusions=(LostFusion(was=FUSED, now=(("Conv",), ("Add",), ("Relu",)), times=16),),
    gates=(),
)
TIMED = replace(
    STRUCTURE,
    parts=(part("scale", 0, 16, 0.0, 0.004), part("layer", 58, 58, 0.050, 0.049)),
    step_s=(0.050, 0.056),
    profiled_step_s=(0.052, 0.070),
    measured_difference=Interval(estimate=0.006, ci_low=0.005, ci_high=0.007),
    measured_ratio=Interval(estimate=1.12, ci_low=1.1, ci_high=1.14),
    blocks=12,
)


def text_of(*found):
    return render(graph_document(found), "table")


def lines_with(text, *words):
    return [" ".join(line.split()) for line in text.splitlines() if all(word in line for word in words)]


def test_structure_alone() -> None:
    text = text_of(STRUCTURE)
    assert "SE in resnet50: onnxruntime runs 106 nodes instead of 58" in text
    assert "Fusion lost: Conv + Add + Relu was one node, is 3 (Conv, Add, Relu): 16 times" in text
    assert lines_with(text, "fusion ", "32")[0] == "fusion 0 32 +32"
    assert lines_with(text, "all nodes") == ["all nodes 58 106 +48"]
    assert lines_with(text, "Conv (Conv + Add + Relu)") == ["layer Conv (Conv + Add + Relu) 16 0"]
    assert "ms" not in text.replace("terms", "")


def test_times_are_reconciled_with_the_measured_difference() -> None:
    text = " ".join(text_of(TIMED).split())
    # 4 - 1 of the nodes, 6 measured: 3 are left; 70 with the profiler, 56 without
    assert (
        "Nodes explain +3.00 ms of the difference; measured +6.00 [5.00, 7.00] ms in 12 paired blocks;"
        in text
    )
    assert "+3.00 ms are unexplained." in text
    assert "a step took 1.25 times as long as without it" in text
    assert "unexplained +3.000" in text
    assert "scale 0 16 +16 0.000 4.000 +4.000" in text


def test_several_pairs_have_a_section_each() -> None:
    text = text_of(STRUCTURE, TIMED)
    assert "Graphs of 2 pairs" in text
    assert text.count("resnet50 se in onnxruntime: its graph") == 2


def test_a_fusion_that_is_lost_once_or_twice() -> None:
    lost = [LostFusion(was=FUSED, now=(("Conv", "Add"),), times=times) for times in (1, 2)]
    text = text_of(replace(STRUCTURE, fusions=tuple(lost)))
    assert "Conv + Add + Relu was one node, is Conv + Add alone: once" in text
    assert "Conv + Add + Relu was one node, is Conv + Add alone: twice" in text


@pytest.mark.parametrize("name", ["markdown", "csv", "latex", "html"])
def test_every_format_has_the_parts(name) -> None:
    text = render(graph_document([STRUCTURE, TIMED]), name)
    assert "fusion" in text
    assert "Conv + Add + Relu" in text


def test_the_json_document() -> None:
    (entry,) = json.loads(graph_json([TIMED]))["graphs"]
    assert (entry["model"], entry["variant"], entry["baseline"]) == ("resnet50", "se", "plain")
    assert entry["parts"][0] == {
        "part": "scale",
        "baseline_nodes": 0,
        "candidate_nodes": 16,
        "baseline_s": 0.0,
        "candidate_s": 0.004,
        "difference_s": 0.004,
    }
    assert entry["fusions"] == [{"was": list(FUSED), "now": [["Conv"], ["Add"], ["Relu"]], "times": 16}]
    assert entry["reason"] is None
    assert round(entry["unexplained_s"], 9) == 0.003


def test_what_is_not_known_is_null_with_a_reason() -> None:
    (entry,) = json.loads(graph_json([STRUCTURE]))["graphs"]
    assert entry["reason"] == "only the structure was read"
    assert (entry["step_s"], entry["measured_difference_s"], entry["parts"][0]["difference_s"]) == (None,) * 3
    compiled = replace(TIMED, workload=Workload(input_shape=(1,), runtime="compile"), profiled_step_s=None)
    (entry,) = json.loads(graph_json([compiled]))["graphs"]
    assert entry["reason"] == "compile gives no times by node"
