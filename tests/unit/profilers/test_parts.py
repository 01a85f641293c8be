"""The parts of an SE block in a profiled step; no test looks at how long anything takes."""

import pytest
import torch

from sebench import models
from sebench.profilers.ablation import without
from sebench.profilers.cpu import CpuDevice
from sebench.profilers.parts import profile_parts
from sebench.profilers.roofline import measure_machine
from sebench.profilers.workload import inference_step, training_step
from sebench.schema import ModelSpec, Workload
from tests.fakes import FakeDevice


def network(variant="se"):
    built = models.build(ModelSpec(model="cifar_wrn16_8", variant=variant), seed=0)
    return built.module, {site: built.stages[site.split(".")[0]] for site in built.sites}


def batch(size=2):
    return torch.randn(size, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def profiled():
    module, sites = network()
    workload = Workload(phase="training", batch_size=2, input_shape=(2, 3, 8, 8))
    step = training_step(module, batch(), torch.tensor([1, 2]), workload)
    step()
    return module, profile_parts(module, sites, step, CpuDevice(threads=1), repeats=2)


def test_every_part_of_every_stage_has_a_forward_and_a_backward(profiled):
    _, (parts, steps, plain) = profiled
    assert {(p.stage, p.part, p.phase) for p in parts} == {
        (stage, part, phase)
        for stage in "234"
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
    step = inference_step(module, batch(), Workload(input_shape=(2, 3, 8, 8)))
    parts, _, _ = profile_parts(module, sites, step, CpuDevice(threads=1), repeats=1)
    assert {p.phase for p in parts} == {"forward"}


@pytest.mark.parametrize("part", ["squeeze", "excite", "scale"])
def test_a_network_without_a_part_still_runs_and_lacks_just_that(part):
    module, sites = network()
    whole = module(batch())
    ablated = without(network()[0], sites, part)
    assert ablated(batch()).shape == whole.shape
    kept = {name for name, _ in ablated.get_submodule(next(iter(sites))).named_children()}
    assert kept == {"squeeze", "excite", "scale"}


def test_leaving_the_scale_out_is_the_plain_network():
    plain, _ = network("plain")
    module, sites = network()
    torch.testing.assert_close(without(module, sites, "scale").eval()(batch()), plain.eval()(batch()))


def test_bounds_are_the_best_of_their_repetitions():
    class Slowing(FakeDevice):
        def timed(self, step, count):
            step()
            self.now_s += 1.0
            return super().timed(lambda: self.pause(0.5 + self.now_s / 1000), count)

    machine = measure_machine(Slowing())
    # the first repetition after the two warm ones is the fastest; 2 x 256 MiB in about half a second
    assert 0.9e9 < machine.copy_bytes_per_s < 2 * 2**28 / 0.5
    assert machine.launch_s > 0
