"""The CPU as a device: thread count, denormals and garbage collection under control."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from sebench.profilers.device import EnergyCounter, Step, Timing, collector_off, parts_of
from sebench.profilers.host import Host
from sebench.profilers.probes import canary
from sebench.profilers.rapl import open_rapl


class CpuDevice:
    """Times on `time.perf_counter`; nothing is asynchronous, so there is nothing to synchronize."""

    name = "cpu"

    def __init__(self, *, threads: int) -> None:
        torch.set_num_threads(threads)
        self._marked_s: float | None = None

    def clock(self) -> float:
        """Monotonic seconds with sub-microsecond resolution."""
        return time.perf_counter()

    def timed(self, step: Step, count: int) -> Timing:
        """Time each step on its own; on the CPU a returned step is a finished one."""
        run, restore = parts_of(step)
        times = [self._timed(run, restore) for _ in range(count)]
        forward = tuple(forward_s for _, forward_s in times if forward_s is not None)
        return Timing(steps_s=tuple(step_s for step_s, _ in times), forward_s=forward)

    def _timed(self, run: Step, restore: Callable[[], object] | None) -> tuple[float, float | None]:
        self._marked_s = None
        if restore is not None:
            restore()
        start_s = self.clock()
        run()
        end_s = self.clock()
        return end_s - start_s, None if self._marked_s is None else self._marked_s - start_s

    def mark(self) -> None:
        """Note the time at which the forward pass ended."""
        self._marked_s = self.clock()

    def canary_s(self) -> float:
        """Fixed integer work."""
        return canary(clock=self.clock)

    def state(self) -> None:
        """The host's probes say all there is to say about a CPU."""

    def pause(self, duration_s: float) -> None:
        """Sleep between segments (never inside one)."""
        time.sleep(duration_s)

    def energy_counter(self) -> EnergyCounter:
        """RAPL: the CPU packages, and the memory where the processor counts it.

        Raises:
            DeviceError: this machine has no such counter, or it may not be read.
        """
        return open_rapl(Host())

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Garbage collection off and denormals flushed to zero, both restored afterwards.

        Random weights behind sigmoids can produce denormals, which slow x86 arithmetic many-fold and
        would be blamed on the attention module.
        """
        torch.set_flush_denormal(True)
        try:
            with collector_off():
                yield
        finally:
            torch.set_flush_denormal(False)
