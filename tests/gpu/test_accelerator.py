"""What only a GPU can show; run with ``pytest -m gpu`` where there is one."""

import json

import pytest
import torch
from typer.testing import CliRunner

from sebench.cli import app
from sebench.inputs import Inputs
from sebench.profilers.accelerator import AcceleratorDevice
from sebench.profilers.device import RestoredStep, joules_between
from sebench.profilers.distributed import DistributedDevice, lone_rank, maximum
from sebench.profilers.inputs import OwnInput, make_input, make_source, make_targets
from sebench.profilers.runtime import device_facts
from sebench.profilers.runtimes.cudagraph import captured
from sebench.profilers.workload import training_step
from sebench.schema import Workload

pytestmark = pytest.mark.gpu
WORKLOAD = Workload(device="cuda:0", input_shape=(8, 3, 32, 32))


def test_wall_time_and_events_agree_on_a_long_step():
    device = AcceleratorDevice(WORKLOAD)
    matrix = torch.ones(8192, 8192, device="cuda")
    timing = device.timed(lambda: matrix @ matrix, 20)
    assert timing.device_s == pytest.approx(timing.steps_s[0], rel=0.1)
    assert timing.submit_s < timing.steps_s[0]
    assert device.canary_s() > 0


def test_tf32_is_set_for_products_and_convolutions_alike():
    AcceleratorDevice(Workload(device="cuda:0", dtype="tf32", input_shape=(1, 3, 8, 8)))
    assert torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "high"
    AcceleratorDevice(WORKLOAD)
    assert not torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "highest"


def test_a_captured_step_computes_the_same():
    x = torch.randn(64, 64, device="cuda")
    step = captured(lambda: x @ x)
    first = step().clone()
    x.mul_(2)
    torch.testing.assert_close(step(), 4 * first)


def test_an_input_is_brought_back_before_a_span_of_steps_and_changes_within_it():
    source = make_source(WORKLOAD, seed=1)
    own = OwnInput(lambda: source, "cuda:0")
    step = captured(lambda: own.tensors[0].mul_(2.0))
    AcceleratorDevice(WORKLOAD).timed(RestoredStep(step, own.restore), 3)
    torch.testing.assert_close(own.tensors[0].cpu(), 8 * source)  # doubled three times
    assert own.is_changed()


def test_gradients_go_through_nccl_and_times_through_gloo():
    workload = Workload(device="cuda:0", phase="training", batch_size=8, input_shape=(8, 3), world_size=2)
    module = torch.nn.Linear(3, 5)
    with lone_rank(workload):
        batch = make_input(workload, seed=1)
        targets = make_targets(workload, torch.zeros(4, 5), seed=1)
        device = DistributedDevice(AcceleratorDevice(workload), maximum)
        timing = device.timed(training_step(module, Inputs((batch,)), targets, workload, device.mark), 2)
    assert timing.steps_s[0] > timing.forward_s[0] > 0
    assert module.weight.grad.abs().sum() > 0


def test_more_ranks_than_devices_are_refused():
    result = CliRunner().invoke(
        app, ["compare", "-m", "resnet50", "--device", "cuda", "--phase", "training", "--world-size", "64"]
    )
    assert result.exit_code == 1
    assert "--world-size 64: there" in result.stderr


def test_facts_name_the_gpu():
    assert device_facts("cuda:0")["name"] == torch.cuda.get_device_name(0)


@pytest.mark.parametrize("runtime", ["eager", "cudagraph"])
def test_compare(runtime, tmp_path):
    result = CliRunner().invoke(
        app,
        ["compare", "-m", "cifar_resnet110", "--device", "cuda", "--phase", "training", "-b", "64",
         "--runtime", runtime, "--effort", "quick", "--save", str(tmp_path), "-f", "json", "-q"],
    )  # fmt: skip
    assert result.exit_code == 0
    metrics = {m["metric"]: m for m in json.loads(result.stdout)["comparisons"][0]["metrics"]}
    assert metrics["latency"]["workload"]["device"] == "cuda:0"
    assert metrics["latency"]["ratio"]["ci_low"] > 1
    assert metrics["device_latency"]["status"] == "ok"


def test_profile():
    result = CliRunner().invoke(
        app,
        ["profile", "-m", "cifar_wrn16_8", "--device", "cuda", "--phase", "training", "-b", "64", "--dtype",
         "tf32", "-f", "json", "-q"],
    )  # fmt: skip
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    parts = document["parts"]
    assert {part["phase"] for part in parts} == {"forward", "backward"}
    assert 0 < sum(part["time_s"] for part in parts) < document["step_s"]


def test_the_energy_counter_moves():
    device = AcceleratorDevice(WORKLOAD)
    counter = device.energy_counter()
    matrix = torch.ones(8192, 8192, device="cuda")
    before, start_s = counter.read(), device.clock()
    while device.clock() - start_s < 2.0:
        device.timed(lambda: matrix @ matrix, 20)
    assert joules_between(counter.zones, before, counter.read()) > 10
