"""Files of networks: counted as in torch, stripped of their attention with a proof, and fed."""

import warnings

import pytest
import torch
from msgspec.structs import replace
from torch import nn

from sebench.errors import BuildError, CountError, DataFileError, UsageError
from sebench.models import resolve
from sebench.schema import ModelSpec, Workload
from sebench.worker.counting import count_network

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from sebench.surgery.files import make_file_inputs, write_file  # noqa: E402
from tests.onnx_nets import AXES, SE_WEIGHTS, model, node, squeeze_excitation  # noqa: E402


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class SE(nn.Module):
    """16 channels, 4 hidden ones: 2 x 64 weights and 20 biases."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.up(torch.relu(self.down(x.mean((2, 3), keepdim=True)))))


class Block(nn.Module):
    """Attention at the end of a residual branch."""

    def __init__(self, attention=True):
        super().__init__()
        self.conv = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.attention = SE() if attention else nn.Identity()

    def forward(self, x):
        return torch.relu(x + self.attention(self.norm(self.conv(x))))


def net(attention=True):
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)]
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), Block(attention), Block(attention), *head)


def export(network, name, *shape):
    pytest.importorskip("onnxscript")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (torch.zeros(shape),), name, dynamo=True, verbose=False)
    return name


def spec(name, variant="asis"):
    return resolve(ModelSpec(model=name, variant=variant))


def macs(cost):
    return sum(op.macs for op in cost.ops)


def saved(name, nodes, weights, **kwargs):
    """A model whose weights are drawn."""
    made = model(nodes, weights, axes=AXES, **kwargs)
    generator = torch.Generator().manual_seed(1)
    for weight in made.graph.initializer:
        if weight.data_type == TensorProto.FLOAT:
            drawn = torch.randn(tuple(weight.dims), generator=generator).numpy()
            weight.CopyFrom(numpy_helper.from_array(drawn, weight.name))
    made.ir_version = 10
    onnx.save(made, name)
    return name


def test_macs_and_gates_are_those_of_the_network_in_torch():
    shape = (1, 3, 32, 32)
    export(net(), "net.onnx", *shape)
    cost, plain = count_network(spec("net.onnx"), shape), count_network(spec("net.onnx", "plain"), shape)
    # 32 x 32 positions: the stem, and in two blocks a convolution each; the classifier.
    without = 1024 * (3 * 16 * 9 + 2 * 16 * 16 * 9) + 16 * 10
    assert macs(plain) == without
    assert macs(cost) == without + 2 * (2 * 16 * 4)
    assert [(gate.channels, gate.hidden, gate.gate, gate.macs) for gate in cost.gates] == [
        (16, (4,), "sigmoid", 128)
    ] * 2
    assert cost.gates[0].params == 128 + 4 + 16
    assert cost.params - plain.params == 2 * (128 + 4 + 16)
    assert plain.gates == plain.sites == ()
    assert sum(op.macs for op in cost.ops if op.site) == 2 * 128
    # A residual add of each block, and what their gates squeeze.
    assert sum(op.paper_macs - op.macs for op in cost.ops) == 4 * 16 * 1024
    assert cost.uncounted == ()


@pytest.mark.slow
def test_a_network_of_a_library_counts_as_in_torch():
    from torchvision import models

    shape = (1, 3, 224, 224)
    export(models.mobilenet_v3_small(), "net.onnx", *shape)
    for variant in ("asis", "plain"):
        mine = count_network(spec("net.onnx", variant), shape)
        theirs = count_network(
            resolve(ModelSpec(model="torchvision:mobilenet_v3_small", variant=variant)), shape
        )
        assert macs(mine) == macs(theirs)
        assert [each.channels for each in mine.gates] == [each.channels for each in theirs.gates]
        assert [each.hidden for each in mine.gates] == [each.hidden for each in theirs.gates]


def test_only_inference_is_counted_and_only_of_whole_files(tmp_path):
    saved("net.onnx", squeeze_excitation("x"), SE_WEIGHTS)
    with pytest.raises(CountError, match="an exported file has no backward pass"):
        count_network(spec("net.onnx"), (1, 8, 4, 4), "training")
    (tmp_path / "net.xml").write_text("<net/>")
    with pytest.raises(DataFileError, match=r"net\.xml is no OpenVINO model: it has no layers"):
        count_network(spec("net.xml"), (1, 8, 4, 4))


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_the_stripped_file_is_proven_by_the_runtime_and_written(runtime, tmp_path):
    pytest.importorskip(runtime)
    saved("net.onnx", [node("Conv", "x w", "f"), *squeeze_excitation()], SE_WEIGHTS)
    workload = Workload(input_shape=(1, 8, 4, 4), runtime=runtime)
    write_file(spec("net.onnx", "plain"), tmp_path, workload)
    written = onnx.load(tmp_path / "network.onnx")
    assert [each.op_type for each in written.graph.node] == ["Conv", "Identity"]


def test_as_it_is_a_file_is_copied_byte_for_byte_with_its_weights(tmp_path):
    (tmp_path / "w").mkdir()
    made = model([node("Conv", "x w", "y")], {"w": (8, 8, 1, 1)}, known={})
    made.graph.output[0].type.tensor_type.shape.CopyFrom(made.graph.input[0].type.tensor_type.shape)
    onnx.save(made, "net.onnx", save_as_external_data=True, location="w/net.data", size_threshold=0)
    (tmp_path / "to").mkdir()
    known = spec("net.onnx")
    write_file(known, tmp_path / "to", Workload(input_shape=(1, 8, 4, 4), runtime="onnxruntime"))
    for here, there in {"net.onnx": "network.onnx", "w/net.data": "w/net.data"}.items():
        assert (tmp_path / "to" / there).read_bytes() == (tmp_path / here).read_bytes()
    (tmp_path / "w" / "net.data").write_bytes(bytes(300))
    with pytest.raises(UsageError, match="has changed since the command began"):
        resolve(known)


def test_a_file_without_gates_has_nothing_to_take_out():
    saved("net.onnx", [node("Relu", "x", "y")], {})
    with pytest.raises(BuildError, match=r"net\.onnx has no channel attention .*; compare two files"):
        count_network(spec("net.onnx", "plain"), (1, 8, 4, 4))


def test_a_gate_that_something_else_takes_cannot_be_taken_out():
    nodes = [*squeeze_excitation("x"), node("Neg", "g", "n")]
    saved("net.onnx", nodes, SE_WEIGHTS, outputs=["y", "n"])
    with pytest.raises(
        BuildError, match=r"loses 0 parameters and 0 MACs with its attention, which has 42 and 32"
    ):
        count_network(spec("net.onnx", "plain"), (1, 8, 4, 4))


def test_a_gate_without_effect_proves_nothing():
    nodes = [*squeeze_excitation("x"), node("Mul", "y zero", "z"), node("Add", "z x", "out")]
    saved("net.onnx", nodes, SE_WEIGHTS, outputs=["out"])
    made = onnx.load("net.onnx")
    made.graph.initializer.append(numpy_helper.from_array(torch.zeros(1).numpy(), "zero"))
    onnx.save(made, "net.onnx")
    with pytest.raises(BuildError, match="gives the same outputs whatever its gates say"):
        count_network(spec("net.onnx", "plain"), (1, 8, 4, 4))


def test_every_input_gets_seeded_values_of_its_type():
    inputs = {"ids": TensorProto.INT64, "x": TensorProto.FLOAT, "mask": TensorProto.BOOL}
    shapes = {"ids": ("b", "n"), "x": ("b", "n", 8), "mask": ("b", 1)}
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "net",
        [helper.make_tensor_value_info(name, kind, shapes[name]) for name, kind in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shapes["x"])],
    )
    onnx.save(helper.make_model(graph), "net.onnx")
    workload = Workload(input_shape=(2, 5), batch_size=2)
    ids, x, mask = make_file_inputs(spec("net.onnx"), workload, 3).tensors()
    assert (ids.shape, ids.dtype, set(ids.flatten().tolist())) == ((2, 5), torch.int64, {0, 1})
    assert (x.shape, x.dtype, mask.shape, mask.dtype) == ((2, 5, 8), torch.float32, (2, 1), torch.bool)
    again = make_file_inputs(spec("net.onnx"), workload, 3)
    assert all(torch.equal(a, b) for a, b in zip(again.tensors(), (ids, x, mask), strict=True))


def test_a_size_that_nobody_says_is_asked_for():
    nodes = [node("Relu", "x", "y"), node("Relu", "other", "z")]
    saved("net.onnx", nodes, {}, inputs={"x": (1, 4), "other": (1, "n")}, outputs=["y", "z"])
    with pytest.raises(UsageError, match="leaves sizes of its input 'other' open; .*--example-inputs"):
        make_file_inputs(spec("net.onnx"), Workload(input_shape=(1, 4)), 0)


def test_an_input_that_is_no_tensor_of_numbers_is_refused():
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.STRING, (1,))],
        [helper.make_tensor_value_info("y", TensorProto.STRING, (1,))],
    )
    onnx.save(helper.make_model(graph), "net.onnx")
    with pytest.raises(DataFileError, match="input 'x' is no tensor of numbers"):
        make_file_inputs(spec("net.onnx"), Workload(input_shape=(1,)), 0)


def test_the_content_is_part_of_what_a_network_is():
    saved("net.onnx", squeeze_excitation("x"), SE_WEIGHTS)
    one = spec("net.onnx")
    saved("net.onnx", [node("Conv", "x w", "f"), *squeeze_excitation()], SE_WEIGHTS)
    other = spec("net.onnx")
    assert one.file_sha256 != other.file_sha256
    assert replace(one, file_sha256=other.file_sha256) == other
