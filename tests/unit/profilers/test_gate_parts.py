"""The parts of gates that authors wrote, in a profiled step; no test looks at how long anything takes."""

from types import SimpleNamespace

import pytest
import torch
from msgspec.structs import astuple
from torch import nn

from sebench import counters
from sebench.errors import DeviceError
from sebench.inputs import Inputs
from sebench.profilers.cpu import CpuDevice
from sebench.profilers.gate_parts import RecordedOps, gate_times, profile_gates
from sebench.profilers.workload import inference_step, training_step
from sebench.schema import Workload
from sebench.surgery.sites import find_sites
from tests.fakes import FakeDevice

SHAPE = (2, 3, 8, 8)
SQUEEZE, EXCITE, SCALE = (("se", part) for part in ("squeeze", "excite", "scale"))


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(6, 3), nn.Linear(3, 6)

    def forward(self, x):
        factors = self.up(self.down(x.mean((2, 3))).relu()).sigmoid()
        return x * factors[:, :, None, None]


class Net(nn.Module):
    """A product that is none of a gate before one, in the same module or not."""

    def __init__(self, *, inline):
        super().__init__()
        self.conv, self.se, self.head = nn.Conv2d(3, 6, 1), Gate(), nn.Linear(6, 5)
        self.inline = inline

    def forward(self, x):
        x = self.conv(x) * 0.5
        x = Gate.forward(self.se, x) if self.inline else self.se(x)
        return self.head(x.mean((2, 3)))


def recorded(network):
    record = counters.record(network, SHAPE)
    places = find_sites(record).places
    owners = {}
    for op in record.ops:
        if op.key is not None:
            place = places.get(op.key)
            owners[astuple(op.key)] = (
                None if place is None or place.site is None else (place.site, place.part)
            )
    return RecordedOps(owners)


def test_the_parts_are_those_of_data_flow():
    ops = recorded(Net(inline=False))
    gate = {key: owner for key, owner in ops.owners.items() if owner is not None}
    assert gate == {
        ("se", "mean", 0): SQUEEZE,
        ("se.down", "addmm", 0): EXCITE,
        ("se", "relu", 0): EXCITE,
        ("se.up", "addmm", 0): EXCITE,
        ("se", "sigmoid", 0): EXCITE,
        ("se", "mul", 0): SCALE,
    }
    assert ops.pure == {"se", "se.down", "se.up"}
    assert ops.watched(Net(inline=False)) == ("se", "se.down", "se.up")


def test_among_other_things_what_is_in_the_module_is_told_apart():
    network = Net(inline=True)
    ops = recorded(network)
    # the first product and the last mean are no attention
    assert ops.owners["", "mul", 0] is ops.owners["", "mean", 1] is None
    assert (ops.owners["", "mean", 0], ops.owners["", "mul", 1]) == (
        ("(network)", "squeeze"),
        ("(network)", "scale"),
    )
    assert ops.pure == {"se", "se.down", "se.up"}
    assert ops.watched(network) == ("", "conv", "se", "head", "se.down", "se.up")


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("phase", ["inference", "training"])
def test_every_part_has_a_time_in_each_pass(inline, phase):
    network = Net(inline=inline)
    images = Inputs((torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)),))
    workload = Workload(phase=phase, batch_size=2, input_shape=SHAPE)
    ops = recorded(network)
    if phase == "training":
        step = training_step(network, images, torch.tensor([1, 2]), workload)
    else:
        step = inference_step(network, images, workload)
    step()
    samples, steps, plain = profile_gates(network, ops, step, CpuDevice(threads=1), repeats=2)
    passes = ("forward", "backward") if phase == "training" else ("forward",)
    site = "(network)" if inline else "se"
    assert {(each.site, each.part, each.phase) for each in samples} == {
        (site, part, each) for part in ("squeeze", "excite", "scale") for each in passes
    }
    assert all(len(each.times_s) == 2 and min(each.times_s) > 0 for each in samples)
    assert sum(each.times_s[0] for each in samples) < steps[0]
    assert len(plain) == 2
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in network.modules())


def event(name, start, end, *children, number=-1, device_us=0.0, kind="CPU"):
    made = SimpleNamespace(
        name=name, sequence_nr=number, cpu_children=list(children), cpu_parent=None,
        time_range=SimpleNamespace(start=start, end=end), cpu_time_total=end - start,
        device_time_total=device_us, device_type=SimpleNamespace(name=kind),
    )  # fmt: skip
    for child in children:
        child.cpu_parent = made
    return made


def flat(*roots):
    return [each for root in roots for each in (root, *flat(*root.cpu_children))]


OPS = RecordedOps(
    {
        ("", "convolution", 0): None,
        ("se", "mean", 0): SQUEEZE,
        ("se.fc", "convolution", 0): EXCITE,
        ("se", "sigmoid", 0): EXCITE,
        ("se", "mul", 0): SCALE,
    }
)
PATHS = {"sebench:se": "se", "sebench:se.fc": "se.fc"}
BACKWARD = "autograd::engine::evaluate_function: "


def pure_call():
    """From 10 to 50 us: a mean of 5, a convolution of 6 within one of 8, a sigmoid of 2, a product of 4."""
    return event(
        "sebench:se", 10, 50,
        event("aten::mean", 12, 17, event("aten::sum", 13, 14), number=5, device_us=3),
        event("aten::view", 18, 19, number=6),
        event(
            "sebench:se.fc", 20, 30,
            event("aten::conv2d", 21, 29, event("aten::convolution", 22, 28, number=7, device_us=4)),
        ),
        event("aten::sigmoid_", 33, 35, number=8, device_us=1),
        event("aten::_to_copy", 36, 37, device_us=2),
        event("aten::mul", 40, 44, number=9, device_us=6),
    )  # fmt: skip


def test_in_a_module_of_its_own_an_op_has_the_time_since_the_one_before():
    events = flat(
        event("aten::convolution", 0, 9, number=4),  # not in a call that is watched
        pure_call(),
        event("sebench:se", 10, 50, kind="CUDA"),  # as the device saw it
        event(f"{BACKWARD}MulBackward0", 60, 67, number=9),
        event(f"{BACKWARD}ConvolutionBackward0", 70, 78, number=7),
        event(f"{BACKWARD}ViewBackward0", 80, 81, number=6),
        event(f"{BACKWARD}ConvolutionBackward0", 90, 99, number=4),  # nobody's
    )
    found = gate_times(events, PATHS, OPS, on_device=False)
    assert found == {
        (*SQUEEZE, "forward"): pytest.approx(7e-6),  # 10 to 17
        (*EXCITE, "forward"): pytest.approx(18e-6),  # 17 to 28 and 28 to 35
        (*SCALE, "forward"): pytest.approx(15e-6),  # 35 to 44, and 44 to 50 behind it
        (*SCALE, "backward"): pytest.approx(7e-6),
        (*EXCITE, "backward"): pytest.approx(9e-6),  # 8, and 1 of the view before it
    }


def test_on_an_accelerator_the_kernels_count_and_not_the_host():
    found = gate_times(flat(pure_call()), PATHS, OPS, on_device=True)
    assert found == {
        (*SQUEEZE, "forward"): pytest.approx(3e-6),
        (*EXCITE, "forward"): pytest.approx(5e-6),  # 4 + 1
        (*SCALE, "forward"): pytest.approx(8e-6),  # 6, and the cast before it
    }


def test_among_other_things_the_ops_alone_count_and_the_number_tells_them_apart():
    ops = RecordedOps(
        {
            ("se", "mul", 0): None,
            ("se", "mean", 0): SQUEEZE,
            ("se", "mul", 1): SCALE,
            ("se.fc", "mul", 0): None,
        }
    )
    call = event(
        "sebench:se", 0, 50,
        event("aten::mul", 1, 3),
        event("aten::mean", 5, 9, event("aten::mul", 6, 7)),  # what an op does inside is not counted
        event("sebench:se.fc", 10, 20, event("aten::mul", 11, 19)),
        event("aten::mul_", 30, 36),
        event("aten::mul", 40, 45),  # unknown to the record
    )  # fmt: skip
    assert gate_times(flat(call), PATHS, ops, on_device=False) == {
        (*SQUEEZE, "forward"): pytest.approx(4e-6),
        (*SCALE, "forward"): pytest.approx(6e-6),
    }


def test_an_accelerator_that_the_profiler_does_not_know_is_refused():
    device = FakeDevice()
    device.name = "mps:0"
    with pytest.raises(DeviceError, match="torch's profiler cannot trace mps devices; use --device cpu"):
        profile_gates(Net(inline=False), recorded(Net(inline=False)), lambda: None, device, repeats=1)
