"""Runtimes that export a network: the same outputs, tensors that are shared, and what is refused."""

import dataclasses
import importlib.util

import pytest
import torch
from torch import nn

from sebench.errors import UsageError, WorkerError
from sebench.inputs import Inputs
from sebench.profilers.inputs import OwnInput, make_source
from sebench.profilers.runtimes import FILE_RUNTIMES, PREPARE, Batch
from sebench.profilers.runtimes.exported import APART, TOLERANCES, refused, require_agreement
from sebench.profilers.runtimes.openvino_core import openvino_core
from sebench.runner.planning.workloads import require_installed, require_support
from sebench.schema import RUNTIMES as CATALOGUE
from sebench.schema import RuntimeInfo, Workload, runtime_info

NAMES = ("onnxruntime", "openvino", "executorch")


def runtime(name):
    missing = [package for package in runtime_info(name).needs if importlib.util.find_spec(package) is None]
    return pytest.param(name, marks=pytest.mark.skipif(bool(missing), reason=f"needs {missing}"))


RUNTIMES = pytest.mark.parametrize("name", [runtime(name) for name in NAMES])


class Attended(nn.Module):
    """A convolution, SE and a classifier."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.down, self.up, self.head = nn.Linear(8, 2), nn.Linear(2, 8), nn.Linear(8, 5)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu()
        x = x * self.up(self.down(x.mean((2, 3))).relu()).sigmoid()[:, :, None, None]
        return self.head(x.mean((2, 3)))


class Two(nn.Module):
    """Two inputs by name, two outputs."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(9, 4)

    def forward(self, tokens, mask):
        found = self.table(tokens) * mask[..., None]
        return found, found.sum(1)


class Dictionary(Attended):
    def forward(self, x):
        return {"logits": super().forward(x)}


@dataclasses.dataclass
class Detected:
    logits: torch.Tensor
    boxes: list[torch.Tensor]


class DataClass(Attended):
    def forward(self, x):
        return Detected(super().forward(x), [x.mean((2, 3)), x.amax((2, 3))])


class ByName(nn.Module):
    """An argument that can be given by name alone, beside one by position and a list of two."""

    def forward(self, x, pair, *, scale, shift=None):
        return x * scale - pair[0] / pair[1]


class Words(nn.Module):
    def forward(self, x):
        return "no tensor"


class Bessel(nn.Module):
    def forward(self, x):
        return torch.special.bessel_j0(x)


def workload(name, **options):
    return Workload(batch_size=2, input_shape=(2, 3, 8, 8), runtime=name, threads=1, **options)


def prepared(name, module, inputs=None):
    torch.manual_seed(0)
    load = workload(name)
    source = make_source(load, seed=3) if inputs is None else inputs
    own = OwnInput(lambda: source, "cpu")
    return own, PREPARE[name](module.eval(), Batch(input=own, seed=3), load)


@RUNTIMES
def test_the_network_computes_what_it_does_in_eager_on_whatever_its_input_holds(name):
    module = Attended()
    own, step = prepared(name, module)
    assert step.facts[APART] < 1e-4  # float32 on both sides; bfloat16 would be beyond
    with torch.inference_mode():
        for tensor in own.tensors:
            tensor.copy_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(5)))
        torch.testing.assert_close(step.run(), module(*own.tensors), rtol=1e-4, atol=1e-5)
    assert step.run() is step.held[0]  # written where it is, without a copy


@RUNTIMES
def test_several_inputs_and_outputs(name):
    tokens, mask = torch.tensor([[1, 2, 3]]), torch.tensor([[1.0, 0.0, 1.0]])
    module = Two()
    _, step = prepared(name, module, Inputs((tokens, mask)))
    first, second = step.run()
    with torch.inference_mode():
        expected = module(tokens, mask)
    torch.testing.assert_close((first, second), expected)


@RUNTIMES
def test_settings_and_versions_are_told(name):
    _, step = prepared(name, Attended())
    settings = {
        "onnxruntime": {
            "provider": "CPUExecutionProvider",
            "optimisation": "ORT_ENABLE_ALL",
            "spinning": False,
        },
        # Read back from the compiled network: its default on some CPUs is bfloat16.
        "openvino": {"inference_precision_hint": "<Type: 'float32'>", "inference_num_threads": "1"},
        "executorch": {"backend": "XNNPACK", "threads": 1},
    }
    assert settings[name].items() <= step.facts.items()
    assert step.facts[name][0].isdigit()


@RUNTIMES
def test_a_network_that_returns_no_tensors_is_refused(name):
    with pytest.raises(
        WorkerError, match=f"--runtime {name} takes networks that return tensors, and this one returns a str"
    ):
        prepared(name, Words())


@RUNTIMES
def test_outputs_in_containers_become_their_tensors(name):
    _, step = prepared(name, Dictionary())
    assert [tuple(each.shape) for each in step.held] == [(2, 5)]
    own, step = prepared(name, DataClass())
    logits, mean, largest = step.run()
    assert logits.shape == (2, 5)
    torch.testing.assert_close((mean, largest), (own.tensors[0].mean((2, 3)), own.tensors[0].amax((2, 3))))


@RUNTIMES
def test_inputs_by_name_and_in_lists(name):
    four, two, three = torch.tensor([[4.0]]), torch.tensor([[2.0]]), torch.tensor([[3.0]])
    _, step = prepared(name, ByName(), Inputs((four, [three, two]), {"scale": three}))
    assert step.run().tolist() == [[10.5]]  # 4 x 3 - 3 / 2


@RUNTIMES
def test_a_file_is_loaded_without_the_network_and_may_go_afterwards(name, tmp_path):
    torch.manual_seed(0)
    load, module = workload(name), Attended().eval()
    own = OwnInput(lambda: make_source(load, seed=3), "cpu")
    runtime = FILE_RUNTIMES[name]
    runtime.export(module, own, load, tmp_path)
    files = {
        "onnxruntime": ("network.onnx", "network.onnx.data"),
        "openvino": ("network.xml", "network.bin"),
        "executorch": ("network.pte",),
    }[name]
    assert runtime.file == files[0]
    assert set(files) <= {path.name for path in tmp_path.iterdir()}
    with torch.inference_mode():
        expected = module(*own.tensors)
    del module
    step = runtime.load(tmp_path, own, load)
    for path in tmp_path.iterdir():
        path.unlink()
    torch.testing.assert_close(step.run(), expected, rtol=1e-4, atol=1e-5)
    assert step.facts[APART] < 1e-4


@RUNTIMES
def test_a_file_that_computes_something_else_than_eager_did_is_refused(name, tmp_path):
    load = workload(name)
    own = OwnInput(lambda: make_source(load, seed=3), "cpu")
    FILE_RUNTIMES[name].export(Attended().eval(), own, load, tmp_path)
    torch.save((torch.zeros(2, 5),), tmp_path / "outputs.pt")
    with pytest.raises(WorkerError, match=f"--runtime {name} computes something else than eager"):
        FILE_RUNTIMES[name].load(tmp_path, own, load)


@RUNTIMES
def test_a_damaged_file_is_refused_in_one_line(name, tmp_path):
    load = workload(name)
    own = OwnInput(lambda: make_source(load, seed=3), "cpu")
    (tmp_path / FILE_RUNTIMES[name].file).write_bytes(b"no network")
    with pytest.raises(WorkerError, match=f"--runtime {name} cannot run what it exported: ") as error:
        FILE_RUNTIMES[name].load(tmp_path, own, load)
    assert "\n" not in str(error.value)


def test_the_catalogue_knows_which_runtimes_take_files():
    assert set(FILE_RUNTIMES) == {info.name for info in CATALOGUE if info.is_exported}


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="needs openvino")
def test_bfloat16_is_asked_for_and_read_back():

    load = workload("openvino", dtype="bfloat16")
    own = OwnInput(lambda: make_source(load, seed=3), "cpu")
    assert own.tensors[0].dtype == torch.float32  # it stays so outside
    batch = Batch(input=own, seed=3)
    if "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        step = PREPARE["openvino"](Attended().eval(), batch, load)
        assert step.facts["inference_precision_hint"] == "<Type: 'bfloat16'>"
        assert 0 < step.facts[APART] < TOLERANCES["bfloat16"]
        return
    with pytest.raises(WorkerError) as error:
        PREPARE["openvino"](Attended().eval(), batch, load)
    assert str(error.value) == (
        "--runtime openvino computes in float32 on this CPU, not in bfloat16; use --dtype float32"
    )


@RUNTIMES
def test_an_operator_that_it_does_not_have_is_named(name):
    with pytest.raises(WorkerError) as error:
        prepared(name, Bessel())
    operator = {"onnxruntime": "prims.bessel_j0"}.get(name, "aten.special_bessel_j0")
    assert str(error.value) == (
        f"--runtime {name} cannot take Bessel: it has no {operator}; use --runtime eager or compile"
    )


def test_outputs_that_differ_are_refused_with_how_far():
    load, expected = workload("openvino"), (torch.tensor([4.0, -8.0]),)
    assert require_agreement((torch.tensor([4.0, -8.004]),), expected, load) == pytest.approx(
        0.004 / 8, rel=1e-3
    )
    with pytest.raises(
        WorkerError, match=r"computes something else than eager: off by 0.5 of the largest output"
    ):
        require_agreement((torch.tensor([8.0, -8.0]),), expected, load)  # 4 of 8
    with pytest.raises(WorkerError, match="something else than eager: off by nan"):
        require_agreement((torch.tensor([torch.nan, -8.0]),), expected, load)
    with pytest.raises(WorkerError, match=r"gives outputs \[\(1,\)\] instead of \[\(2,\)\]"):
        require_agreement((torch.zeros(1),), expected, load)
    half = workload("openvino", dtype="bfloat16")
    with pytest.raises(WorkerError, match=r"off by 0.0025 of the largest output, where 0.001 is allowed"):
        require_agreement((torch.tensor([4.0, -8.02]),), expected, load)
    assert require_agreement((torch.tensor([4.0, -8.02]),), expected, half) == pytest.approx(0.0025, rel=1e-3)


def test_a_reason_is_one_line():
    error = RuntimeError("\n  it broke\nsomewhere else")
    assert (
        refused(workload("openvino"), nn.ReLU(), error).message
        == "--runtime openvino cannot take ReLU: it broke"
    )


def test_what_they_cannot_do_is_said_before_anything_is_built():
    some = {"device": "cpu", "phase": "inference", "dtype": "float32", "world_size": 1}
    info = runtime_info("onnxruntime")
    for option, reason in (
        (
            {"phase": "training"},
            "--runtime onnxruntime cannot export a step of --phase training; use --runtime",
        ),
        (
            {"dtype": "bfloat16"},
            "--runtime onnxruntime cannot export a step of --dtype bfloat16; use --runtime",
        ),
        (
            {"device": "cuda:0"},
            "--runtime onnxruntime exists on CPU devices only, not on cuda:0; use --runtime",
        ),
        ({"memory_format": "channels_last"}, "chooses layouts itself: no --memory-format channels_last; use"),
    ):
        with pytest.raises(UsageError, match=reason):
            require_support(info, **{**some, **option})
    absent = RuntimeInfo(name="openvino", help="", verb="convert", needs=("no_such_package",))
    with pytest.raises(
        UsageError, match=r"openvino needs no_such_package \(not installed\); .*'sebench-torch\[openvino\]'"
    ):
        require_installed(absent)
