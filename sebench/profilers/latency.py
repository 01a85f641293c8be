"""Interleaved timing of two steps: warm-up, then ABBA/BAAB blocks (docs/method.md).

Nothing here knows what a step computes or which device runs it, so tests drive it with a fake device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Literal, TypeVar

from sebench.profilers.device import Stopwatch
from sebench.profilers.nvml import EXTERNAL_SLOWDOWNS
from sebench.profilers.probes import Probe, interference, read_probe
from sebench.schema import Block, DeviceState, Segment, Side, TimingPolicy

Order = Literal["ABBA", "BAAB"]
S = TypeVar("S")
Heartbeat = Callable[[], None]
"""Told whenever something has got done."""

SIDES: dict[str, Side] = {"A": "baseline", "B": "candidate"}
MAX_PAUSE_S = 0.005
# Warm-up ends when the second half of it ran within 5 % of the first, or at 5 times its minimum.
STEADY_RATIO = 0.05
MAX_WARMUP_FACTOR = 5


def no_heartbeat() -> None:
    """A `Heartbeat` that tells nobody."""


def draw_orders(blocks: int, rng: Random) -> tuple[Order, ...]:
    """A fair coin per block: it makes sign-flip tests exact whatever the noise is."""
    return tuple(rng.choice(("ABBA", "BAAB")) for _ in range(blocks))


def warm_up(
    steps: Mapping[Side, S], device: Stopwatch[S], policy: TimingPolicy, *, alive: Heartbeat = no_heartbeat
) -> dict[Side, float]:
    """Run both sides in turn until they are structurally and thermally warm.

    Args:
        steps: one per side, as `device` takes it.
        device: clock and barrier.
        policy: `warmup_steps` per side at least, and `warmup_busy_s` in all.
        alive: told after every step.

    Returns:
        The fastest recent step of each side in seconds, for planning segments (never reported).
    """
    times: dict[Side, list[float]] = {side: [] for side in steps}
    start = device.clock()
    while not _is_warm(times, device.clock() - start, policy):
        for side, step in steps.items():
            times[side].extend(device.timed(step, 1).steps_s)
            alive()
    return {side: min(values[len(values) // 2 :]) for side, values in times.items()}


def steps_per_segment(step_s: Mapping[Side, float], policy: TimingPolicy) -> int:
    """The same number for both sides: enough for `segment_s` on the faster one."""
    fastest_s = min(step_s.values())
    return max(policy.min_steps, -int(-policy.segment_s // fastest_s))


def block_seconds(step_s: Mapping[Side, float], steps: int, policy: TimingPolicy) -> float:
    """Expected duration of one block: two segments of each side, discarded steps and canary included."""
    per_segment = steps + policy.discard_steps
    return sum(2 * per_segment * seconds for seconds in step_s.values()) + 2 * MAX_PAUSE_S + 0.01


def measure_block(
    steps: Mapping[Side, S],
    order: Order,
    steps_in_segment: int,
    *,
    device: Stopwatch[S],
    policy: TimingPolicy,
    threads: int,
    rng: Random,
    probe: Callable[[], Probe] = read_probe,
) -> Block:
    """Time one block of four segments.

    After every switch `discard_steps` run untimed (caches and allocator belong to the other side), and
    a random pause before each segment keeps the schedule from locking onto a periodic disturbance.

    Returns:
        The block with every timed step, a canary time and what the host did meanwhile.
    """
    before, start = probe(), device.clock()
    segments, states = [], [device.state()]
    for letter in order:
        device.pause(rng.uniform(0, MAX_PAUSE_S))
        side = SIDES[letter]
        segments.append(_measure_segment(steps[side], side, steps_in_segment, device, policy))
        states.append(device.state())
    wall_s = device.clock() - start
    seen = tuple(state for state in states if state is not None)
    outside = interference(before, probe(), wall_s=wall_s, threads=threads)
    return Block(
        order=order,
        segments=tuple(segments),
        canary_s=device.canary_s(),
        steal_ratio=outside.steal_ratio,
        throttled_periods=outside.throttled_periods,
        cpu_ratio=outside.cpu_ratio,
        invalid=(*outside.invalid, *_device_reasons(seen)),
        device_states=seen,
    )


def _device_reasons(states: Sequence[DeviceState]) -> tuple[str, ...]:
    """Slowdowns that the workload did not cause; its own power cap is not among them."""
    return tuple(sorted({reason for state in states for reason in state.slowdowns} & EXTERNAL_SLOWDOWNS))


def _measure_segment(step: S, side: Side, count: int, device: Stopwatch[S], policy: TimingPolicy) -> Segment:
    device.timed(step, policy.discard_steps)
    timing = device.timed(step, count)
    return Segment(
        side=side,
        steps_s=timing.steps_s,
        forward_s=timing.forward_s,
        device_s=timing.device_s,
        submit_s=timing.submit_s,
    )


def _is_warm(times: Mapping[Side, list[float]], busy_s: float, policy: TimingPolicy) -> bool:
    count = min(len(values) for values in times.values())
    if count < policy.warmup_steps or busy_s < policy.warmup_busy_s:
        return False
    if busy_s > MAX_WARMUP_FACTOR * policy.warmup_busy_s:
        return True
    half = count // 2
    first = sum(sum(values[:half]) for values in times.values())
    second = sum(sum(values[-half:]) for values in times.values())
    return abs(second / first - 1) <= STEADY_RATIO
