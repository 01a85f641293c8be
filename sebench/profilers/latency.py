"""Interleaved timing of two steps: warm-up, then ABBA/BAAB blocks (docs/method.md).

Nothing here knows what a step computes or which device runs it, so tests drive it with a fake device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
BETWEEN_BLOCKS_S = 0.003
"""The canary, reading the counters of the host, and sending what was measured."""
# Warm-up ends when the second half of it ran within 5 % of the first, or at twice its minimum.
STEADY_RATIO = 0.05
MAX_WARMUP_FACTOR = 2
CHANGES_PER_BLOCK = 3
"""Two within a block, and its beginning."""


def no_heartbeat() -> None:
    """A `Heartbeat` that tells nobody."""


def draw_orders(blocks: int, rng: Random) -> tuple[Order, ...]:
    """A fair coin per block: it makes sign-flip tests exact whatever the noise is."""
    return tuple(rng.choice(("ABBA", "BAAB")) for _ in range(blocks))


@dataclass(frozen=True, slots=True)
class Warmth:
    """What a warm-up found out; for planning, never reported."""

    step_s: dict[Side, float]
    """The fastest recent step of each side in seconds."""
    after_change: dict[Side, tuple[float, ...]]
    """ln(first / second) of the two steps that each side ran after each change of side, but for the first."""


def warm_up(
    steps: Mapping[Side, S], device: Stopwatch[S], policy: TimingPolicy, *, alive: Heartbeat = no_heartbeat
) -> Warmth:
    """Run both sides in turn, two steps each, until they are structurally and thermally warm.

    Where one step of each is enough, they run one each, and nothing is learnt of changes of side.

    Args:
        steps: one per side, as `device` takes it.
        device: clock and barrier.
        policy: `warmup_steps` per side at least, and `warmup_busy_s` in all.
        alive: told after every step.
    """
    times: dict[Side, list[float]] = {side: [] for side in steps}
    start = device.clock()
    while not _is_warm(times, device.clock() - start, policy):
        for side, step in steps.items():
            for _ in range(min(policy.warmup_steps, 2)):
                times[side].extend(device.timed(step, 1).steps_s)
                alive()
    in_pairs = times if policy.warmup_steps > 1 else {}
    return Warmth(
        step_s={side: min(values[len(values) // 2 :]) for side, values in times.items()},
        after_change={side: tuple(_first_to_second(values[2:])) for side, values in in_pairs.items()},
    )


def _first_to_second(values: Sequence[float]) -> Iterator[float]:
    for first_s, second_s in zip(values[::2], values[1::2], strict=True):
        if first_s > 0 and second_s > 0:  # a clock may not have ticked
            yield math.log(first_s / second_s)


def steps_per_segment(step_s: Mapping[Side, float], policy: TimingPolicy) -> int:
    """The same number for both sides: enough for `segment_s` on the faster one."""
    fastest_s = min(step_s.values())
    return max(policy.min_steps, -int(-policy.segment_s // fastest_s))


def block_seconds(step_s: Mapping[Side, float], steps: int, discard_steps: int) -> float:
    """Expected duration of one block: two segments of each side, discarded steps, pause and canary."""
    per_side = 2 * steps + discard_steps * CHANGES_PER_BLOCK / 2
    return sum(per_side * seconds for seconds in step_s.values()) + MAX_PAUSE_S / 2 + BETWEEN_BLOCKS_S


def measure_block(
    steps: Mapping[Side, S],
    order: Order,
    steps_in_segment: int,
    *,
    discard_steps: int,
    device: Stopwatch[S],
    threads: int,
    rng: Random,
    probe: Callable[[], Probe] = read_probe,
) -> Block:
    """Time one block of four segments.

    A random pause before it keeps the schedule from locking onto a periodic disturbance. Steps are discarded
    at its beginning whichever side ran last: so that the times at which segments begin do not depend on the
    coin that draws the order, which makes the intervals exact.

    Args:
        steps: one per side, as `device` takes it.
        order: of the segments; A is the baseline.
        steps_in_segment: timed, of each segment.
        discard_steps: run untimed at the beginning and after every change of side, where caches and allocator
            belong to the other.
        device: clock and barrier.
        threads: of the workload.
        rng: draws the pause.
        probe: reads what the host does.

    Returns:
        The block with every timed step, a canary time and what the host did meanwhile.
    """
    device.pause(rng.uniform(0, MAX_PAUSE_S))
    before, start = probe(), device.clock()
    segments, states = [], [device.state()]
    previous: Side | None = None
    for letter in order:
        side = SIDES[letter]
        if side != previous and discard_steps:
            device.timed(steps[side], discard_steps)
        segments.append(_measure_segment(steps[side], side, steps_in_segment, device))
        states.append(device.state())
        previous = side
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


def _measure_segment(step: S, side: Side, count: int, device: Stopwatch[S]) -> Segment:
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
