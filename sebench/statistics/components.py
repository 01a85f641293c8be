"""How much fresh processes differ beyond the noise of their blocks, and what that adds to one process.

One-way random effects (Searle, Casella & McCulloch, Variance Components, 1992, ch. 3): a process's estimate
varies by sigma_process^2 + within, where within is what its blocks leave open. Differences of mean squares
have the degrees of freedom of Satterthwaite (Biometrics Bulletin 2, 1946).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from sebench.statistics.diagnostics import block_error
from sebench.statistics.intervals import ConfidenceLimits, checked, mean_and_sd, tail_probability
from sebench.statistics.paired import MIN_BLOCKS, MIN_PROCESSES, RatioEstimate, process_estimates
from sebench.statistics.welch import satterthwaite


@dataclass(frozen=True, slots=True)
class ProcessSpread:
    """Mean squares of one run of several processes, or of several runs."""

    between: float
    """Variance of the processes' estimates, s_m^2."""
    within: float
    """The part of it that their blocks explain."""
    degrees_between: int
    degrees_within: int

    @property
    def sigma_process(self) -> float:
        """Standard deviation between processes beyond their blocks, sqrt(s_m^2 - within), at least 0."""
        return math.sqrt(max(self.between - self.within, 0.0))


def process_spread(blocks_by_process: Sequence[Sequence[float]]) -> ProcessSpread | None:
    """The mean squares of one run.

    What blocks explain of a process's estimate is their variance over their number, or the square of
    `block_error` where that is less: a stray block adds to the variance and leaves the estimate alone.

    Args:
        blocks_by_process: one effect per valid block, one sequence per process.

    Returns:
        None for fewer than five processes of two blocks, and where nothing varies.
    """
    usable = [checked(blocks) for blocks in blocks_by_process if len(blocks) >= MIN_BLOCKS]
    if len(usable) < MIN_PROCESSES:
        return None
    _, sd = mean_and_sd(checked(process_estimates(blocks_by_process)))
    within = [min(mean_and_sd(sample)[1] ** 2 / sample.size, block_error(sample) ** 2) for sample in usable]
    if not sd:
        return None
    return ProcessSpread(
        sd**2, sum(within) / len(within), len(usable) - 1, sum(sample.size - 1 for sample in usable)
    )


def pooled_spread(spreads: Sequence[ProcessSpread]) -> ProcessSpread | None:
    """Of several runs, each weighted by its degrees of freedom between processes; None of none."""
    degrees = sum(spread.degrees_between for spread in spreads)
    if not degrees:
        return None
    return ProcessSpread(
        sum(spread.between * spread.degrees_between for spread in spreads) / degrees,
        sum(spread.within * spread.degrees_between for spread in spreads) / degrees,
        degrees,
        sum(spread.degrees_within for spread in spreads),
    )


def over_processes(estimate: RatioEstimate, spread: ProcessSpread) -> ConfidenceLimits | None:
    """Limits of the ratio of one process, widened so that they hold for fresh processes, too.

    Its estimate varies by v + sigma_process^2, with v from its own interval. sigma_process is known no better
    than from a few processes, so each side h becomes sqrt(h^2 + e^2), where h^2 + e^2 is the smaller of

    * t^2 (v + s_m^2 - within), with the degrees of Satterthwaite for that sum of mean squares, which are few
      where sigma_process is small beside the noise of the blocks;
    * t^2 (v + s_m^2), which leaves nothing off and has about as many degrees as there were processes.

    Args:
        estimate: of one process, with an interval.
        spread: of runs with several processes.

    Returns:
        None where the estimate has no interval, or is of several processes.
    """
    ratio, low, high = estimate.ratio, estimate.ci_low, estimate.ci_high
    if ratio is None or low is None or high is None or estimate.processes != 1:
        return None
    center = math.log(ratio)
    below, above = center - math.log(low), math.log(high) - center
    tail, degrees = 1 - tail_probability(estimate.confidence) / 2, estimate.blocks - 1
    half_width = (below + above) / 2
    own = (half_width / float(stdtrit(degrees, tail))) ** 2
    whole = min(
        _half_width_squared(tail, [(own, degrees), (spread.between, spread.degrees_between)]),
        _half_width_squared(
            tail,
            [
                (own, degrees),
                (spread.between, spread.degrees_between),
                (-min(spread.within, spread.between), spread.degrees_within),
            ],
        ),
    )
    extra = math.sqrt(max(whole - half_width**2, 0.0))
    return ConfidenceLimits(
        math.exp(center - math.hypot(below, extra)),
        math.exp(center + math.hypot(above, extra)),
        estimate.confidence,
    )


_FEWEST_DEGREES = 0.5
"""Student's quantile of fewer is beyond any use, and no number for very few."""


def _half_width_squared(tail: float, squares: Sequence[tuple[float, float]]) -> float:
    total = sum(square for square, _ in squares)
    degrees = satterthwaite(*squares) if total > 0 else 0.0
    return math.inf if degrees < _FEWEST_DEGREES else float(stdtrit(degrees, tail)) ** 2 * total
