"""Budgets to processes and blocks: arithmetic only."""

import pytest

from sebench.runner.measuring.schedule import (
    NoBlockFits,
    Pace,
    Schedule,
    first_schedule,
    next_blocks,
    remaining_s,
    share_s,
)
from sebench.runner.planning.plan import timing_policy

PACE = Pace(prepare_s=5.0, block_s=1.0)


def test_standard_fills_its_soft_budget_with_six_processes():
    # 75 s left: (75 - 5 * 5) / 6 = 8.3 blocks each
    assert first_schedule(timing_policy("standard"), PACE, 75.0) == Schedule(6, 8)


def test_a_generous_budget_goes_into_more_processes():
    # (595 + 5) / (5 + 12) = 35.3 -> 30 at most; (595 - 29 * 5) / 30 = 15 blocks
    assert first_schedule(timing_policy("standard", budget_s=600), PACE, 595.0) == Schedule(30, 15)


def test_processes_that_take_long_to_prepare_measure_for_twice_as_long():
    # 12 blocks of 0.2 s are 2.4 s, twice 5 s are 10: (295 + 5) / (5 + 10) = 20;
    # (295 - 19 * 5) / (20 * 0.2) = 50
    slow = Pace(prepare_s=5.0, block_s=0.2)
    assert first_schedule(timing_policy("standard", budget_s=300), slow, 295.0) == Schedule(20, 50)


def test_a_tight_budget_gives_up_one_process_before_blocks():
    # 6 processes: (42 - 25) / 6 = 2 blocks, below 4; 5 processes: (42 - 20) / 5 = 4.4
    assert first_schedule(timing_policy("standard", budget_s=47), PACE, 42.0) == Schedule(5, 4)


def test_a_hard_budget_below_that_means_one_process():
    # 5 processes: (30 - 20) / 5 = 2 blocks, below 4; one process: 30 blocks
    policy = timing_policy("standard", budget_s=35)
    assert first_schedule(policy, PACE, 30.0) == Schedule(1, 30, downgraded=True)


def test_no_budget_makes_more_blocks_than_can_be_judged():
    # An hour of 0.1 s blocks would be 36,000 in one process, and the estimate the median of 650 million means
    quick = timing_policy("quick", budget_s=3600)
    assert first_schedule(quick, Pace(prepare_s=5.0, block_s=0.1), 3595.0) == Schedule(1, 4000)


def test_a_soft_budget_keeps_the_statistical_floor_instead():
    slow = Pace(prepare_s=10.0, block_s=8.0)
    assert first_schedule(timing_policy("standard"), slow, 65.0) == Schedule(5, 4)


def test_quick_takes_what_fits_and_at_least_its_minimum():
    assert first_schedule(timing_policy("quick"), PACE, 15.0) == Schedule(1, 15)
    assert first_schedule(timing_policy("quick"), PACE, 3.0) == Schedule(1, 12)
    assert first_schedule(timing_policy("quick", budget_s=8), PACE, 3.0) == Schedule(1, 3)


def test_a_budget_below_one_block_is_refused_with_what_it_would_take():
    with pytest.raises(NoBlockFits) as caught:
        first_schedule(timing_policy("quick", budget_s=5), PACE, 0.5)
    assert caught.value.least_s == 17.0  # 5 s to prepare and 12 blocks of 1 s


@pytest.mark.parametrize(
    ("done", "left_s", "expected"),
    [
        (1, 65.0, 8),  # on time: (65 - 4 * 5) / 5 = 9, planned 8
        (1, 45.0, 5),  # late: (45 - 20) / 5 = 5
        (1, 24.0, 2),  # later still: (24 - 20) / 5 = 0, but now there is time for two
        (1, 1.5, 1),
        (5, 3.5, 3),  # last process: 3.5 / 1
        (5, 0.5, 0),  # no time for a block
        (5, -4.0, 0),
    ],
)
def test_later_processes_shrink_when_time_runs_out(done, left_s, expected):
    assert next_blocks(Schedule(6, 8), done, PACE, left_s) == expected


@pytest.mark.parametrize(
    ("budget_s", "expected"),
    [
        (100.0, 60.0),  # as planned: 8 + 4 * (5 + 8)
        (50.0, 50.0),  # slower: processes to come get what is left of the budget,
        (30.0, 44.0),  # but no fewer than the fewest blocks: 8 + 4 * (5 + 4)
    ],
)
def test_what_a_measurement_will_still_take(budget_s, expected):
    left_s = remaining_s(Schedule(6, 8), PACE, following=4, blocks=8, fewest=4, budget_s=budget_s)
    assert left_s == pytest.approx(expected)


def test_no_process_uses_up_the_time_of_those_to_come():
    # 45 s left for this one and four to come, which take 5 s each to prepare: (45 - 20) / 5
    assert share_s(Schedule(6, 8), 1, PACE, 45.0) == pytest.approx(5.0)
    assert share_s(Schedule(6, 8), 5, PACE, 3.5) == pytest.approx(3.5)
    # No time is left for the others: two blocks of 1 s, the second of which begins within 1.5 s.
    assert share_s(Schedule(6, 8), 0, PACE, 10.0) == pytest.approx(1.5)
