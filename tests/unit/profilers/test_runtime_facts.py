"""What is relied on in ONNX Runtime and OpenVINO: each test fails where a version does otherwise."""

import ctypes
import gc
import importlib.util
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from sebench.inputs import Inputs
from sebench.profilers.inputs import OwnInput, make_source
from sebench.profilers.runtimes import FILE_RUNTIMES
from sebench.profilers.runtimes.execu_torch import lowered
from sebench.profilers.runtimes.exported import silence
from sebench.profilers.runtimes.openvino_core import openvino_core
from sebench.schema import Workload, runtime_info


def needs(name):
    missing = [package for package in runtime_info(name).needs if importlib.util.find_spec(package) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {missing}")


ONNX, OPENVINO = needs("onnxruntime"), needs("openvino")
EACH = pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in FILE_RUNTIMES])


class Residual(nn.Module):
    """A convolution, then a residual block with or without SE, as in ResNet."""

    def __init__(self, *, attended=True):
        super().__init__()
        self.stem = nn.Conv2d(8, 16, 3, padding=1)
        self.first, self.norm = nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.second = nn.Conv2d(16, 16, 3, padding=1)
        self.down, self.up = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.attended = attended

    def forward(self, x):
        x = self.stem(x)
        y = self.second(self.norm(self.first(x)).relu())
        if self.attended:
            y = y * self.up(self.down(y.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return (x + y).relu()


class Pooled(nn.Module):
    def forward(self, x):
        return nn.functional.adaptive_avg_pool2d(x, 1)


def load_of(name, **options):
    return Workload(input_shape=(1, 8, 16, 16), runtime=name, threads=1, **options)


def exported(name, module, folder):
    load = load_of(name)
    own = OwnInput(lambda: make_source(load, seed=3), "cpu")
    torch.manual_seed(0)
    FILE_RUNTIMES[name].export(module.eval(), own, load, folder)
    return folder / FILE_RUNTIMES[name].file, own, load


def kinds(file):
    import onnx

    return Counter(node.op_type for node in onnx.load(str(file), load_external_data=False).graph.node)


def optimised(file, folder):
    """How many nodes of each kind ONNX Runtime leaves, where it optimises as far as it can."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return kinds(folder / "optimised.onnx")


# --- the exporters --------------------------------------------------------------------------------------


@ONNX
def test_the_exporter_writes_weights_beside_the_graph_and_folds_batch_norm(tmp_path):
    file, _, _ = exported("onnxruntime", Residual(), tmp_path)
    assert file.with_name("network.onnx.data").stat().st_size > 0
    assert kinds(file)["Conv"] == 5
    assert "BatchNormalization" not in kinds(file)


@ONNX
def test_pooling_to_one_pixel_becomes_a_mean(tmp_path):
    file, _, _ = exported("onnxruntime", Pooled(), tmp_path)
    assert kinds(file) == {"ReduceMean": 1}


@OPENVINO
def test_weights_are_saved_in_half_precision_unless_told_otherwise(tmp_path):
    import openvino

    with silence():
        model = openvino.convert_model(nn.Conv2d(64, 64, 3), example_input=torch.zeros(1, 64, 8, 8))
    openvino.save_model(model, tmp_path / "half.xml")
    openvino.save_model(model, tmp_path / "whole.xml", compress_to_fp16=False)
    half, whole = ((tmp_path / name).stat().st_size for name in ("half.bin", "whole.bin"))
    elements = 64 * 64 * 3 * 3
    assert 2 * elements <= half < 3 * elements
    assert whole >= 4 * elements


@OPENVINO
def test_a_converted_network_has_a_dynamic_shape_and_an_exported_one_a_fixed_one(tmp_path):
    import openvino

    with silence():
        model = openvino.convert_model(Residual().eval(), example_input=torch.zeros(1, 8, 16, 16))
    assert model.is_dynamic()
    file, _, _ = exported("openvino", Residual(), tmp_path)
    assert [list(port.shape) for port in openvino_core().read_model(file).inputs] == [[1, 8, 16, 16]]


# --- one shape, one number format -----------------------------------------------------------------------


@ONNX
@pytest.mark.parametrize("wrong", [torch.zeros(1, 8, 16, 16, dtype=torch.float64), torch.zeros(2, 8, 16, 16)])
def test_onnx_runtime_takes_no_other_format_and_no_other_batch(tmp_path, wrong):
    import onnxruntime

    file, _, _ = exported("onnxruntime", Pooled(), tmp_path)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (place,) = session.get_inputs()
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        session.run(None, {place.name: wrong.numpy()})


@OPENVINO
def test_openvino_takes_no_other_batch(tmp_path):

    file, _, _ = exported("openvino", Pooled(), tmp_path)
    compiled = openvino_core().compile_model(file, "CPU")
    with pytest.raises(RuntimeError, match="shape"):
        compiled(torch.zeros(2, 8, 16, 16).numpy())


class SignalStack(ctypes.Structure):
    """``stack_t`` of Linux: where the handlers of signals run."""

    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def signal_stack_is_mapped():
    found = SignalStack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found)) == 0
    ranges = (line.split()[0].split("-") for line in Path("/proc/self/maps").read_text().splitlines())
    return not found.address or any(int(low, 16) <= found.address < int(high, 16) for low, high in ranges)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@OPENVINO
def test_networks_of_openvino_leave_the_signal_stack_as_it_was(tmp_path):
    file, own, load = exported("openvino", Pooled(), tmp_path)
    first = FILE_RUNTIMES["openvino"].bind(file, own, load)
    second = FILE_RUNTIMES["openvino"].bind(file, own, load)
    assert signal_stack_is_mapped()
    del first  # in the order in which they were bound
    gc.collect()
    del second
    gc.collect()
    assert signal_stack_is_mapped()


# --- what is asked for is what runs ---------------------------------------------------------------------


@OPENVINO
def test_precision_and_threads_can_be_read_back(tmp_path):
    file, own, load = exported("openvino", Residual(), tmp_path)
    facts = FILE_RUNTIMES["openvino"].bind(file, own, load).facts
    assert facts["inference_precision_hint"] == "<Type: 'float32'>"
    assert (facts["inference_num_threads"], facts["num_streams"]) == ("1", "1")
    assert facts["performance_hint"] == "LATENCY"


@OPENVINO
def test_bfloat16_is_only_read_back_where_the_processor_has_it(tmp_path):

    file, _, _ = exported("openvino", Residual(), tmp_path)
    core = openvino_core()
    compiled = core.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    found = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    assert (found == "bf16") == ("BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


@EACH
def test_a_step_reads_and_writes_memory_of_torch(name, tmp_path):
    file, own, load = exported(name, Residual(), tmp_path)
    step = FILE_RUNTIMES[name].bind(file, own, load)
    before = step.held[0].clone()
    with torch.inference_mode():
        own.tensors[0].mul_(2)
        assert step.run().data_ptr() == step.held[0].data_ptr()
    assert not torch.equal(step.held[0], before)


# --- a session that waits -------------------------------------------------------------------------------


def cpu_s_while_waiting(waited_s=0.2):
    begun_s = time.process_time()
    time.sleep(waited_s)
    return time.process_time() - begun_s


@EACH
def test_a_session_that_waits_burns_no_time(name, tmp_path):
    """Of 0.2 s in which nothing is asked for. One thread that spins would burn up to all of it."""
    file, own, load = exported(name, Residual(), tmp_path)
    steps = [FILE_RUNTIMES[name].bind(file, own, load) for _ in range(2)]
    burnt_s = []
    for _ in range(3):
        for step in steps:
            step.run()
        burnt_s.append(cpu_s_while_waiting())
    assert min(burnt_s) < 0.02  # another thread of the tests may run in one of them


# --- what SE costs there --------------------------------------------------------------------------------


@ONNX
def test_the_scale_breaks_the_fusion_of_convolution_sum_and_relu(tmp_path):
    left = {}
    for attended in (False, True):
        folder = tmp_path / str(attended)
        folder.mkdir()
        file, _, _ = exported("onnxruntime", Residual(attended=attended), folder)
        left[attended] = optimised(file, folder)
    plain, attended = left[False], left[True]
    assert (plain["Add"], plain["Relu"], plain["Mul"]) == (0, 0, 0)  # all inside convolutions
    assert (attended["Add"], attended["Relu"], attended["Mul"], attended["ReduceMean"]) == (1, 1, 1, 1)


@needs("executorch")
@pytest.mark.parametrize(("kept", "calls"), [(True, {"delegate": 1}), (False, {"delegate": 2, "mean": 1})])
def test_xnnpack_takes_a_mean_only_where_its_dimensions_are_kept(kept, calls):
    """Otherwise every gate ends a run of its kernels, and ExecuTorch's own one computes the mean."""

    class Squeezed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(8, 16, 3)
            self.fc = nn.Conv2d(16, 16, 1) if kept else nn.Linear(16, 16)

        def forward(self, x):
            x = self.conv(x)
            gate = self.fc(x.mean((2, 3), keepdim=kept))
            return x * (gate if kept else gate[:, :, None, None])

    with silence(), torch.no_grad():
        program = lowered(Squeezed().eval(), Inputs((torch.randn(1, 8, 16, 16),))).exported_program()
    targets = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    found = Counter(
        "delegate" if "delegate" in target else "mean"
        for target in targets
        if "delegate" in target or "aten.mean" in target
    )
    assert found == calls
