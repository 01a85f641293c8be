"""How many processes and blocks fit into a budget: pure arithmetic, fixed before samples are looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from sebench.profilers.latency import block_seconds, draw_orders, steps_per_segment
from sebench.schema import MAX_BLOCKS, Side, TimingPolicy
from sebench.statistics import MIN_BLOCKS, carry_over, robust_sd
from sebench.worker.protocol import Go

# A t interval over fewer process estimates is too wide to be of use (docs/method.md).
MIN_PROCESSES = 5
MAX_PROCESSES = 30
SETTLED_S = 0.025
"""What a change of side leaves in caches and allocator is gone after this time, whatever a step takes."""
QUIET_STEPS = 0.03
"""Standard deviation of the logarithm of a step below which every effect of a change of side may count."""
# A process that has measured this many blocks, and twice as long as it took to prepare, has an estimate that
# is precise next to the spread between processes: further budget goes into more processes.
GOOD_BLOCKS = 12
GOOD_SHARE = 2.0
# A soft budget only plans; a machine that turns out slower may take this much longer over what exceeds the
# fewest blocks.
SOFT_DEADLINE_FACTOR = 2.0


@dataclass(frozen=True)
class Pace:
    """What a process and a block cost on this machine, in seconds."""

    prepare_s: float
    block_s: float


class NoBlockFits(Exception):  # noqa: N818 - told by whoever knows whose budget it is
    """A hard budget ends before one block could."""

    def __init__(self, pace: Pace, least_s: float) -> None:
        super().__init__(f"one block takes {pace.block_s:.1f} s")
        self.pace = pace
        self.least_s = least_s
        """From the start of the first process to an interval."""


@dataclass(frozen=True)
class Schedule:
    """Processes, blocks in each, and whether the budget forced fewer processes than the effort asks for."""

    processes: int
    blocks: int
    downgraded: bool = False


def first_schedule(policy: TimingPolicy, pace: Pace, left_s: float) -> Schedule:
    """Decide the shape of a measurement once the first process is ready.

    Args:
        policy: what was asked for.
        pace: measured on the first process, which has been prepared already.
        left_s: seconds to the end of this pair's budget.

    Raises:
        NoBlockFits: a hard budget that does not cover one block.
    """
    if policy.hard_budget and left_s < pace.block_s:
        raise NoBlockFits(pace, pace.prepare_s + _least_s(policy, pace))
    if policy.processes > 1:
        # Few processes of few blocks rather than one of many: only processes show what differs between them.
        for processes in range(_most_processes(policy, pace, left_s), MIN_PROCESSES - 1, -1):
            blocks = _blocks(processes, pace, left_s)
            if blocks >= policy.min_blocks:
                return Schedule(processes, blocks)
        if not policy.hard_budget:
            return Schedule(MIN_PROCESSES, policy.min_blocks)
    blocks = _blocks(1, pace, left_s)
    if not policy.hard_budget:
        blocks = max(blocks, policy.min_blocks)
    return Schedule(1, blocks, downgraded=policy.processes > 1)


def _least_s(policy: TimingPolicy, pace: Pace) -> float:
    """What it takes from here on to an interval: fewest processes, of the fewest blocks."""
    processes = 1 if policy.processes == 1 else MIN_PROCESSES
    return (processes - 1) * pace.prepare_s + processes * policy.min_blocks * pace.block_s


def next_blocks(planned: Schedule, done: int, pace: Pace, left_s: float) -> int:
    """Blocks for a process that is ready now, `done` processes being finished.

    Never more than planned; fewer where the machine turned out slower, down to none. Not one, which says
    nothing of a process, where there is time for two.
    """
    following = planned.processes - done - 1
    affordable = int((left_s - following * pace.prepare_s) / ((following + 1) * pace.block_s))
    useful = min(MIN_BLOCKS, int(left_s / pace.block_s))
    return min(planned.blocks, max(affordable, useful, 0))


def share_s(planned: Schedule, done: int, pace: Pace, left_s: float) -> float:
    """Seconds in which a process that is ready now may begin blocks, if those to come are to have as much.

    On a machine that turns out slower than its pace, every process then has fewer blocks; without a share the
    first ones would use up the budget, and the variation between processes would stay unknown. A process
    with one block says nothing, so it has the time for two.
    """
    following = planned.processes - done - 1
    return max((left_s - following * pace.prepare_s) / (following + 1), (MIN_BLOCKS - 0.5) * pace.block_s)


def remaining_s(
    planned: Schedule, pace: Pace, *, following: int, blocks: int, fewest: int, budget_s: float
) -> float:
    """Seconds that a measurement will still take at this pace.

    On a machine that turned out slower than planned, processes to come have fewer blocks (`next_blocks`).

    Args:
        planned: its shape.
        pace: of its latest process.
        following: processes that have not been started.
        blocks: that the process at hand has yet to measure.
        fewest: blocks that every process has, however slow the machine is.
        budget_s: seconds to the end of the budget.
    """

    def with_each(count: int) -> float:
        return blocks * pace.block_s + following * (pace.prepare_s + count * pace.block_s)

    return min(with_each(planned.blocks), max(budget_s, with_each(min(fewest, planned.blocks))))


def _most_processes(policy: TimingPolicy, pace: Pace, left_s: float) -> int:
    measuring_s = max(GOOD_BLOCKS * pace.block_s, GOOD_SHARE * pace.prepare_s)
    affordable = int((left_s + pace.prepare_s) / (pace.prepare_s + measuring_s))
    return max(policy.processes, min(affordable, MAX_PROCESSES))


def _blocks(processes: int, pace: Pace, left_s: float) -> int:
    affordable = int((left_s - (processes - 1) * pace.prepare_s) / (processes * pace.block_s))
    return min(affordable, MAX_BLOCKS)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known of a process that is ready."""

    step_s: Mapping[Side, float]
    prepare_s: float
    """What it took until it was ready."""
    after_change: Mapping[Side, Sequence[float]] = field(default_factory=dict)
    """As in `Ready`."""
    warm_up_s: float = 0.0
    """As in `Ready`."""

    def following_s(self, device: str) -> float:
        """What the next process will take: on the CPU it finds the machine warm, and runs one step a side."""
        if device != "cpu":
            return self.prepare_s
        return self.prepare_s - max(self.warm_up_s - sum(self.step_s.values()), 0.0)


def discard_steps(policy: TimingPolicy, device: str, first: Prepared) -> int:
    """How many steps are run untimed after each change of side.

    On the CPU none where steps vary so much that what a change leaves behind is lost in it, unless the
    warm-up shows that the first step after a change takes longer on one side than on the other, which alone
    moves the ratio; otherwise as many as fit into `SETTLED_S`. An accelerator times many steps as one, so
    that a discarded one costs little.

    Args:
        policy: the fewest, if any.
        device: of the workload.
        first: the first process.
    """
    after_change = first.after_change
    if device != "cpu" or len(after_change) < 2:
        return policy.discard_steps
    sides = after_change["baseline"], after_change["candidate"]
    apart = carry_over(*sides)
    if apart is None:  # steps so long that the warm-up had few of them
        return 0
    # Neighbours differ by the root of two times what each varies by itself.
    noise = max(map(robust_sd, sides)) / math.sqrt(2)
    if noise > QUIET_STEPS and not apart.significant:
        return 0
    return max(policy.discard_steps, math.ceil(SETTLED_S / min(first.step_s.values())))


@dataclass(frozen=True, slots=True)
class Pacing:
    """The shape of a measurement, fixed by its first process before any sample is looked at."""

    policy: TimingPolicy
    device: str
    steps_per_segment: int
    discard_steps: int
    schedule: Schedule

    @classmethod
    def of_first(cls, policy: TimingPolicy, first: Prepared, left_s: float, *, device: str) -> Pacing:
        """The pacing that the first process leads to.

        Args:
            policy: what was asked for.
            first: the first process.
            left_s: seconds to the end of the budget.
            device: of the workload.

        Raises:
            NoBlockFits: a hard budget that does not cover one block.
        """
        steps = steps_per_segment(first.step_s, policy)
        discarded = discard_steps(policy, device, first)
        pace = Pace(first.following_s(device), block_seconds(first.step_s, steps, discarded))
        return cls(policy, device, steps, discarded, first_schedule(policy, pace, left_s))

    def pace(self, prepared: Prepared, latest_block_s: float) -> Pace:
        """What a process and a block cost.

        Args:
            prepared: the process at hand.
            latest_block_s: what a block of the process before took, 0 if there was none: more than its steps
                on a machine that is busy.
        """
        planned_s = block_seconds(prepared.step_s, self.steps_per_segment, self.discard_steps)
        return Pace(prepared.following_s(self.device), max(latest_block_s, planned_s))

    def go(self, process: int, pace: Pace, left_s: float, rng: Random) -> Go:
        """What a process is to measure.

        Args:
            process: how many processes are finished.
            pace: what a process and a block cost.
            left_s: seconds to the end of the budget.
            rng: draws the orders.
        """
        count = next_blocks(self.schedule, process, pace, left_s)
        if self.policy.hard_budget:
            least, share = 0, share_s(self.schedule, process, pace, left_s)
            deadline_s = min(left_s - pace.block_s, share)
        else:
            least = min(self.policy.min_blocks, self.schedule.blocks)
            count = max(count, least)
            deadline_s = SOFT_DEADLINE_FACTOR * count * pace.block_s
        return Go(
            steps_per_segment=self.steps_per_segment,
            discard_steps=self.discard_steps,
            orders=draw_orders(count, rng),
            deadline_s=deadline_s,
            at_least=least,
        )
