"""The parts of an SE block in a profiled step; no test looks at how long anything takes."""

from types import SimpleNamespace

import pytest
import torch

from sebench import models
from sebench.errors import DeviceError
from sebench.inputs import Inputs
from sebench.models.attention import stand_in
from sebench.profilers import roofline
from sebench.profilers.cpu import CpuDevice
from sebench.profilers.inputs import make_input
from sebench.profilers.parts import part_times, profile_parts, without
from sebench.profilers.roofline import measure_machine
from sebench.profilers.trace import Scope
from sebench.profilers.workload import inference_step, training_step
from sebench.schema import ModelSpec, Workload, parse_variant
from tests.fakes import FakeDevice


def network(variant="se"):
    built = models.build(ModelSpec(model="cifar_wrn16_8", variant=variant), seed=0)
    return built.module, built.sites


PARTS = ("squeeze", "excite", "scale")


def ablated(sites, part):
    module, _ = network()
    return without(module, sites, part, lambda: stand_in(parse_variant("se"), part))


def batch(size=2):
    return torch.randn(size, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def profiled():
    module, sites = network()
    workload = Workload(phase="training", batch_size=2, input_shape=(2, 3, 8, 8))
    step = training_step(module, Inputs((batch(),)), torch.tensor([1, 2]), workload)
    step()
    return module, profile_parts(module, sites, step, CpuDevice(threads=1), repeats=2, parts=PARTS)


def test_every_part_of_every_site_has_a_forward_and_a_backward(profiled):
    _, (parts, steps, plain) = profiled
    assert {(p.site, p.part, p.phase) for p in parts} == {
        (site, part, phase)
        for site in network()[1]
        for part in ("squeeze", "excite", "scale")
        for phase in ("forward", "backward")
    }
    assert all(len(p.times_s) == 2 and min(p.times_s) > 0 for p in parts)
    assert len(steps) == len(plain) == 2
    # what lies inside a step is shorter than the step
    assert sum(p.times_s[0] for p in parts) < steps[0]


def test_hooks_are_removed(profiled):
    module, _ = profiled
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())


def test_inference_has_no_backward():
    module, sites = network()
    step = inference_step(module, Inputs((batch(),)), Workload(input_shape=(2, 3, 8, 8)))
    parts, _, _ = profile_parts(module, sites, step, CpuDevice(threads=1), repeats=1, parts=PARTS)
    assert {p.phase for p in parts} == {"forward"}


@pytest.mark.parametrize("part", ["squeeze", "excite", "scale"])
def test_a_network_without_a_part_still_runs_and_lacks_just_that(part):
    module, sites = network()
    whole = module(batch())
    without_it = ablated(sites, part)
    assert without_it(batch()).shape == whole.shape
    kept = {name for name, _ in without_it.get_submodule(sites[0]).named_children()}
    assert kept == {"squeeze", "excite", "scale"}


def test_leaving_the_scale_out_is_the_plain_network():
    plain, _ = network("plain")
    _, sites = network()
    torch.testing.assert_close(ablated(sites, "scale").eval()(batch()), plain.eval()(batch()))


def test_a_part_that_a_network_does_not_have_cannot_be_left_out():
    module, sites = network()
    with pytest.raises(AttributeError, match="has no attribute `gather`"):
        without(module, sites, "gather", torch.nn.Identity)


def test_bounds_are_the_best_of_their_repetitions(monkeypatch):
    monkeypatch.setattr(roofline, "COPY_BYTES", 2**20)

    class Slowing(FakeDevice):
        def timed(self, step, count):
            step()
            self.now_s += 1.0
            return super().timed(lambda: self.pause(0.5 + self.now_s / 1000), count)

    machine = measure_machine(Slowing())
    # the first repetition after the two warm ones is the fastest; 2 MiB in about half a second
    assert 3.52e6 < machine.copy_bytes_per_s < 2 * 2**20 / 0.5
    assert machine.launch_s > 0
    assert machine.measured_at is not None


@pytest.mark.parametrize(
    ("seconds_of_128", "side"),
    [
        # Five repetitions of 1024 x 1024 take 5 x 8**3 x 0.5 ms = 1.28 s, of 2 s.
        (0.5e-3, 1024),
        # Those of 512 x 512 take 5 x 4**3 x 5 ms = 1.6 s, of twice the side 8 times as long.
        (5e-3, 512),
        # Not even those of 256 x 256 are possible: 5 x 2**3 x 1 s.
        (1.0, 128),
    ],
)
def test_the_matrices_of_a_slow_machine_are_smaller(seconds_of_128, side, monkeypatch):
    sides = []

    class Matrix:
        def __init__(self, side):
            self.side = side

        def __matmul__(self, other):
            sides.append(self.side)
            device.now_s += seconds_of_128 * (self.side / 128) ** 3

    class Device(FakeDevice):
        def timed(self, step, count):  # nothing takes no time at all
            return super().timed(lambda: (step(), self.pause(1e-9)), count)

    device = Device()
    monkeypatch.setattr(torch, "ones", lambda rows, columns, **options: Matrix(rows))
    monkeypatch.setattr(roofline, "COPY_BYTES", 2**10)
    machine = measure_machine(device)
    # 2 x 128**3 operations in the time of a product of that size
    assert machine.matmul_flops_per_s == pytest.approx(2 * 128**3 / seconds_of_128)
    assert sides[-1] == side
    # after two that do not count three at least, then until 2 s are over: 8 x 0.256 s, 7 x 0.32 s; all sides
    # but the largest are tried beforehand
    assert sides.count(side) == {1024: 2 + 8, 512: 2 + 2 + 7, 128: 2 + 2 + 3}[side]


def event(name, number=-1, *, host_us=0.0, device_us=0.0, children=(), kind="CPU"):
    return SimpleNamespace(
        name=name, sequence_nr=number, cpu_time_total=host_us, device_time_total=device_us,
        cpu_children=children, device_type=SimpleNamespace(name=kind),
    )  # fmt: skip


def test_on_an_accelerator_the_kernels_count_and_not_the_host():
    scopes = {
        "sebench:a.squeeze": Scope("a", "squeeze", output_number=7),
        "sebench:b.squeeze": Scope("b", "squeeze", output_number=9),
    }
    backward = "autograd::engine::evaluate_function: "
    trace = [
        event("sebench:a.squeeze", host_us=90, device_us=5, children=(event("aten::mean", 7),)),
        event("sebench:b.squeeze", host_us=80, device_us=6, children=(event("aten::mean", 9),)),
        # the same scope as the device saw it: not counted again
        event("sebench:a.squeeze", device_us=5, kind="CUDA"),
        event(f"{backward}MeanBackward1", 7, host_us=70, device_us=20),
        event(f"{backward}MeanBackward1", 9, host_us=60, device_us=30),
        event(f"{backward}MulBackward0", 8, host_us=50, device_us=40),  # nobody's
        event("MeanBackward1", 7, host_us=40, device_us=20),  # within the first
    ]
    found = part_times(trace, scopes, on_device=True)
    assert found == {
        ("a", "squeeze", "forward"): pytest.approx(5e-6),
        ("b", "squeeze", "forward"): pytest.approx(6e-6),
        ("a", "squeeze", "backward"): pytest.approx(20e-6),
        ("b", "squeeze", "backward"): pytest.approx(30e-6),
    }
    found = part_times(trace, scopes, on_device=False)
    assert found["a", "squeeze", "forward"] == pytest.approx(90e-6)
    assert found["b", "squeeze", "backward"] == pytest.approx(60e-6)


def test_an_accelerator_that_the_profiler_does_not_know_is_refused():
    module, sites = network()
    device = FakeDevice()
    device.name = "mps:0"
    with pytest.raises(DeviceError, match="torch's profiler cannot trace mps devices; use --device cpu"):
        profile_parts(module, sites, lambda: None, device, repeats=1, parts=PARTS)


@pytest.mark.parametrize("dtype", ["bfloat16", "amp-bfloat16"])
def test_parts_in_other_number_formats(dtype):
    module, sites = network()
    load = Workload(input_shape=(2, 3, 8, 8), dtype=dtype, memory_format="channels_last")
    images = make_input(load, seed=0)
    targets = torch.tensor([1, 2])
    step = training_step(module, Inputs((images,)), targets, load)
    step()
    parts, _, _ = profile_parts(module, sites, step, CpuDevice(threads=1), repeats=1, parts=PARTS)
    assert len(parts) == 6 * 3 * 2  # sites, parts, passes
    assert min(p.times_s[0] for p in parts) > 0
