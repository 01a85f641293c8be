"""Static int8: what the runtimes quantize, what stays in float, and what cannot be calibrated."""

import importlib.util

import pytest
import torch
from torch import nn

from sebench.errors import UsageError
from sebench.profilers.inputs import OwnInput, make_source
from sebench.profilers.runtimes import FILE_RUNTIMES
from sebench.profilers.runtimes.exported import APART, TOLERANCES
from sebench.runner.planning.workloads import require_installed, require_support
from sebench.schema import RuntimeInfo, Workload, runtime_info

NAMES = ("onnxruntime", "openvino")


def runtime(name):
    info = runtime_info(name)
    needed = (*info.needs, *filter(None, [info.quantizer]))
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    return pytest.param(name, marks=pytest.mark.skipif(bool(missing), reason=f"needs {missing}"))


class Attended(nn.Module):
    """A full and a depthwise convolution, and SE made of two more."""

    def __init__(self):
        super().__init__()
        self.conv, self.depthwise = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3, groups=16)
        self.down, self.up = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)

    def forward(self, x):
        x = self.depthwise(self.conv(x).relu())
        return x * self.up(self.down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


@pytest.mark.parametrize("name", [runtime(name) for name in NAMES])
def test_what_is_int8_and_what_stays_float_is_counted(name, tmp_path):
    torch.manual_seed(0)
    load = Workload(input_shape=(1, 3, 16, 16), threads=1, runtime=name, quantize="int8")
    own = OwnInput(lambda: make_source(load, seed=3), "cpu")
    calibration = [tuple(make_source(load, seed=seed).tensors()) for seed in (4, 5)]
    made = FILE_RUNTIMES[name]
    folder = tmp_path / "exported"
    folder.mkdir()
    made.export(Attended().eval(), own, load, folder, calibration)
    step = made.load(folder, own, load)
    assert 1e-4 < step.facts[APART] < TOLERANCES["int8"]  # beyond what float32 would be
    counted = made.count_operations(folder / made.file, load)
    if name == "onnxruntime":  # the squeeze alone stays in float
        assert counted == (4, 4, {"ReduceMean": 1})
    else:  # NNCF leaves both layers of SE in float
        assert counted[:2] == (4, 2)
        assert counted.float_operations["Convolution"] == 2
    assert {path.name for path in folder.iterdir()} == {
        "onnxruntime": {"network.onnx", "outputs.pt"},  # small weights are in the graph
        "openvino": {"network.xml", "network.bin", "outputs.pt"},
    }[name]


def test_what_cannot_quantize_is_refused_before_anything_is_built():
    some = {"device": "cpu", "phase": "inference", "world_size": 1, "quantize": "int8"}
    with pytest.raises(UsageError) as error:
        require_support(runtime_info("eager"), dtype="float32", **some)
    assert str(error.value) == (
        "--runtime eager cannot quantize: no --quantize int8; use --runtime onnxruntime or --runtime openvino"
    )
    with pytest.raises(UsageError, match="--quantize int8 starts from float32, not from bfloat16; leave out"):
        require_support(runtime_info("openvino"), dtype="bfloat16", **some)


def test_the_package_that_quantizes_is_named_with_its_extra():
    absent = RuntimeInfo(name="openvino", help="", verb="convert", quantizer="no_such_package")
    require_installed(absent)  # needs it for nothing else
    with pytest.raises(UsageError) as error:
        require_installed(absent, quantize="int8")
    assert str(error.value) == (
        "--quantize int8 --runtime openvino needs no_such_package (not installed);"
        " pip install 'sebench-torch[no_such_package]'"
    )
