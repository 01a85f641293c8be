"""From trained networks to statements: errors and differences with their intervals, cost of a step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from sebench.schema.training import TrainedSeed, TrainedSide, Training
from sebench.statistics import (
    ConfidenceLimits,
    RatioEstimate,
    estimate_ratio,
    mcnemar_exact,
    t_interval,
    tango_interval,
    wilson_interval,
)

WARM_UP_STEPS = 10
"""Left out of the cost of a step, of every seed."""
LARGEST_BLOCKS = 200
"""Steps that follow each other are added up to so many blocks of a seed."""


@dataclass(frozen=True, slots=True)
class MeanError:
    """A mean over seeds; limits of None where one seed has no interval."""

    estimate: float
    ci_low: float | None
    ci_high: float | None
    seeds: int
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class SideSummary:
    """One network over all seeds."""

    variant: str
    top1_error: MeanError
    top5_error: MeanError
    step_s: float | None
    """Median of a training step."""


@dataclass(frozen=True, slots=True)
class Against:
    """One network against the first of the job, seed by seed."""

    baseline: str
    candidate: str
    difference: MeanError
    """Top-1 error of the candidate minus that of the baseline, paired by seed."""
    step_ratio: RatioEstimate
    """Time of a training step of the candidate over that of the baseline."""


@dataclass(frozen=True, slots=True)
class SameImages:
    """Two networks of one seed on the same test images, by their top-1 answers."""

    baseline_only: int
    """Images that the baseline alone gets right."""
    candidate_only: int
    difference: ConfidenceLimits
    """Of the share of right answers, candidate minus baseline (Tango)."""
    p_value: float
    """That the two are right equally often (McNemar, exact)."""


def on_same_images(baseline: TrainedSide, candidate: TrainedSide) -> SameImages:
    """Compare two networks image by image: what the interval stands for are other images, not other seeds."""
    pairs = list(zip(baseline.ranks, candidate.ranks, strict=True))
    baseline_only = sum(ours == 1 != theirs for ours, theirs in pairs)
    candidate_only = sum(theirs == 1 != ours for ours, theirs in pairs)
    return SameImages(
        baseline_only,
        candidate_only,
        tango_interval(baseline_only, candidate_only, len(pairs)),
        mcnemar_exact(baseline_only, candidate_only),
    )


def top1_limits(side: TrainedSide) -> ConfidenceLimits:
    """Of the share of right answers (Wilson)."""
    return wilson_interval(side.top1, len(side.ranks))


def top5_limits(side: TrainedSide) -> ConfidenceLimits:
    """Of the share of images whose class is among five answers (Wilson)."""
    return wilson_interval(side.top5, len(side.ranks))


def summarise(training: Training) -> tuple[SideSummary, ...]:
    """One entry per network, in the order of the job.

    Args:
        training: with at least one seed.
    """
    return tuple(_summary(sides) for sides in _by_side(training.runs))


def against_first(training: Training) -> tuple[Against, ...]:
    """Every other network against the first."""
    baseline, *others = _by_side(training.runs)
    return tuple(_against(baseline, candidate) for candidate in others)


def top1_error(side: TrainedSide) -> float:
    """Share of the test images that are not answered correctly, from 0 to 1."""
    return 1 - side.top1 / len(side.ranks)


def top5_error(side: TrainedSide) -> float:
    """Share of the test images whose class is not among five answers, from 0 to 1."""
    return 1 - side.top5 / len(side.ranks)


def _by_side(runs: Sequence[TrainedSeed]) -> Iterator[tuple[TrainedSide, ...]]:
    return zip(*(run.sides for run in runs), strict=True)


def _summary(sides: Sequence[TrainedSide]) -> SideSummary:
    steps_s = [seconds for side in sides for seconds in side.steps_s[WARM_UP_STEPS:]]
    return SideSummary(
        variant=sides[0].spec.variant,
        top1_error=mean_error([top1_error(side) for side in sides]),
        top5_error=mean_error([top5_error(side) for side in sides]),
        step_s=median(steps_s) if steps_s else None,
    )


def mean_error(values: Sequence[float]) -> MeanError:
    """Mean with Student's interval over seeds, which stand for seeds that were not tried."""
    limits = t_interval(values) if len(values) > 1 else None
    low, high = (None, None) if limits is None else (limits.low, limits.high)
    return MeanError(fmean(values), low, high, len(values))


def _against(baselines: Sequence[TrainedSide], candidates: Sequence[TrainedSide]) -> Against:
    pairs = list(zip(baselines, candidates, strict=True))
    return Against(
        baseline=baselines[0].spec.variant,
        candidate=candidates[0].spec.variant,
        difference=mean_error(
            [top1_error(candidate) - top1_error(baseline) for baseline, candidate in pairs]
        ),
        step_ratio=estimate_ratio(
            [step_log_ratios(baseline.steps_s, candidate.steps_s) for baseline, candidate in pairs]
        ),
    )


def step_log_ratios(baseline_s: Sequence[float], candidate_s: Sequence[float]) -> tuple[float, ...]:
    """Logs of the ratio of times, one per block of steps that follow each other.

    Sides take turns in who is first, so a block has an even number of steps, half of them in either order.

    Args:
        baseline_s: seconds of each step.
        candidate_s: of the same steps.
    """
    count = min(len(baseline_s), len(candidate_s)) - WARM_UP_STEPS
    if count < 2:  # one of either order
        return ()
    size = 2 * max(1, math.ceil(count / (2 * LARGEST_BLOCKS)))
    ends = range(WARM_UP_STEPS, WARM_UP_STEPS + count + 1, size)
    return tuple(
        math.log(sum(candidate_s[begin:end]) / sum(baseline_s[begin:end])) for begin, end in pairwise(ends)
    )
