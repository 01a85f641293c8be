"""From a process that is ready and the time left to what it measures: arithmetic only."""

from random import Random

import pytest

from sebench.runner.measuring.schedule import NoBlockFits, Pace, Pacing, Prepared, Schedule
from sebench.runner.planning.plan import timing_policy

# A segment is one step here (at least 0.04 s) and one that is not timed: a block of 2 (0.1 + 0.15) x 2 = 1 s,
# and 0.02 s of pauses and canary.
READY = Prepared({"baseline": 0.1, "candidate": 0.15}, prepare_s=5.0)
BLOCK_S = 1.02


def pacing(effort, left_s, **asked):
    return Pacing.of_first(timing_policy(effort, **asked), READY, left_s)


def test_the_first_process_fixes_the_steps_and_the_schedule():
    first = pacing("standard", 75.0)
    assert first.steps_per_segment == 1
    # (75 - 5 * 5) / (6 * 1.02) = 8.2
    assert first.schedule == Schedule(6, 8)
    assert first.pace(READY, 0.0) == Pace(5.0, pytest.approx(BLOCK_S))


def test_short_steps_are_repeated_for_a_segment():
    short = Prepared({"baseline": 0.01, "candidate": 0.02}, prepare_s=5.0)
    assert Pacing.of_first(timing_policy("standard"), short, 75.0).steps_per_segment == 4  # 0.04 / 0.01


def test_a_block_counts_as_what_it_took_where_that_is_more():
    first = pacing("standard", 75.0)
    assert first.pace(READY, 1.5).block_s == 1.5
    assert first.pace(READY, 0.5).block_s == pytest.approx(BLOCK_S)


def test_without_a_hard_budget_the_fewest_blocks_are_measured_whatever_the_time():
    first = pacing("standard", 75.0)
    go = first.go(0, Pace(5.0, 1.0), 75.0, Random(1))
    assert (len(go.orders), go.at_least) == (8, 4)
    assert go.deadline_s == pytest.approx(2 * 8 * 1.0)
    late = first.go(1, Pace(5.0, 4.0), 10.0, Random(1))
    assert (len(late.orders), late.at_least) == (4, 4)
    quick = pacing("quick", 3.0)
    assert quick.go(0, Pace(5.0, 1.0), -9.0, Random(1)).at_least == 12


def test_a_hard_budget_ends_whatever_was_planned():
    first = pacing("standard", 75.0, budget_s=80)
    go = first.go(0, Pace(5.0, 1.0), 75.0, Random(1))
    assert (len(go.orders), go.at_least) == (8, 0)
    assert go.deadline_s == pytest.approx((75 - 5 * 5) / 6)  # its share
    last = first.go(5, Pace(5.0, 1.0), 3.5, Random(1))
    assert (len(last.orders), last.deadline_s) == (3, 2.5)  # a block that begins later ends too late
    assert first.go(5, Pace(5.0, 1.0), 0.5, Random(1)).orders == ()


def test_orders_are_drawn():
    first = pacing("quick", 21.0)
    one, other = (first.go(0, Pace(5.0, 1.0), 21.0, Random(seed)).orders for seed in (1, 2))
    assert one == first.go(0, Pace(5.0, 1.0), 21.0, Random(1)).orders
    assert one != other


def test_a_hard_budget_below_one_block_is_refused():
    with pytest.raises(NoBlockFits, match="one block takes 1.0 s"):
        pacing("quick", 0.5, budget_s=5)
