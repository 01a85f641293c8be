"""Decisions of a search: who goes on, who is beaten by nobody, who wins; pure, on measured ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from sebench.analysis.costs import attention_totals, totals
from sebench.schema import (
    ExactCost,
    Limit,
    MetricComparison,
    Preference,
    Ratio,
    SearchCandidate,
    StaticCost,
    TuningVerdict,
)

FINALISTS = 4
"""Most candidates of the last round: each costs as much as a comparison, and widens the others' intervals."""


class Survivors(NamedTuple):
    """Who goes on to the next round, and why the others do not."""

    kept: tuple[SearchCandidate, ...]
    left: tuple[SearchCandidate, ...]
    """With their reason."""


def exact_cost(cost: StaticCost) -> ExactCost:
    """What a count says, as searches compare it."""
    whole = totals(cost)
    return ExactCost(
        params=whole.params,
        macs=whole.macs,
        paper_macs=whole.paper_macs,
        flops=whole.flops,
        bytes=whole.moved_bytes,
        sites=len(cost.sites),
        attention_params=attention_totals(cost).params,
    )


def broken_limit(cost: ExactCost, plain: ExactCost, limits: Sequence[Limit]) -> Limit | None:
    """The first limit on an exact cost that a candidate breaks; None where it holds all.

    Args:
        cost: of the candidate.
        plain: of the plain network.
        limits: on any metric; those of measured ones are passed over.
    """
    exact = (limit for limit in limits if limit.metric != "latency")
    return next((limit for limit in exact if cost.ratio(limit.metric, plain) > limit.ratio), None)


def survivors(
    measured: Sequence[SearchCandidate], limit: float | None, prefer: Preference, *, number: int
) -> Survivors:
    """Halve the candidates after a round of a search; never below `FINALISTS`.

    Those whose interval lies above the limit leave, unless that would leave fewer than two: the nearest stay.
    Then those leave that another candidate beats in everything. Of the rest the better half stays: those
    within the limit by their estimate come first, as they are preferred, then the others, the nearest first.
    Among those that stay is the best that the round has shown to be within the limit, if there is one.

    Args:
        measured: Candidates with the ratio of this round.
        limit: Largest ratio of latency allowed; None sets none.
        prefer: What is wanted of those within the limit.
        number: Of the round, for the reasons.
    """
    ordered = sorted(measured, key=lambda each: (_estimate(each), each.variant))
    above = [each for each in ordered if limit is not None and _low(each) > limit]
    above = [each for each in above if each not in ordered[:2]]
    left = {each.variant: f"above latency:{limit:g} in round {number}" for each in above}
    for each in measured:
        if each.variant in left:
            continue
        others = (other for other in measured if other.variant not in left and other is not each)
        beaten = next((other for other in others if _beats(other, each, prefer)), None)
        if beaten is not None:
            left[each.variant] = f"{beaten.variant} costs no more and takes less time in round {number}"
    going_on = [each for each in measured if each.variant not in left]
    room = max(FINALISTS, math.ceil(len(measured) / 2))
    ranked = sorted(going_on, key=lambda each: _standing(each, limit, prefer))
    kept = ranked[:room]
    shown = next((each for each in ranked if limit is not None and _high(each) <= limit), None)
    if shown is not None and shown not in kept:
        kept = [*kept[:-1], shown]
    why = "have more attention" if prefer == "attention" else "take less time"
    for each in ranked:
        if each not in kept:
            over = limit is not None and _estimate(each) > limit
            reason = f"above latency:{limit:g}" if over else f"others {why}"
            left[each.variant] = f"{reason} in round {number}"
    return Survivors(
        tuple(each for each in measured if each in kept),
        tuple(replace(each, fate="left", reason=left[each.variant]) for each in measured if each not in kept),
    )


def pareto_set(finalists: Sequence[SearchCandidate]) -> tuple[str, ...]:
    """Variants that no other beats: attention at as many sites, no more parameters and bytes, less time.

    Less time is an interval that lies below the other's; intervals that overlap decide nothing, and then both
    stay.

    Args:
        finalists: With ratios whose intervals hold together.
    """
    return tuple(
        each.variant
        for each in finalists
        if not any(_beats(other, each, "cost") for other in finalists if other is not each)
    )


def best(
    finalists: Sequence[SearchCandidate], limit: float | None, prefer: Preference
) -> SearchCandidate | None:
    """The preferred one of those shown to be within the limit; else of those within it by their estimate."""
    shown = [each for each in finalists if limit is None or _high(each) <= limit]
    likely = [each for each in finalists if limit is None or _estimate(each) <= limit]
    return next(iter(preferred(shown or likely, prefer)), None)


def verdict(latency: MetricComparison, limit: float) -> TuningVerdict:
    """What an interval says of a limit."""
    low, high = interval(latency.ratio)
    if high <= limit:
        return "met"
    return "not met" if low > limit else "undecided"


def interval(ratio: Ratio) -> tuple[float, float]:
    """Limits of a ratio; without an interval it can be anything."""
    low = 0.0 if ratio.ci_low is None else ratio.ci_low
    return low, math.inf if ratio.ci_high is None else ratio.ci_high


def rank_ranges(intervals: Sequence[tuple[float, float]]) -> tuple[tuple[int, int], ...]:
    """First and last place that each of some values can have, the smallest first.

    A value is behind another where its interval lies above the other's. If all intervals hold together, so
    do all places.

    Args:
        intervals: Lower and upper limit of each.
    """
    count = len(intervals)
    return tuple(
        (
            1 + sum(other_high < low for _, other_high in intervals),
            count - sum(other_low > high for other_low, _ in intervals),
        )
        for low, high in intervals
    )


def preferred(candidates: Sequence[SearchCandidate], prefer: Preference) -> list[SearchCandidate]:
    """In the order in which they are wanted; those of equal cost as they are called."""
    return sorted(candidates, key=lambda each: (_preference(each, prefer), each.variant))


def _beats(one: SearchCandidate, other: SearchCandidate, prefer: Preference) -> bool:
    mine, its = one.cost, other.cost
    if mine is None or its is None or not _high(one) < _low(other):
        return False
    no_less = mine.sites >= its.sites
    if prefer == "attention":  # then parameters of it are no loss
        no_less = no_less and mine.attention_params >= its.attention_params
    return no_less and mine.params <= its.params and mine.bytes <= its.bytes


def _standing(
    candidate: SearchCandidate, limit: float | None, prefer: Preference
) -> tuple[bool, tuple[float, ...], str]:
    estimate = _estimate(candidate)
    if limit is not None and estimate > limit:
        return True, (estimate,), candidate.variant
    return False, _preference(candidate, prefer), candidate.variant


def _preference(candidate: SearchCandidate, prefer: Preference) -> tuple[float, ...]:
    cost, estimate = candidate.cost, _estimate(candidate)
    if cost is None:
        return (math.inf,)
    if prefer == "cost":
        return (estimate, cost.bytes, cost.params)
    return (-cost.sites, -cost.attention_params, estimate, cost.bytes)


def _estimate(candidate: SearchCandidate) -> float:
    return math.inf if candidate.ratio is None else candidate.ratio


def _low(candidate: SearchCandidate) -> float:
    return 0.0 if candidate.latency is None else interval(candidate.latency.ratio)[0]


def _high(candidate: SearchCandidate) -> float:
    return math.inf if candidate.latency is None else interval(candidate.latency.ratio)[1]
