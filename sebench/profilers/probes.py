"""What the machine did to us during a block: external reasons to drop it, fixed before measuring.

A block is dropped for an external event only, never for being slow (docs/method.md): deleting by value would
bias whichever side the noise happened to hit.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sebench.profilers.cgroups import throttling
from sebench.profilers.host import LIVE_ROOT, Host, allowed_cpus
from sebench.profilers.machine import TICK_S, CpuTicks, allowed_ticks, machine_ticks, read_cpu_ticks

STEAL = "steal"
THROTTLED = "throttled"
CLOCK_JUMP = "clock-jump"

STEAL_RATIO_LIMIT = 0.05
"""The hypervisor took more than 5 % of the CPU time that was asked for."""
STEAL_TICKS_FLOOR = 2
"""One tick (10 ms) may have been stolen almost wholly before the block, so it never drops one alone."""
CLOCK_JUMP_S = 0.1
"""Far above the microseconds between two clock readings, far below any suspend."""
CANARY_ITERATIONS = 12_500
"""About 1 ms on the CPUs of the early 2020s: long against the timer, short against a block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Counters at one instant; only the difference of two says something. Unknown is None."""

    monotonic_s: float
    boottime_s: float | None
    """Monotonic time plus time suspended; only Linux tells it."""
    process_cpu_s: float
    """User and system time of all threads of this process."""
    cpus: tuple[int, ...] | None
    """The CPUs this process may run on, which `ticks` sums over; None where unknown."""
    ticks: CpuTicks | None
    machine: CpuTicks | None
    """Ticks of all CPUs."""
    throttled_periods: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interference:
    """What happened between two probes. Unknown is None."""

    steal_ratio: float | None
    """Stolen over wanted CPU time, on the CPUs this process may run on where they are known."""
    throttled_periods: int | None
    cpu_ratio: float | None
    """Process CPU time over threads x wall time; 1 where every thread was busy all along."""
    invalid: tuple[str, ...] = ()
    """``steal``, ``throttled``, ``clock-jump``: why the block does not count; empty where it does."""


def read_probe(root: Path = LIVE_ROOT, *, cpus: tuple[int, ...] | None = None) -> Probe:
    """Reads all counters now: a handful of small files, well below a millisecond.

    Args:
        root: Directory that stands for ``/`` (clocks are always this machine's).
        cpus: The CPUs of the workload; by default those this thread may run on now, which are too few
            once an OpenMP runtime has bound it to one place.
    """
    host = Host.at(root)
    cpus = allowed_cpus(host) if cpus is None else cpus
    table = read_cpu_ticks(host)
    stopped = throttling(host)
    return Probe(
        monotonic_s=time.monotonic(),
        boottime_s=_boottime_s(),
        process_cpu_s=time.process_time(),
        cpus=cpus,
        ticks=allowed_ticks(table, cpus),
        machine=machine_ticks(table),
        throttled_periods=stopped.throttled_periods if stopped else None,
    )


def interference(before: Probe, after: Probe, *, wall_s: float, threads: int) -> Interference:
    """Judges what lies between two probes.

    Args:
        before: Read right before the block.
        after: Read right after it.
        wall_s: Length of the block in seconds.
        threads: Threads of the workload.

    Returns:
        The ratios, and the fixed external reasons for which the block must not count.
    """
    ticks = _ticks_between(before, after)
    throttled = _increase(before.throttled_periods, after.throttled_periods)
    reasons = {
        STEAL: _much_was_stolen(ticks),
        THROTTLED: bool(throttled),
        CLOCK_JUMP: _clock_jumped(before, after),
    }
    capacity_s = threads * wall_s
    return Interference(
        steal_ratio=ticks.steal_ratio if ticks else None,
        throttled_periods=throttled,
        cpu_ratio=(after.process_cpu_s - before.process_cpu_s) / capacity_s if capacity_s > 0 else None,
        invalid=tuple(reason for reason, happened in reasons.items() if happened),
    )


def cpu_of_others(before: Probe, after: Probe) -> float | None:
    """CPU time of the rest of the machine over that of this process; None where it is not known."""
    own_s = after.process_cpu_s - before.process_cpu_s
    if before.machine is None or after.machine is None or own_s <= 0:
        return None
    busy_s = (after.machine.busy - before.machine.busy) * TICK_S
    return max(busy_s - own_s, 0.0) / own_s


def canary(*, clock: Callable[[], float] = time.perf_counter, iterations: int = CANARY_ITERATIONS) -> float:
    """Seconds that a fixed piece of integer work takes.

    Its spread over the blocks grades the environment; it never rescales a result, because a neighbour slows
    integer work and memory-bound layers by different factors.
    """
    start = clock()
    integer_work(iterations)
    return clock() - start


def integer_work(iterations: int) -> int:
    """`iterations` steps of a linear congruential generator (Numerical Recipes' constants)."""
    state = 1
    for _ in range(iterations):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
    return state


def _ticks_between(before: Probe, after: Probe) -> CpuTicks | None:
    """Ticks on the allowed CPUs, else on all; None where counters are missing or ran backwards."""
    same_mask = before.cpus == after.cpus and before.ticks is not None and after.ticks is not None
    first, last = (before.ticks, after.ticks) if same_mask else (before.machine, after.machine)
    if first is None or last is None:
        return None
    busy, steal = last.busy - first.busy, last.steal - first.steal
    # Steal is known to run backwards after a live migration.
    return CpuTicks(busy=busy, steal=steal) if busy >= 0 and steal >= 0 else None


def _much_was_stolen(ticks: CpuTicks | None) -> bool:
    if ticks is None or ticks.steal_ratio is None:
        return False
    return ticks.steal >= STEAL_TICKS_FLOOR and ticks.steal_ratio > STEAL_RATIO_LIMIT


def _clock_jumped(before: Probe, after: Probe) -> bool:
    elapsed_s = after.monotonic_s - before.monotonic_s
    if elapsed_s < 0:
        return True
    if before.boottime_s is None or after.boottime_s is None:
        return False
    return abs(after.boottime_s - before.boottime_s - elapsed_s) > CLOCK_JUMP_S


def _increase(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None or after < before else after - before


def _boottime_s() -> float | None:
    if sys.platform != "linux":
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME)
