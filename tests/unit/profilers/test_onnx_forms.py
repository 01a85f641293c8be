"""Forms of the exported graph: what ONNX Runtime makes of them, and that the values stay."""

from collections import Counter

import pytest
import torch
from torch import nn

from sebench import models
from sebench.errors import CountError, WorkerError
from sebench.graphs.model_files import is_optimised
from sebench.inputs import Inputs
from sebench.profilers.inputs import OwnInput
from sebench.profilers.runtimes import onnx_runtime
from sebench.profilers.runtimes.eager import Batch
from sebench.profilers.runtimes.exported import silence
from sebench.profilers.runtimes.onnx_forms import block_size, rewrite_onnx
from sebench.schema import ModelSpec, Workload
from sebench.schema.forms import forms_of
from sebench.surgery.capture import capture
from sebench.surgery.files import count_file
from sebench.surgery.forms import spell
from sebench.surgery.trials import apart
from tests.residual import Network

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

IMAGE = (1, 3, 16, 16)


class Scaled(nn.Module):
    """A gate before a convolution, as in mobile networks: computed from what it scales, and never added."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(32, 16, 1)
        self.fc1, self.fc2 = nn.Conv2d(32, 16, 1), nn.Conv2d(16, 32, 1)

    def forward(self, x):
        y = torch.relu(self.first(x))
        gate = torch.sigmoid(self.fc2(torch.relu(self.fc1(y.mean((2, 3), keepdim=True)))))
        return self.second(y * gate).mean((2, 3))


@pytest.fixture(scope="module")
def networks():
    """Networks by name, each with its capture and an input."""
    torch.manual_seed(0)
    made = {"residual": Network().eval(), "scaled": Scaled().eval()}
    for module in made["residual"].modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    batch = torch.randn(IMAGE)
    return {name: (network, capture(network, Inputs((batch,))), batch) for name, network in made.items()}


def written(networks, name, forms, folder):
    """Nodes of what runs, by kind, and how far its output is from torch's."""
    network, captured, batch = networks[name]
    respelt = spell(captured, forms)
    path = folder / "network.onnx"
    with silence(), torch.no_grad():
        torch.onnx.export(respelt, (batch,), str(path), dynamo=True)
    path = rewrite_onnx(path, forms_of(respelt), onnx_runtime.optimise)
    optimised = folder / "seen.onnx"
    onnx_runtime.optimise(path, optimised)
    options = onnxruntime.SessionOptions()
    if is_optimised(onnx.load(path, load_external_data=False)):
        optimised = path
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {session.get_inputs()[0].name: batch.numpy()})
    with torch.no_grad():
        expected = network(batch)
    nodes = onnx.load(optimised, load_external_data=False).graph.node
    return Counter(node.op_type for node in nodes), apart([expected], [torch.from_numpy(output)])


# A stem and two blocks of two convolutions and two layers: 1 + 2 x 4 = 9 convolutions.
@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        (("avgpool",), {"ReduceMean": 0, "Mul": 2, "Add": 2, "Relu": 2}),
        (("expanded",), {"Conv": 9, "Upsample": 2, "Mul": 2, "Add": 2, "Relu": 2, "ReorderOutput": 1}),
        # One convolution per gate more, and none of what it replaces.
        (("blocked",), {"Conv": 11, "Upsample": 0, "Mul": 0, "Add": 0, "Relu": 0, "ReorderOutput": 1}),
        # Weights 32 x 16 against a map of 32 x 16 x 16: folded, with two products of weights and of biases.
        (("folded",), {"Conv": 9, "Upsample": 0, "Mul": 4, "Add": 0, "Relu": 0, "ReorderOutput": 1}),
    ],
)
def test_graph_and_values(networks, tmp_path, forms, expected):
    nodes, difference = written(networks, "residual", forms, tmp_path)
    assert {kind: nodes[kind] for kind in expected} == expected
    assert difference < 1e-5


def test_a_gate_that_is_computed_from_its_map_is_not_folded(networks, tmp_path):
    nodes, difference = written(networks, "scaled", ("folded",), tmp_path)
    assert nodes["Conv"] == 5  # first, second, two layers, the scale
    assert nodes["Mul"] == 0
    assert difference < 1e-5


def test_a_graph_that_was_optimised_is_not_counted(networks, tmp_path):
    _, captured, batch = networks["residual"]
    path = tmp_path / "network.onnx"
    with silence(), torch.no_grad():
        torch.onnx.export(spell(captured, ("blocked",)), (batch,), str(path), dynamo=True)
    written = rewrite_onnx(path, ("conv1x1", "avgpool", "expanded", "blocked"), onnx_runtime.optimise)
    spec = models.resolve(ModelSpec(model=str(written), variant="asis"))
    with pytest.raises(CountError, match="cannot be counted: ONNX Runtime has optimised it"):
        count_file(spec, IMAGE, "inference", "float32")


def test_a_network_without_gates_is_refused(tmp_path):
    network, path = nn.Sequential(nn.Conv2d(3, 32, 1), nn.ReLU()).eval(), tmp_path / "network.onnx"
    with silence():
        torch.onnx.export(network, (torch.zeros(IMAGE),), str(path), dynamo=True)
    with pytest.raises(WorkerError, match="form blocked fits no gate of the exported graph"):
        rewrite_onnx(path, ("conv1x1", "avgpool", "expanded", "blocked"), onnx_runtime.optimise)


def test_forms_of_torchs_graph_leave_the_file(tmp_path):
    path = tmp_path / "absent.onnx"
    assert rewrite_onnx(path, ("pooled", "conv1x1"), onnx_runtime.optimise) == path


def test_block_size_is_that_of_a_vector_register():
    assert block_size() in (1, 4, 8, 16)


def test_the_runtime_runs_the_rewritten_graph(networks):
    network, captured, batch = networks["residual"]
    workload = Workload(input_shape=IMAGE, runtime="onnxruntime")
    own = OwnInput(lambda: Inputs((batch,)), "cpu")
    prepared = onnx_runtime.RUNTIME.prepare(spell(captured, ("folded",)), Batch(input=own, seed=0), workload)
    with torch.no_grad():
        assert apart([network(batch)], [prepared.run()]) < 1e-5
