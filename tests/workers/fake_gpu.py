"""A worker on a GPU that is not there: ``fake_gpu.py CONDITION``; time passes as it is told.

Speaks the protocol through the real `serve`. CONDITION: ``calm``, ``shared`` (another process), ``hot``
(thermal slowdown in every third block), ``full`` (no room for more than 4 images), ``uneven`` (rank 1 takes
twice as long as rank 0), ``writes`` (networks that write to their input). Of its energy counter: ``mig``,
``denied``, ``old`` (not supported), ``stuck``, ``lost`` (after some reads), ``joined`` (by another process,
later).
"""

import os
import sys
from contextlib import contextmanager
from random import Random

import torch
from torch import nn

from sebench.profilers.device import Timing
from sebench.profilers.nvml import NvmlReader
from sebench.schema import DeviceState
from sebench.worker import serve as worker
from sebench.worker import timing

COSTS = {"plain": 0.100, "se": 0.110}
JOULES = {"plain": 20.0, "se": 40.0}
IDLE_W = 30.0
READS_UNTIL_LOST, READS_UNTIL_JOINED = 12, 9
ROOM = 4


RANK = int(os.environ.get("RANK", "0"))


class Toy(nn.Module):
    def __init__(self, variant, condition):
        super().__init__()
        self.fc = nn.Linear(12, 5)
        self.variant, self.condition = variant, condition

    def forward(self, x):
        if self.condition == "full" and self.training and len(x) > ROOM:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        slowness = 1 + RANK if self.condition == "uneven" else 1
        FakeGpu.cost_s, FakeGpu.joules = COSTS[self.variant] * slowness, JOULES[self.variant]
        if self.condition == "writes":
            x.relu_()
        return self.fc(x.flatten(1)[:, :12])


class Nvml:
    """The management library of that GPU, as far as its energy counter goes."""

    class NVMLError(Exception):
        pass

    def __init__(self, gpu):
        self.gpu, self.reads = gpu, 0

    def nvmlDeviceGetMigMode(self, handle):  # noqa: N802 - the library's own name
        return [int(self.gpu.condition == "mig")] * 2

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):  # noqa: N802
        self.reads += 1
        if self.gpu.condition == "denied":
            raise self.NVMLError("Insufficient Permissions")
        if self.gpu.condition == "old":
            raise self.NVMLError("Not Supported")
        if self.gpu.condition == "lost" and self.reads > READS_UNTIL_LOST:
            raise self.NVMLError("GPU is lost")
        return 0 if self.gpu.condition == "stuck" else round(self.gpu.energy_joules * 1000)


class FakeGpu:
    """Costs with 1 % of noise and a slow drift that both sides share; seeded."""

    name = "cuda:0"
    cost_s = joules = 0.0

    def __init__(self, condition):
        self.energy_joules = 0.0
        self.now_s, self.condition, self.rng, self.reads = 0.0, condition, Random(1), 0

    def clock(self):
        return self.now_s

    def timed(self, step, count):
        total_s = 0.0
        for _ in range(count):
            step()
            drift = 1 + 0.05 * min(1.0, self.now_s / 60)
            total_s += FakeGpu.cost_s * drift * self.rng.gauss(1, 0.01)
            self.energy_joules += FakeGpu.joules
        self.now_s += total_s
        if not count:
            return Timing(steps_s=())
        mean_s = total_s / count
        return Timing(
            steps_s=(mean_s,), forward_s=(mean_s / 3,), device_s=mean_s * 0.99, submit_s=mean_s * 0.2
        )

    def mark(self):
        pass

    def pause(self, duration_s):
        self.now_s += duration_s
        self.energy_joules += IDLE_W * duration_s

    def energy_counter(self):
        return NvmlReader(Nvml(self), "handle").energy_counter()

    def canary_s(self):
        return 0.004

    def state(self):
        self.reads += 1
        hot = self.condition == "hot" and (self.reads // 5) % 3 == 0
        return DeviceState(
            sm_clock_hz=1.98e9,
            slowdowns=("hw-thermal",) if hot else (),
            other_processes=int(self.condition == "shared" or self.joined()),
        )

    def joined(self):
        return self.condition == "joined" and self.reads > READS_UNTIL_JOINED

    @contextmanager
    def quiet(self):
        yield


class OnTheCpu:
    """The request as it came, but for the device: the tensors of the toy networks stay here."""

    def __init__(self, lines):
        self.lines = lines

    def readline(self):
        line = self.lines.readline()
        return line.replace(b'"device":"cuda:0"', b'"device":"cpu"')


if __name__ == "__main__":
    condition = sys.argv[1]
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    torch.set_num_threads(1)
    worker.runtime_facts = timing.runtime_facts = lambda device: {
        "device": {"name": "Fake GPU", "type": "cuda"}
    }
    worker.serve(
        OnTheCpu(sys.stdin.buffer),
        replies,
        build=lambda spec, seed, workload, beside: Toy(spec.variant, condition),
        select=lambda workload: FakeGpu(condition),
    )
