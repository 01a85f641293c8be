"""Doubles for the clock and the device: costs are set, so every outcome is exact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sebench.errors import DeviceError
from sebench.profilers.device import Timing, Zone
from sebench.schema import DeviceState

CANARY_S = 0.004


class FakeCounter:
    """Microjoules of `device.energy_joules`, in a register that starts again at `range_counts`."""

    name = "rapl"

    def __init__(self, device, range_counts=None):
        self.zones = (Zone(name="package-0", joules_per_count=1e-6, range_counts=range_counts),)
        self._device = device

    def read(self):
        counts = round(self._device.energy_joules * 1e6)
        (zone,) = self.zones
        return (counts if zone.range_counts is None else counts % zone.range_counts,)


class FakeDevice:
    """Time passes only when a step runs or somebody pauses.

    `cost_s` is called with the time and returns what the step costs, so drift and neighbours can be played.
    """

    name = "cpu"

    def __init__(self) -> None:
        self.now_s = 0.0
        self.energy_joules, self.idle_w, self.others = 0.0, 10.0, None
        self.log: list[str] = []

    def clock(self) -> float:
        return self.now_s

    def timed(self, step, count: int) -> Timing:
        self.log.append("sync")
        steps_s, forward_s = [], []
        for _ in range(count):
            start_s, self._marked_s = self.now_s, None
            step()
            steps_s.append(self.now_s - start_s)
            if self._marked_s is not None:
                forward_s.append(self._marked_s - start_s)
        return Timing(steps_s=tuple(steps_s), forward_s=tuple(forward_s))

    def mark(self) -> None:
        self._marked_s = self.now_s

    def canary_s(self) -> float:
        return CANARY_S

    def state(self) -> DeviceState | None:
        return None if self.others is None else DeviceState(other_processes=self.others)

    def pause(self, duration_s: float) -> None:
        self.now_s += duration_s
        self.energy_joules += duration_s * self.idle_w

    def energy_counter(self) -> FakeCounter:
        if self.energy_joules is None:
            raise DeviceError("no energy counter here")
        return FakeCounter(self)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        yield

    def step(self, letter: str, cost_s, joules=0.0):
        """A step that costs `cost_s` seconds, or `cost_s(now)`, and `joules`."""

        def run() -> None:
            self.log.append(letter)
            self.now_s += cost_s(self.now_s) if callable(cost_s) else cost_s
            self.energy_joules += joules

        return run
