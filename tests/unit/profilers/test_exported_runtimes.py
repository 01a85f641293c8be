"""Runtimes that export a network: the same outputs, tensors that are shared, and what is refused."""

import importlib.util

import pytest
import torch
from torch import nn

from sebench.errors import UsageError, WorkerError
from sebench.inputs import Inputs
from sebench.profilers.inputs import OwnInput, make_source
from sebench.profilers.runtimes import PREPARE, Batch
from sebench.profilers.runtimes.exported import APART, TOLERANCE, refused, require_agreement
from sebench.runner.planning.workloads import require_installed, require_support
from sebench.schema import RuntimeInfo, Workload, runtime_info

NAMES = ("onnxruntime", "openvino")


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
    }
    assert settings[name].items() <= step.facts.items()
    assert step.facts[name][0].isdigit()


@RUNTIMES
def test_a_network_that_returns_no_tensors_is_refused(name):
    with pytest.raises(
        WorkerError, match=f"--runtime {name} takes networks that return one tensor, .* a dict"
    ):
        prepared(name, Dictionary())


@RUNTIMES
def test_an_operator_that_it_does_not_have_is_named(name):
    with pytest.raises(WorkerError) as error:
        prepared(name, Bessel())
    operator = {"onnxruntime": "prims.bessel_j0", "openvino": "aten.special_bessel_j0"}[name]
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
    assert TOLERANCE == 1e-3


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
