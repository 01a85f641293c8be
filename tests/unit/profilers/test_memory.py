"""Memory of one step: bytes that can be added up by hand, and the same ones every time."""

import pytest
import torch
from torch import nn

from sebench import models
from sebench.counters import count
from sebench.inputs import Inputs
from sebench.profilers import memory
from sebench.profilers.inputs import make_input, make_targets
from sebench.profilers.workload import inference_step, training_step
from sebench.runner.counting.pair import least_bytes
from sebench.schema import ModelSpec, Workload


def test_a_step_that_allocates_by_hand():
    module = nn.Linear(4, 4, bias=False)  # 64 bytes of weights
    held = torch.zeros(8)  # 32 bytes

    def step():
        first = torch.empty(1000, dtype=torch.uint8)
        second = torch.empty(500, dtype=torch.uint8)
        del first
        third = torch.empty(600, dtype=torch.uint8)
        return second, third

    # 1000 + 500 at most at once, then 500 + 600
    assert memory.peak_bytes(module, step, [held], "cpu") == 64 + 32 + 1500


@pytest.mark.slow
def test_a_training_step_repeats_exactly_and_holds_what_autograd_saves():
    workload = Workload(phase="training", batch_size=2, input_shape=(2, 3, 16, 16))

    def peak(variant):
        spec = ModelSpec(model="cifar_resnet164", variant=variant)
        module = models.build(spec, seed=1).module
        batch = make_input(workload, seed=1)
        targets = make_targets(workload, inference_step(module, Inputs((batch,)), workload)(), seed=1)
        step = training_step(module, Inputs((batch,)), targets, workload)
        step()
        return [memory.peak_bytes(module, step, (batch, targets), "cpu") for _ in range(2)]

    def saved(variant):
        module = models.build(ModelSpec(model="cifar_resnet164", variant=variant), device="meta").module
        return sum(item.saved_bytes for item in count(module, (2, 3, 16, 16), phase="training").saved)

    plain, se = peak("plain"), peak("se")
    assert plain[0] == plain[1]
    assert se[0] == se[1]
    assert se[0] - plain[0] > (saved("se") - saved("plain")) / 2 > 0
    assert plain[0] > saved("plain")


def test_gradients_of_the_step_before_do_not_count():
    module = nn.Linear(100, 100)
    batch = torch.zeros(1, 100)
    workload = Workload(phase="training", batch_size=1, input_shape=(1, 100))
    step = training_step(module, Inputs((batch,)), torch.zeros(1, dtype=torch.int64), workload)
    before = memory.peak_bytes(module, step, (), "cpu")
    assert module.weight.grad is not None
    assert memory.peak_bytes(module, step, (), "cpu") == before


def test_the_resident_set_is_known_on_linux_only(tmp_path):
    assert memory.peak_resident_bytes(tmp_path / "none") is None
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t  123456 kB\nVmRSS:\t 1 kB\n")
    assert memory.peak_resident_bytes(tmp_path / "status") == 123456 * 1024
    assert memory.reserved_bytes("cpu") is None


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_the_lower_bound_of_a_pair_lies_below_what_is_held(phase):
    workload = Workload(phase=phase, batch_size=8, input_shape=(8, 3, 16, 16))
    costs, peaks, left = [], [], []
    for variant in ("plain", "se"):
        module = models.build(ModelSpec(model="cifar_wrn16_8", variant=variant), seed=1).module
        costs.append(count(module, workload.input_shape, phase=phase))
        batch = make_input(workload, seed=1)
        step = inference_step(module, Inputs((batch,)), workload)
        targets = make_targets(workload, step(), seed=1)
        step = training_step(module, Inputs((batch,)), targets, workload) if phase == "training" else step
        step()
        peaks.append(memory.peak_bytes(module, step, (batch,), "cpu"))
        tensors = [*module.parameters(), *module.buffers(), *(p.grad for p in module.parameters())]
        left.append(sum(tensor.nbytes for tensor in tensors if tensor is not None))
    held = max(peaks[0] + left[1], peaks[1] + left[0])
    assert 0.5 * held < least_bytes(workload, *costs) < held
