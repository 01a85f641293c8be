"""``sebench count --graph`` and ``sebench profile --runtime`` as a user runs them."""

import json

import pytest

NET = """
import torch
from torch import nn


class SE(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.se = SE(channels, channels // 2)

    def forward(self, x):
        return torch.relu(x + self.se(self.conv2(torch.relu(self.conv1(x)))))


def net():
    return nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), Block(32), Block(32))
"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "net.py").write_text(NET)
    return "-m net.py:net -v asis --image-size 16 --format json -q"


def entry_of(done):
    document = json.loads(done.stdout)
    assert (document["schema"], document["kind"]) == ("sebench/1", "runtime_graph")
    (entry,) = document["graphs"]
    return entry


def nodes_by_part(entry):
    return {part["part"]: (part["baseline_nodes"], part["candidate_nodes"]) for part in entry["parts"]}


@pytest.mark.slow
def test_the_nodes_of_onnx_runtime(invoke, net):
    pytest.importorskip("onnxruntime")
    entry = entry_of(invoke(f"count --runtime onnxruntime --graph {net}"))
    parts = nodes_by_part(entry)
    # Two gates: a mean, two convolutions that hold their activations, a product.
    assert (parts["squeeze"], parts["excite"], parts["scale"]) == ((0, 2), (0, 4), (0, 2))
    # Five convolutions; each block's add and ReLU left its second one.
    assert (parts["layer"], parts["fusion"]) == ((5, 5), (0, 4))
    assert entry["fusions"] == [
        {"was": ["Conv", "Add", "Relu"], "now": [["Conv"], ["Add"], ["Relu"]], "times": 2}
    ]
    assert parts["reorder"][1] > parts["reorder"][0]
    assert entry["candidate_nodes"] == sum(after for _, after in parts.values())
    assert [(gate["channels"], gate["hidden"]) for gate in entry["gates"]] == [(32, [16])] * 2
    assert entry["reason"] == "only the structure was read"


@pytest.mark.slow
def test_the_nodes_of_openvino(invoke, net):
    pytest.importorskip("openvino")
    entry = entry_of(invoke(f"count --runtime openvino --graph {net}"))
    parts = nodes_by_part(entry)
    assert (parts["squeeze"], parts["excite"], parts["scale"]) == ((0, 2), (0, 4), (0, 2))
    assert parts["layer"] == (5, 5)
    assert entry["fusions"] == [
        {"was": ["Conv", "Add", "Relu"], "now": [["Conv"], ["Mul", "Add", "Relu"]], "times": 2}
    ]


@pytest.mark.slow
def test_the_kernels_of_inductor(invoke, net):
    entry = entry_of(invoke(f"count --runtime compile --graph {net}"))
    parts = nodes_by_part(entry)
    assert (parts["squeeze"], parts["scale"], parts["layer"]) == ((0, 2), (0, 2), (5, 5))
    assert [(gate["channels"], gate["hidden"]) for gate in entry["gates"]] == [(32, [16])] * 2


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_times_of_nodes(invoke, net, runtime):
    pytest.importorskip(runtime)
    entry = entry_of(invoke(f"profile --runtime {runtime} --threads 1 --seed 1 {net}"))
    parts = {part["part"]: part for part in entry["parts"]}
    assert all(parts[name]["candidate_s"] > 0 for name in ("squeeze", "excite", "scale", "layer"))
    assert entry["explained_s"] == pytest.approx(sum(part["difference_s"] for part in entry["parts"]))
    measured = entry["measured_difference_s"]["estimate"]
    assert entry["unexplained_s"] == pytest.approx(measured - entry["explained_s"])
    assert entry["inflation_ratio"] > 0
    assert entry["workload"]["runtime"] == runtime


@pytest.mark.slow
def test_resnet50_in_onnx_runtime(invoke):
    """58 nodes, 220 with SE: on every processor, as all widths are multiples of 16."""
    pytest.importorskip("onnxruntime")
    done = invoke("count -m resnet50 -v se -v se(fc=conv1x1) --runtime onnxruntime --graph --format json -q")
    linear, convolutions = json.loads(done.stdout)["graphs"]
    assert (linear["baseline_nodes"], linear["candidate_nodes"], convolutions["candidate_nodes"]) == (
        58,
        220,
        220,
    )
    # Two products and two changes of shape; or two convolutions, which need more reorders.
    assert nodes_by_part(linear)["excite"] == (0, 16 * 4)
    assert nodes_by_part(convolutions)["excite"] == (0, 16 * 2)
    assert (nodes_by_part(linear)["reorder"], nodes_by_part(convolutions)["reorder"]) == ((1, 35), (1, 67))
    for entry in (linear, convolutions):
        assert entry["fusions"] == [
            {"was": ["Conv", "Add", "Relu"], "now": [["Conv"], ["Add"], ["Relu"]], "times": 16}
        ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "count -m resnet50 --runtime eager --graph",
            "--runtime eager has no graph of its own: it runs torch's ops;"
            " leave --graph and --runtime out, or use --runtime compile, onnxruntime or openvino",
        ),
        (
            "count -m resnet50 --runtime cudagraph --graph",
            "--runtime cudagraph has no graph of its own: it runs torch's ops;"
            " leave --graph and --runtime out, or use --runtime compile, onnxruntime or openvino",
        ),
        (
            "count -m resnet50 --graph",
            "--graph needs to know whose graph; add --runtime onnxruntime, openvino or compile",
        ),
        (
            "count -m resnet50 --runtime compile --graph --phase training",
            "graphs of runtimes are those of inference; leave --phase out",
        ),
        ("count -m resnet50 --runtime openvino", "--runtime says whose graph to read; add --graph"),
        (
            "count -m resnet50 --runtime openvino --graph --sites",
            "--graph counts nodes: it goes with none of --by, --sites, --cross-check, --strict and --plot;"
            " leave these out",
        ),
        (
            "profile -m resnet50 --runtime openvino --plot x.svg",
            "--plot draws profiles of --runtime eager alone; leave --plot out",
        ),
        (
            "profile -m resnet50 --runtime onnxruntime --phase training",
            "--runtime onnxruntime cannot export a step of --phase training; use --runtime eager or --runtime"
            " compile",
        ),
    ],
)
def test_what_cannot_be_meant_is_one_line(invoke, arguments, said):
    done = invoke(arguments, check=False)
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [f"sebench: error: {said}"]


def test_a_missing_extra_is_named(invoke, monkeypatch):
    from sebench.runner.planning import workloads

    monkeypatch.setattr(workloads, "find_spec", lambda name: None)
    done = invoke("count -m resnet50 --runtime openvino --graph", check=False)
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "sebench: error: --runtime openvino needs openvino (not installed); pip install"
        " 'sebench-torch[openvino]'"
    ]
