"""From what a process says when it is ready, and the time that is left, to what it is to measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from sebench.profilers.latency import block_seconds, draw_orders, steps_per_segment
from sebench.runner.measuring.schedule import Pace, Schedule, first_schedule, next_blocks, share_s
from sebench.schema import Side, TimingPolicy
from sebench.worker.protocol import Go

# A soft budget only plans; a machine that turns out slower may take this much longer over what exceeds the
# fewest blocks.
SOFT_DEADLINE_FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known of a process that is ready."""

    step_s: Mapping[Side, float]
    prepare_s: float
    """What it took until it was ready."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """The shape of a measurement, fixed by its first process before any sample is looked at."""

    policy: TimingPolicy
    steps_per_segment: int
    schedule: Schedule

    @classmethod
    def of_first(cls, policy: TimingPolicy, first: Prepared, left_s: float) -> Pacing:
        """The pacing that the first process leads to.

        Args:
            policy: what was asked for.
            first: the first process.
            left_s: seconds to the end of the budget.

        Raises:
            BudgetError: a hard budget that does not cover one block.
        """
        steps = steps_per_segment(first.step_s, policy)
        pace = Pace(first.prepare_s, block_seconds(first.step_s, steps, policy))
        return cls(policy, steps, first_schedule(policy, pace, left_s))

    def pace(self, prepared: Prepared, latest_block_s: float) -> Pace:
        """What a process and a block cost.

        Args:
            prepared: the process at hand.
            latest_block_s: what a block of the process before took, 0 if there was none: more than its steps
                on a machine that is busy.
        """
        planned_s = block_seconds(prepared.step_s, self.steps_per_segment, self.policy)
        return Pace(prepared.prepare_s, max(latest_block_s, planned_s))

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
            orders=draw_orders(count, rng),
            deadline_s=deadline_s,
            at_least=least,
        )
