"""Ranks: the slowest one's time, and gradients that are those of the whole batch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from sebench.errors import DeviceError
from sebench.inputs import Inputs
from sebench.profilers import distributed
from sebench.profilers.distributed import DistributedDevice, host_store, lone_rank, process_group
from sebench.profilers.inputs import make_input, make_targets
from sebench.profilers.workload import gradient_bytes, training_step
from sebench.schema import Workload
from tests.fakes import FakeDevice
from tests.workers.second_rank import SHAPE, network

SECOND_RANK = Path(__file__).parents[1] / "workers" / "second_rank.py"


def workload_of(**fields):
    return Workload(phase="training", batch_size=SHAPE[0], input_shape=SHAPE, world_size=2, **fields)


class Other:
    """Another rank whose device is known: what it would have contributed to each maximum."""

    def __init__(self, *contributions):
        self.contributions, self.seen = list(contributions), []

    def __call__(self, own):
        self.seen.append(tuple(own))
        return [max(pair) for pair in zip(own, self.contributions.pop(0), strict=True)]


def training(device, forward_s, backward_s):
    def step():
        device.now_s += forward_s
        device.mark()
        device.now_s += backward_s

    return step


def test_a_step_takes_as_long_as_on_the_slowest_rank_from_a_common_start():
    local = FakeDevice()
    # start; then two steps, two forward parts, no device time, no submit time
    other = Other([0.0], [0.5, 0.2, 0.1, 0.1, 0.0, 0.0])
    announced = []
    device = DistributedDevice(local, other, lambda step, count: announced.append((step, count)))
    step = training(local, 0.2, 0.1)
    timing = device.timed(step, 2)
    assert announced == [(step, 2)]
    assert other.seen[0] == (0.0,)
    assert timing.steps_s == pytest.approx((0.5, 0.3))
    assert timing.forward_s == pytest.approx((0.2, 0.2))
    assert (timing.device_s, timing.submit_s) == (None, None)


def test_no_steps_are_announced_to_nobody():
    device = DistributedDevice(FakeDevice(), Other(), pytest.fail)
    assert device.timed(pytest.fail, 0).steps_s == ()


def test_everything_else_is_the_local_device_s():
    local = FakeDevice()
    device = DistributedDevice(local, Other())
    device.pause(2.0)
    assert (device.name, device.clock(), device.state()) == ("cpu", 2.0, None)
    assert device.canary_s() == local.canary_s()
    with device.quiet():
        pass


@pytest.fixture
def stepped():
    """Run one step of two ranks, this process being rank 0; returns its network afterwards."""
    started = []

    def run(micro_batch_size):
        workload = workload_of(micro_batch_size=micro_batch_size)
        store = host_store()
        command = [sys.executable, str(SECOND_RANK), str(store.port), str(micro_batch_size or 0)]
        other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(other)
        module = network()
        with process_group(store, rank=0, world_size=2, device="cpu", timeout_s=600.0):
            batch = make_input(workload, seed=4)
            training_step(module, Inputs((batch,)), make_targets(workload, module(batch), seed=4), workload)()
            out, _ = other.communicate(timeout=600.0)
        return module, json.loads(out)

    yield run
    for process in started:
        process.kill()
        process.communicate()


# Micro-batches of 8 are 4 images on each rank: 4 + 2.
@pytest.mark.parametrize("micro_batch_size", [None, 8])
def test_every_rank_ends_with_the_gradient_of_the_whole_batch(stepped, micro_batch_size):
    module, other = stepped(micro_batch_size)
    whole = Workload(phase="training", batch_size=SHAPE[0], input_shape=SHAPE)
    reference = network()
    logits = reference(make_input(whole, seed=4))
    functional.cross_entropy(logits, make_targets(whole, logits, seed=4)).backward()
    for found, expected in zip(module.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad)
    torch.testing.assert_close(torch.tensor(other), module[1].bias.grad)


def test_ranks_take_equal_parts_of_one_batch():
    whole = Workload(phase="training", batch_size=SHAPE[0], input_shape=SHAPE)
    parts = [make_input(workload_of(), seed=4, rank=rank) for rank in range(2)]
    assert torch.equal(torch.cat(parts), make_input(whole, seed=4))
    logits = torch.zeros(SHAPE[0], 5)
    targets = [
        make_targets(workload_of(), part, seed=4, rank=rank) for rank, part in enumerate(logits.chunk(2))
    ]
    assert torch.equal(torch.cat(targets), make_targets(whole, logits, seed=4))
    assert workload_of().rank_input_shape == parts[0].shape


def test_a_lone_rank_steps_without_the_others():
    workload, module = workload_of(), network()
    with lone_rank(workload):
        batch = make_input(workload, seed=4)
        training_step(module, Inputs((batch,)), make_targets(workload, module(batch), seed=4), workload)()
    assert module[1].bias.grad.abs().sum() > 0
    # 3 x 4 x 4 inputs, 5 classes, with a bias, in float32
    assert gradient_bytes(module) == 4 * (48 * 5 + 5)
    module[1].bias.requires_grad_(False)
    assert gradient_bytes(module) == 4 * 48 * 5


def test_devices_of_ranks():
    assert [workload_of().device_of(rank) for rank in range(2)] == ["cpu", "cpu"]
    assert [workload_of(device="cuda:0").device_of(rank) for rank in range(2)] == ["cuda:0", "cuda:1"]
    assert Workload(device="cuda:3", input_shape=SHAPE).device_of(0) == "cuda:3"


@pytest.mark.parametrize(
    ("device", "missing", "message"),
    [
        ("cpu", "is_gloo_available", "was built without gloo, so there is no --world-size"),
        ("cuda:0", "is_nccl_available", "was built without NCCL; use --device cpu"),
    ],
)
def test_a_torch_without_the_backend_is_said(monkeypatch, device, missing, message):
    monkeypatch.setattr(distributed.distributed, missing, lambda: False)
    with pytest.raises(DeviceError, match=message):
        distributed.require_backend(device)


def test_backends_times_go_through_gloo_gradients_through_the_device():
    assert distributed._backend("cpu") == "gloo"
    assert distributed._backend("cuda:1") == "cpu:gloo,cuda:nccl"
