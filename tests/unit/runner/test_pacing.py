"""From a process that is ready and the time left to what it measures: arithmetic only."""

from random import Random

import pytest

from sebench.runner.measuring.schedule import NoBlockFits, Pace, Pacing, Prepared, Schedule
from sebench.runner.planning.plan import timing_policy

# A segment is one step here (at least 0.02 s), and one is not timed at the beginning of a block and after its
# two changes of side: (2 + 1.5) (0.1 + 0.15) = 0.875 s, and 0.0025 s of pause and 0.003 s between blocks.
READY = Prepared({"baseline": 0.1, "candidate": 0.15}, prepare_s=5.0)
BLOCK_S = 0.8805
QUIET = (0.01, 0.02, 0.03, 0.04, 0.05, 0.06)
RESTLESS = (-0.15, 0.15, -0.1, 0.1, -0.05, 0.05)


def pacing(effort, left_s, *, ready=READY, device="cpu", **asked):
    return Pacing.of_first(timing_policy(effort, **asked), ready, left_s, device=device)


def warmed(step_s, baseline, candidate):
    """A process whose first steps after a change of side took longer than the second by exp(...)."""
    return Prepared(step_s, 5.0, after_change={"baseline": baseline, "candidate": candidate})


def test_the_first_process_fixes_the_steps_and_the_schedule():
    first = pacing("standard", 75.0)
    assert (first.steps_per_segment, first.discard_steps) == (1, 1)
    # (75 - 5 * 5) / (6 * 0.8805) = 9.5
    assert first.schedule == Schedule(6, 9)
    assert first.pace(READY, 0.0) == Pace(5.0, pytest.approx(BLOCK_S))


def test_short_steps_are_repeated_for_a_segment():
    short = Prepared({"baseline": 0.01, "candidate": 0.02}, prepare_s=5.0)
    assert pacing("standard", 75.0, ready=short).steps_per_segment == 2  # 0.02 / 0.01


def test_a_block_counts_as_what_it_took_where_that_is_more():
    first = pacing("standard", 75.0)
    assert first.pace(READY, 1.5).block_s == 1.5
    assert first.pace(READY, 0.5).block_s == pytest.approx(BLOCK_S)


def test_without_a_hard_budget_the_fewest_blocks_are_measured_whatever_the_time():
    first = pacing("standard", 75.0)
    go = first.go(0, Pace(5.0, 1.0), 75.0, Random(1))
    assert (len(go.orders), go.at_least, go.discard_steps) == (8, 4, 1)  # (75 - 5 * 5) / 6 = 8.3
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
    with pytest.raises(NoBlockFits, match="one block takes 0.9 s"):
        pacing("quick", 0.5, budget_s=5)


# --- steps after a change of side -----------------------------------------------------------------------


def discarded(ready, device="cpu", effort="standard"):
    return pacing(effort, 75.0, ready=ready, device=device).discard_steps


def test_a_restless_warm_up_without_carry_over_discards_nothing():
    first = pacing("standard", 75.0, ready=warmed(READY.step_s, RESTLESS, RESTLESS))
    assert first.discard_steps == 0
    # Two timed steps of each side, 2 (0.1 + 0.15), and 0.0055 s
    assert first.pace(READY, 0.0).block_s == pytest.approx(0.5055)
    assert first.go(0, Pace(5.0, 1.0), 75.0, Random(1)).discard_steps == 0


def test_where_steps_repeat_within_three_percent_some_are_discarded_in_any_case():
    # Distances of the 15 pairs: 5 of 0.01, 4 of 0.02, 3 of 0.03, ...: median 0.02, / 0.9539 / sqrt(2) = 1.5 %
    assert discarded(warmed({"baseline": 0.1, "candidate": 0.15}, QUIET, QUIET)) == 1  # 25 ms of 100
    # Three times as far apart, 4.4 %
    wider = tuple(3 * value for value in QUIET)
    assert discarded(warmed({"baseline": 0.1, "candidate": 0.15}, wider, wider)) == 0


def test_steps_are_discarded_where_the_first_after_a_change_takes_longer_on_one_side():
    later = tuple(value + 0.5 for value in RESTLESS)  # 0.625 x 50 % = 31 % of the ratio
    assert discarded(warmed({"baseline": 0.1, "candidate": 0.15}, RESTLESS, later)) == 1  # 25 ms of 100
    assert discarded(warmed({"baseline": 0.004, "candidate": 0.006}, RESTLESS, later)) == 7  # 25 / 4 = 6.25
    assert discarded(warmed({"baseline": 0.006, "candidate": 0.004}, later, RESTLESS)) == 7
    assert discarded(warmed({"baseline": 0.01, "candidate": 0.02}, later, later)) == 0  # alike on both


def test_a_warm_up_of_two_slow_steps_shows_nothing():
    assert discarded(warmed({"baseline": 1.0, "candidate": 1.5}, (), ())) == 0
    assert discarded(warmed({"baseline": 0.1, "candidate": 0.1}, (0.0,) * 2, (0.2,) * 2)) == 0


def test_an_accelerator_and_one_step_a_side_discard_what_the_policy_says():
    assert discarded(warmed(READY.step_s, QUIET, QUIET), device="cuda") == 1
    assert discarded(Prepared(READY.step_s, 5.0)) == 1


def test_later_processes_on_the_cpu_warm_up_with_one_step_a_side():
    # 5 s, of which a warm-up of 1.2 s; one of a step of each takes 0.1 + 0.15 s
    ready = Prepared(READY.step_s, 5.0, warm_up_s=1.2)
    assert ready.following_s("cpu") == pytest.approx(5.0 - 1.2 + 0.25)
    assert ready.following_s("cuda") == 5.0
    assert Prepared(READY.step_s, 5.0, warm_up_s=0.2).following_s("cpu") == 5.0  # it took less anyhow
