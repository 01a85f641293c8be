"""Energy of two steps in long windows: ABBA/BAAB blocks read off a counter (docs/method.md, "Energy").

Counters tick every millisecond (RAPL) to every tenth of a second (NVML), and some GPUs sample their power
only a part of the time (Yang et al., arXiv 2312.02741): a window lasts seconds and starts at a random phase.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random

from sebench.errors import DeviceError
from sebench.profilers.device import Device, EnergyCounter, Step, joules_between
from sebench.profilers.latency import SIDES, Order
from sebench.schema import EnergyBlock, EnergyWindow, Side

WINDOW_S = 5.0
IDLE_S = 5.0
MAX_PHASE_S = 0.1
"""As long as the slowest counter's tick."""
LEAD_S = 0.3
"""Steps before a window: whatever the counter is late by is then energy of the same side."""
Edge = tuple[float, tuple[int, ...]]


def measure_energy_block(
    steps: Mapping[Side, Step],
    step_s: Mapping[Side, float],
    order: Order,
    *,
    device: Device,
    counter: EnergyCounter,
    rng: Random,
) -> EnergyBlock:
    """Read four windows.

    Args:
        steps: one callable per side, warm.
        step_s: about how long they take.
        order: of the windows.
        device: clock and barrier.
        counter: of this device.
        rng: draws the phases.

    Raises:
        DeviceError: the counter failed or did not move, or other processes use the device.
    """
    require_alone(device)
    windows = []
    for letter in order:
        side = SIDES[letter]
        device.pause(rng.uniform(0, MAX_PHASE_S))
        device.timed(steps[side], _count(LEAD_S, step_s[side]))
        windows.append(_window(side, steps[side], step_s[side], device, counter))
    require_alone(device)
    return EnergyBlock(order=order, windows=tuple(windows))


def energy_block_seconds(step_s: Mapping[Side, float]) -> float:
    """Expected duration of one block: two windows of each side, with what comes before them."""
    steps = sum(
        2 * seconds * (_count(LEAD_S, seconds) + _count(WINDOW_S, seconds)) for seconds in step_s.values()
    )
    return steps + 4 * MAX_PHASE_S


def idle_power_w(device: Device, counter: EnergyCounter) -> float:
    """Mean power while nothing is done for about `IDLE_S` seconds, in watts.

    Raises:
        DeviceError: the counter failed.
    """
    before = _edge(device, counter)
    device.pause(IDLE_S)
    duration_s, energy_joules = _between(counter, before, _edge(device, counter))
    return energy_joules / duration_s


def require_alone(device: Device) -> None:
    """Refuse to read a counter that others feed.

    Raises:
        DeviceError: the device says that there are other processes.
    """
    state = device.state()
    if state is not None and state.other_processes:
        count = state.other_processes
        raise DeviceError(
            f"shared: {count} other process{'' if count == 1 else 'es'} on {device.name}, and the counter is "
            "the whole board's",
            hint="measure when it is free",
        )


def _window(side: Side, step: Step, step_s: float, device: Device, counter: EnergyCounter) -> EnergyWindow:
    """Steps until `WINDOW_S` seconds have passed, normally in one go."""
    before, done, elapsed_s = _edge(device, counter), 0, 0.0
    while elapsed_s < WINDOW_S:
        count = _count(WINDOW_S - elapsed_s, step_s)
        device.timed(step, count)
        done += count
        elapsed_s = device.clock() - before[0]
    duration_s, energy_joules = _between(counter, before, _edge(device, counter))
    if energy_joules <= 0:
        raise DeviceError(f"the energy counter did not move in {duration_s:.1f} s", hint="measure without it")
    return EnergyWindow(side=side, steps=done, duration_s=duration_s, energy_joules=energy_joules)


def _count(duration_s: float, step_s: float) -> int:
    return max(1, math.ceil(duration_s / step_s))


def _edge(device: Device, counter: EnergyCounter) -> Edge:
    """Clock and counter at one instant."""
    return device.clock(), counter.read()


def _between(counter: EnergyCounter, before: Edge, after: Edge) -> tuple[float, float]:
    """Seconds and joules."""
    return after[0] - before[0], joules_between(counter.zones, before[1], after[1])
