"""Diagnostics: they grade and explain a headline, they never change it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from sebench.errors import WorkerError
from sebench.statistics.intervals import (
    FloatArray,
    Values,
    checked,
    hodges_lehmann,
    mean_and_sd,
    pairwise_distances,
)
from sebench.statistics.paired import MIN_BLOCKS, RatioEstimate

NEGLIGIBLE_LOG_RATIO = 0.005
"""Drift and order effects below 0.5 % are never flagged, however significant."""

SHARE_AFTER_CHANGE = 0.625
"""Segments that follow a change of side: of A B B A three in four, or two if A ran last."""

SPEEDS_APART = math.log(1.1)
"""Halves of the blocks whose steps differ by less are of one speed."""

NEGLIGIBLE_SPEED_EFFECT = 0.02
"""Halves whose ratios differ by less are never flagged: one side that varies more looks like it."""

NEGLIGIBLE_UNREST = 0.05
"""Sides whose spreads differ by less are never flagged."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A contrast of two groups of blocks, in log-ratio units."""

    difference: float
    standard_error: float
    degrees_of_freedom: int
    significant: bool
    """Beyond the two-sided 95 % t limit, and not negligible."""


@dataclass(frozen=True, slots=True)
class Quartiles:
    """Linear-interpolation quartiles."""

    q1: float
    median: float
    q3: float


@dataclass(frozen=True, slots=True)
class OutlierCounts:
    """Values beyond Tukey's fences; `mild` excludes `severe`. Information only: nothing is ever removed."""

    mild: int
    severe: int


@dataclass(frozen=True, slots=True)
class CrossChecks:
    """Other estimates of the same ratio, without intervals."""

    pooled_hodges_lehmann: float
    ratio_of_medians: float
    ratio_of_minima: float


def half_drift(blocks_by_process: Sequence[Sequence[float]]) -> Shift | None:
    """Steady state of the *ratio*: second half minus first half of each process's blocks.

    Over processes where there are at least two, else between the halves of the one process. Absolute drift
    that hits both sides alike is no concern and does not show here.

    Returns:
        None where it cannot be told: one process with fewer than 6 blocks, or no process with two blocks.
    """
    halves = [
        (sample[: sample.size // 2], sample[sample.size - sample.size // 2 :])
        for sample in (checked(blocks) for blocks in blocks_by_process if len(blocks) >= MIN_BLOCKS)
    ]
    if len(halves) > 1:
        changes = [hodges_lehmann(late) - hodges_lehmann(early) for early, late in halves]
        mean, sd = mean_and_sd(np.array(changes))
        return _judged(mean, sd / math.sqrt(len(changes)), len(changes) - 1)
    return _contrast(*halves[0]) if halves else None


def robust_sd(values: Values) -> float:
    """Standard deviation by the median pairwise distance / 0.9539 (Shamos 1976); 0 for a single value."""
    sample = checked(values)
    return float(np.median(pairwise_distances(sample))) / 0.9539 if sample.size > 1 else 0.0


def block_error(effects: Values) -> float:
    """Standard error of a process's Hodges-Lehmann estimate, by what its blocks differ; 0 for a single one.

    sqrt(pi / 3 / n) sigma, sigma from `robust_sd`, unmoved by stray spikes.
    """
    return robust_sd(effects) * math.sqrt(math.pi / 3 / len(effects))


def agreement(blocks_by_process: Sequence[Sequence[float]]) -> float | None:
    """Standard deviation of the processes' estimates over what the noise of their blocks gives them at least.

    About 1 where processes differ by nothing but their blocks, more where they differ by themselves. Much
    less is luck: an interval made of their spread is then too narrow.

    Args:
        blocks_by_process: one effect per valid block.

    Returns:
        None for fewer than two processes, and where blocks do not vary.
    """
    usable = [blocks for blocks in blocks_by_process if len(blocks) >= MIN_BLOCKS]
    if len(usable) < 2:
        return None
    _, sd = mean_and_sd(np.array([hodges_lehmann(blocks) for blocks in usable]))
    expected = math.sqrt(sum(block_error(blocks) ** 2 for blocks in usable) / len(usable))
    return sd / expected if expected else None


def unrest_difference(
    baseline_by_process: Sequence[Values], candidate_by_process: Sequence[Values]
) -> Shift | None:
    """Whether one side varies more: ln(q3 / q1) of the candidate minus that of the baseline.

    Noise that both sides have in common spreads the segments of both alike and leaves their ratio alone.
    What spreads one side only may move the ratio.

    Args:
        baseline_by_process: one positive value per segment, by process.
        candidate_by_process: likewise, of the same processes.

    Returns:
        The mean over processes; None for fewer than two of four segments a side.
    """
    excess = [
        _log_unrest(candidate) - _log_unrest(baseline)
        for baseline, candidate in zip(baseline_by_process, candidate_by_process, strict=True)
        if min(len(baseline), len(candidate)) >= 2 * MIN_BLOCKS  # quartiles of fewer segments mean little
    ]
    if len(excess) < 2:
        return None
    mean, sd = mean_and_sd(np.array(excess))
    return _judged(mean, sd / math.sqrt(len(excess)), len(excess) - 1, NEGLIGIBLE_UNREST)


def _log_unrest(values: Values) -> float:
    found = quartiles(values)
    return math.log(found.q3) - math.log(found.q1)


def order_effect(orders: Sequence[str], log_ratios: Sequence[float]) -> Shift | None:
    """Carry-over check: log-ratio in BAAB minus ABBA blocks; None below three blocks of either order."""
    sample = checked(log_ratios)
    baab = np.array([order == "BAAB" for order in orders])
    if baab.size != sample.size:
        raise WorkerError(f"{baab.size} block orders for {sample.size} blocks", hint="measure again")
    return _contrast(sample[~baab], sample[baab])


def carry_over(baseline: Values, candidate: Values) -> Shift | None:
    """What steps that follow a change of side do to the log-ratio, where they are timed like the others.

    Args:
        baseline: ln(first / second) of two steps of the baseline right after a step of the candidate.
        candidate: the same of the candidate.

    Returns:
        `SHARE_AFTER_CHANGE` of what the candidate's Hodges-Lehmann estimate is above the baseline's; None
        below three values of either.
    """
    if min(len(baseline), len(candidate)) < 3:  # none at all where the warm-up was two slow steps of each
        return None
    return _contrast(SHARE_AFTER_CHANGE * checked(baseline), SHARE_AFTER_CHANGE * checked(candidate))


def speed_effect(log_ratios: Values, log_times: Values) -> Shift | None:
    """Whether the ratio depends on the speed of the machine: slower half of the blocks minus faster half.

    Args:
        log_ratios: one per block.
        log_times: mean of the logarithms of the four segments of each block.

    Returns:
        None for halves of fewer than three blocks, or whose median times are less than `SPEEDS_APART` apart.
    """
    ratios, times = checked(log_ratios), checked(log_times)
    slower = times > np.median(times)
    if min(slower.sum(), (~slower).sum()) < 3:
        return None
    if np.median(times[slower]) - np.median(times[~slower]) < SPEEDS_APART:
        return None
    return _contrast(ratios[~slower], ratios[slower], NEGLIGIBLE_SPEED_EFFECT)


def lag1_autocorrelation(values: Values) -> float | None:
    """r1 = sum (x_i - m)(x_{i+1} - m) / sum (x_i - m)^2; None below three values or without variance."""
    sample = checked(values)
    if sample.size < 3 or np.ptp(sample) == 0:
        return None
    centred = sample - sample.mean()
    return float(centred[:-1] @ centred[1:] / (centred @ centred))


def quartiles(values: Values) -> Quartiles:
    """Quartiles by linear interpolation (Hyndman & Fan type 7)."""
    ordered = np.sort(checked(values))
    return Quartiles(*(sorted_quantile(ordered, share) for share in (0.25, 0.5, 0.75)))


def sorted_quantile(ordered: FloatArray, share: float) -> float:
    """A quantile of ascending values by linear interpolation (Hyndman & Fan type 7)."""
    # As numpy.quantile to the last bit, in a tenth of its time for the few values of a segment.
    position = (ordered.size - 1) * share
    below = math.floor(position)
    low, high = ordered.item(below), ordered.item(min(below + 1, ordered.size - 1))
    fraction = position - below
    if fraction < 0.5:
        return low + (high - low) * fraction
    return high - (high - low) * (1 - fraction)


def coefficient_of_variation(values: Values) -> float:
    """Standard deviation / mean; 0 for a single value."""
    mean, sd = mean_and_sd(checked(values))
    return sd / mean


def outlier_counts(values: Values) -> OutlierCounts:
    """Values beyond 1.5 (mild) and 3 (severe) interquartile ranges from the quartiles (Tukey 1977)."""
    sample, box = checked(values), quartiles(values)
    beyond = np.maximum(box.q1 - sample, sample - box.q3)
    severe = int(np.sum(beyond > 3 * (box.q3 - box.q1)))
    return OutlierCounts(int(np.sum(beyond > 1.5 * (box.q3 - box.q1))) - severe, severe)


def cross_checks(
    blocks_by_process: Sequence[Sequence[float]], baseline: Sequence[float], candidate: Sequence[float]
) -> CrossChecks:
    """Ratios by other routes: pooled over all blocks, and from all segment values of each side."""
    base, cand = checked(baseline), checked(candidate)
    return CrossChecks(
        math.exp(hodges_lehmann([value for blocks in blocks_by_process for value in blocks])),
        float(np.median(cand) / np.median(base)),
        float(cand.min() / base.min()),
    )


def estimators_disagree(result: RatioEstimate, checks: CrossChecks) -> bool:
    """Whether a cross-check lies outside the headline's interval; False where there is no interval."""
    if result.ci_low is None or result.ci_high is None:
        return False
    low, high = result.ci_low * (1 - 1e-9), result.ci_high * (1 + 1e-9)  # zero width must survive rounding
    others = (checks.pooled_hodges_lehmann, checks.ratio_of_medians, checks.ratio_of_minima)
    return any(not low <= other <= high for other in others)


def _contrast(
    first: FloatArray, second: FloatArray, negligible: float = NEGLIGIBLE_LOG_RATIO
) -> Shift | None:
    """Second minus first, Hodges-Lehmann each, with its large-sample standard error.

    The variance of the Hodges-Lehmann estimate of n normal values is (pi / 3) sigma^2 / n; sigma is
    the median absolute pairwise difference within groups / 0.9539 (Shamos 1976), unmoved by stray spikes.
    """
    if min(first.size, second.size) < 3:
        return None
    within = np.concatenate([pairwise_distances(first), pairwise_distances(second)])
    sigma = float(np.median(within)) / 0.9539
    standard_error = sigma * math.sqrt(math.pi / 3 * (1 / first.size + 1 / second.size))
    difference = hodges_lehmann(second) - hodges_lehmann(first)
    return _judged(difference, standard_error, first.size + second.size - 2, negligible)


def _judged(
    difference: float,
    standard_error: float,
    degrees_of_freedom: int,
    negligible: float = NEGLIGIBLE_LOG_RATIO,
) -> Shift:
    limit = max(negligible, float(stdtrit(degrees_of_freedom, 0.975)) * standard_error)
    return Shift(difference, standard_error, degrees_of_freedom, abs(difference) > limit)
