"""Decisions of a search, on ratios that are written down."""

import math

import pytest
from msgspec.structs import replace

from sebench.analysis.tuning import (
    best,
    broken_limit,
    pareto_set,
    rank_ranges,
    survivors,
    verdict,
)
from sebench.schema import (
    ExactCost,
    Interval,
    Limit,
    MetricComparison,
    Quantity,
    Ratio,
    SearchCandidate,
)


def latency(estimate, half_width=0.002):
    limits = {"ci_low": estimate - half_width, "ci_high": estimate + half_width}
    return MetricComparison(
        metric="latency",
        unit="s",
        exact=False,
        baseline=Quantity(value=1.0),
        candidate=Quantity(value=estimate),
        difference=Interval(estimate=None),
        ratio=Ratio(estimate=estimate, method="t", **limits),
        grade="A",
    )


def cost(sites, attention_params, moved=1000):
    return ExactCost(
        params=1000 + attention_params,
        macs=10_000,
        paper_macs=10_000,
        flops=20_000,
        bytes=moved,
        sites=sites,
        attention_params=attention_params,
    )


def candidate(name, sites, attention_params, ratio=None, half_width=0.002, moved=1000):
    return SearchCandidate(
        variant=name,
        fate="listed",
        cost=cost(sites, attention_params, moved),
        latency=None if ratio is None else latency(ratio, half_width),
    )


def names(candidates):
    return [each.variant for each in candidates]


PLAIN = cost(0, 0)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"params": 1.04}, None),  # 1040 / 1000 is 1.04, which is allowed
        ({"params": 1.0399}, "params"),
        ({"latency": 0.5}, None),  # is measured, not counted
        ({"bytes": 1.1, "params": 1.01}, "params"),
        ({"bytes": 1.0}, None),
    ],
)
def test_exact_limits(limits, expected):
    found = broken_limit(
        cost(4, 40), PLAIN, [Limit(metric=metric, ratio=ratio) for metric, ratio in limits.items()]
    )
    assert (found and found.metric) == expected


def test_the_better_half_goes_on_and_the_others_say_why():
    # Ten, more attention and slower each; those from 1.02 on lie above the limit of 1.015.
    measured = [candidate(f"v{number}", number, number, 1 + 0.004 * number) for number in range(10)]
    found = survivors(measured, 1.015, "attention", number=1)
    # All of the intervals of v5 .. v9 (1.02 - 0.002 ..) lie above 1.015; of v4 only the estimate does.
    assert names(found.kept) == ["v0", "v1", "v2", "v3", "v4"]
    assert {each.variant: each.reason for each in found.left} == dict.fromkeys(
        ("v5", "v6", "v7", "v8", "v9"), "above latency:1.015 in round 1"
    )
    assert {each.fate for each in found.left} == {"left"}


def test_most_attention_goes_on_first_and_what_is_surely_within_with_it():
    # Twelve that all may be within 1.05; only v0 (1.01) is shown to be.
    measured = [candidate(f"v{number:02}", number, number, 1.045, 0.02) for number in range(1, 12)]
    measured.append(candidate("v00", 0, 0, 1.01, 0.002))
    found = survivors(measured, 1.05, "attention", number=2)
    # half of 12 is 6: the five with most attention, and v00
    assert sorted(names(found.kept)) == ["v00", "v07", "v08", "v09", "v10", "v11"]
    assert {each.reason for each in found.left} == {"others have more attention in round 2"}


def test_lowest_latency_goes_on_where_that_is_preferred():
    measured = [candidate(f"v{number}", number, number, 1.1 - 0.001 * number, 0.05) for number in range(10)]
    found = survivors(measured, None, "cost", number=1)
    assert names(found.kept) == ["v5", "v6", "v7", "v8", "v9"]
    assert {each.reason for each in found.left} == {"others take less time in round 1"}


def test_four_go_on_where_there_are_fewer_than_eight():
    measured = [candidate(f"v{number}", number, number, 1.0, 0.05) for number in range(5)]
    assert names(survivors(measured, 1.1, "attention", number=1).kept) == ["v1", "v2", "v3", "v4"]


def test_the_two_nearest_stay_where_all_lie_above_the_limit():
    measured = [candidate(f"v{number}", number, number, 1.1 + 0.01 * number) for number in range(6)]
    assert names(survivors(measured, 1.02, "attention", number=1).kept) == ["v0", "v1"]


def test_who_costs_no_more_and_takes_less_time_beats_another():
    # The same attention at another position: beaten only where the intervals are apart.
    slow, fast, like_fast = (
        candidate("slow", 4, 40, 1.03),
        candidate("fast", 4, 40, 1.01),
        candidate("like fast", 4, 40, 1.012),
    )
    found = survivors([slow, fast, like_fast], 1.1, "attention", number=1)
    assert names(found.kept) == ["fast", "like fast"]
    assert [each.reason for each in found.left] == ["fast costs no more and takes less time in round 1"]
    # More parameters of attention are what is wanted: then nobody beats them.
    larger = candidate("larger", 4, 80, 1.03)
    assert names(survivors([larger, fast], 1.1, "attention", number=1).kept) == ["larger", "fast"]
    assert names(survivors([larger, fast], 1.1, "cost", number=1).kept) == ["fast"]


def test_pareto():
    finalists = [
        candidate("all", 16, 400, 1.05),
        candidate("three stages", 13, 100, 1.04),
        candidate("three stages, slower", 13, 100, 1.046),  # 1.044 is above 1.042
        candidate("three stages, perhaps slower", 13, 100, 1.043),
        candidate("fewer sites, and slow", 3, 200, 1.06),
    ]
    assert pareto_set(finalists) == ("all", "three stages", "three stages, perhaps slower")


@pytest.mark.parametrize(
    ("limit", "prefer", "expected"),
    [
        (1.06, "attention", "all"),
        (1.045, "attention", "three stages"),  # 1.042 is within; 1.05 is not
        (1.0505, "attention", "three stages"),  # all of it (1.048 .. 1.052) is not shown to be within
        (
            1.041,
            "attention",
            "three stages",
        ),  # nobody is shown to be within, and only 1.04 is by its estimate
        (1.06, "cost", "three stages"),
        (1.01, "attention", None),
        (None, "attention", "all"),
    ],
)
def test_best(limit, prefer, expected):
    finalists = [candidate("three stages", 13, 100, 1.04), candidate("all", 16, 400, 1.05)]
    found = best(finalists, limit, prefer)
    assert (found and found.variant) == expected


@pytest.mark.parametrize(
    ("limit", "expected"), [(1.02, "met"), (1.012, "met"), (1.011, "undecided"), (1.007, "not met")]
)
def test_verdict(limit, expected):
    assert verdict(latency(1.01), limit) == expected  # 1.008 .. 1.012


def test_no_interval_decides_nothing():
    without = latency(1.01)
    without = replace(without, ratio=replace(without.ratio, ci_low=None, ci_high=None))
    assert verdict(without, 1.5) == "undecided"


def test_places_are_what_intervals_leave_open():
    intervals = [(0.97, 0.98), (0.985, 0.995), (0.99, 1.0), (1.01, 1.02), (0.0, math.inf)]
    assert rank_ranges(intervals) == ((1, 2), (2, 4), (2, 4), (4, 5), (1, 5))
    assert rank_ranges([(0.97, 0.98)]) == ((1, 1),)
    assert rank_ranges([]) == ()
