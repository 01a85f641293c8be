"""Times of the ops of a step, by a clock that only the ops move."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from sebench.profilers.ops import op_times, profile_ops
from sebench.schema import OpPlace
from tests.fakes import FakeDevice

CONV = OpPlace(op="aten.convolution", module="0", stage="0", site=None, phase="forward")
RELU = CONV._replace(op="aten.relu", module="1", stage="1")
RARE = CONV._replace(op="aten.sort")


class Network:
    """Two calls of one op that take 2 s together, one of another, and Python around them that takes 1 s."""

    def __init__(self):
        self.device, self.during, self.steps = FakeDevice(), None, 0

    @contextmanager
    def attributed(self, during):
        self.during = during
        yield
        self.during = None

    def op(self, place, seconds):
        if self.during is None:
            self.device.now_s += seconds
            return
        with self.during(place):
            self.device.now_s += seconds

    def step(self):
        self.steps += 1
        self.op(CONV, 0.5)
        self.device.now_s += 1
        self.op(RELU, 0.25)
        self.op(CONV, 1.5)


def test_every_op_has_the_time_of_its_calls_in_each_step():
    network = Network()
    samples, profiled_s, plain_s = profile_ops(network.step, network.device, 3, network.attributed)
    assert [(sample.place, sample.calls, sample.times_s) for sample in samples] == [
        (CONV, 2, (2.0, 2.0, 2.0)),  # 0.5 + 1.5
        (RELU, 1, (0.25, 0.25, 0.25)),
    ]
    assert profiled_s == plain_s == (3.25, 3.25, 3.25)  # with the second of Python
    assert network.steps == 3 * (2 + 1 + 2 + 1)  # two before each that counts


def test_an_op_that_a_step_does_not_run_took_no_time_in_it():
    network = Network()

    def step():
        network.step()
        if network.steps == 3:  # the first one that counts
            network.op(RARE, 4.0)

    samples, _, _ = profile_ops(step, network.device, 2, network.attributed)
    assert [(sample.calls, sample.times_s) for sample in samples if sample.place == RARE] == [(1, (4.0, 0))]


@pytest.mark.parametrize("name", ["sebench:0", "sebench:1"])
def test_on_an_accelerator_an_op_takes_what_its_kernels_take(name):
    def event(device):  # 7 us on the host, 3 us of kernels
        return SimpleNamespace(
            name=name,
            cpu_time_total=7,
            device_time_total=3,
            device_type=SimpleNamespace(name=device),
        )

    found = op_times([event("CPU"), event("CUDA"), event("CPU")], {"sebench:0": CONV, "sebench:1": RELU})
    assert found == {CONV if name.endswith("0") else RELU: pytest.approx([3e-6, 3e-6])}
