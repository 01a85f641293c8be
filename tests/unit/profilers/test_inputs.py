"""Every network's own copy of the input: what it did to it is undone, and never in a time."""

import pytest
import torch
from torch import nn

from sebench.profilers.cpu import CpuDevice
from sebench.profilers.device import RestoredStep
from sebench.profilers.inputs import OwnInput, make_input, make_source, make_targets
from sebench.profilers.workload import inference_step, training_step
from sebench.schema import Workload

WORKLOAD = Workload(batch_size=2, input_shape=(2, 3, 4, 4), memory_format="channels_last")


@pytest.fixture
def source():
    return make_source(WORKLOAD, seed=1)


@pytest.mark.parametrize(
    "change",
    [
        torch.relu_,
        lambda x: x.sub_(0.5).div_(0.25),
        lambda x: x.numpy().fill(7.0),  # behind torch's back
        lambda x: x.resize_(2, 3, 2, 2),
        lambda x: x.transpose_(1, 2),
        lambda x: x.unsqueeze_(0),
        lambda x: x.requires_grad_(),
        lambda x: x.mul_(nn.Parameter(torch.ones(()))),
        lambda x: x[0].zero_(),
    ],
)
def test_whatever_was_done_to_it_is_undone(source, change):
    own = OwnInput(lambda: source, "cpu")
    assert not own.is_changed()
    change(own.tensors[0])
    assert own.is_changed()
    own.restore()
    assert not own.is_changed()
    assert torch.equal(own.tensors[0], make_input(WORKLOAD, seed=1))
    assert own.tensors[0].is_contiguous(memory_format=torch.channels_last)
    assert (own.tensors[0].grad, own.tensors[0].grad_fn) == (None, None)


def test_two_copies_of_a_source_share_nothing(source):
    first, second = OwnInput(lambda: source, "cpu"), OwnInput(lambda: source, "cpu")
    first.tensors[0].zero_()
    assert (first.is_written(), second.is_written()) == (True, False)
    assert not second.is_changed()
    first.restore()
    assert not first.is_written()


class Doubles(nn.Module):
    """Of what it is given it makes twice as much, in place."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(48, 5)

    def forward(self, x):
        return self.fc(x.mul_(2.0).flatten(1))


def test_every_step_sees_the_same_data(source):
    own = OwnInput(lambda: source, "cpu")
    seen = []
    step = inference_step(Doubles(), own.inputs, WORKLOAD)
    device = CpuDevice(threads=torch.get_num_threads())
    device.timed(RestoredStep(lambda: seen.append(step()), own.restore), 130)
    # 2 ** 128 is infinite in float32: unrestored, the 128th step would be
    assert all(torch.equal(output, seen[0]) for output in seen)
    assert torch.isfinite(seen[-1]).all()


@pytest.mark.parametrize("micro_batch_size", [None, 1])
def test_training_steps_do_too(source, micro_batch_size):
    workload = Workload(
        phase="training", batch_size=2, input_shape=WORKLOAD.input_shape, micro_batch_size=micro_batch_size
    )
    own, module = OwnInput(lambda: source, "cpu"), Doubles()
    targets = make_targets(workload, torch.zeros(2, 5), seed=2)
    step = RestoredStep(training_step(module, own.inputs, targets, workload), own.restore)
    losses = [step() for _ in range(3)]
    assert losses[0] == losses[1] == losses[2]


class Ticking(CpuDevice):
    """A clock that moves only when somebody does something."""

    now_s = 0.0

    def clock(self):
        return self.now_s

    def spend(self, duration_s):
        self.now_s += duration_s


def test_bringing_an_input_back_takes_no_time_of_a_step():
    device = Ticking(threads=torch.get_num_threads())
    step = RestoredStep(lambda: device.spend(2.0), lambda: device.spend(5.0))
    assert device.timed(step, 3).steps_s == (2.0, 2.0, 2.0)
    assert device.now_s == 3 * (5.0 + 2.0)
    step()
    assert device.now_s == 4 * (5.0 + 2.0)
