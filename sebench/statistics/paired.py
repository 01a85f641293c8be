"""From the four segments of a block to the headline: ratio, difference and their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from sebench.errors import UsageError, WorkerError
from sebench.statistics.intervals import (
    ConfidenceLimits,
    FloatArray,
    checked,
    hodges_lehmann,
    mean_and_sd,
    signed_rank_interval,
    t_interval,
    tail_probability,
)

MIN_PROCESSES = 5
"""From here on the processes alone carry the interval, calibrated or not."""
MIN_BLOCKS = 2
"""A process with fewer valid blocks has no estimate of its own."""
Scope = Literal["process", "within-process"]

_PROCESS_T = "hodges-lehmann/process-t"
_SIGNED_RANK = "hodges-lehmann/signed-rank"
_CALIBRATED = "hodges-lehmann/signed-rank+process-sd"
_POINT_ONLY = "hodges-lehmann"


@dataclass(frozen=True, slots=True)
class RatioEstimate:
    """Candidate / baseline with its interval; `ci_low` is None exactly where `reason` says why."""

    ratio: float | None
    ci_low: float | None
    ci_high: float | None
    confidence: float
    method: str
    scope: Scope
    """What the interval speaks for: fresh processes, or only the process(es) that were seen."""
    processes: int
    blocks: int
    reason: str | None = None

    @property
    def includes_processes(self) -> bool:
        """Whether the interval of few processes is widened by what was calibrated."""
        return self.method == _CALIBRATED


@dataclass(frozen=True, slots=True)
class DifferenceEstimate:
    """Candidate - baseline in the unit of the blocks (seconds per step), by the recipe of `RatioEstimate`."""

    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    confidence: float
    method: str
    scope: Scope
    processes: int
    blocks: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Estimate:
    center: float | None
    limits: ConfidenceLimits | None
    method: str
    scope: Scope
    processes: int
    blocks: int
    reason: str | None = None


def block_log_ratio(order: str, segment_values: Sequence[float]) -> float:
    """Effect of one block, d = 1/2 [(ln B1 - ln A1) + (ln B2 - ln A2)]; drift linear in the log cancels.

    Args:
        order: ``"ABBA"`` or ``"BAAB"``.
        segment_values: The four times (any one unit) in the order they were taken.

    Raises:
        WorkerError: A value is not positive and finite, there are not four, or the order is unknown.
    """
    a1, b1, b2, a2 = _by_side(order, segment_values)
    return 0.5 * (math.log(b1 / a1) + math.log(b2 / a2))


def block_difference(order: str, segment_values: Sequence[float]) -> float:
    """1/2 [(B1 - A1) + (B2 - A2)], in the unit of the values. Arguments and errors as `block_log_ratio`."""
    a1, b1, b2, a2 = _by_side(order, segment_values)
    return 0.5 * ((b1 - a1) + (b2 - a2))


def _by_side(order: str, values: Sequence[float]) -> tuple[float, float, float, float]:
    if order not in ("ABBA", "BAAB") or len(values) != 4:
        raise WorkerError(
            f"a block is four segments in ABBA or BAAB order, got {len(values)} in {order!r}",
            hint="measure again or drop the damaged file",
        )
    for value in values:
        if not 0 < value < math.inf:
            raise WorkerError(
                f"segment time {value!r} s is not a positive number",
                hint="the timer went backwards or did not tick; measure again with longer segments",
            )
    first, second, third, fourth = values
    return (first, second, third, fourth) if order == "ABBA" else (second, first, fourth, third)


def estimate_ratio(
    blocks_by_process: Sequence[Sequence[float]],
    *,
    confidence: float = 0.95,
    sigma_process: float | None = None,
) -> RatioEstimate:
    """The ratio that is printed, from the log-ratios of the valid blocks of each process.

    * Five processes or more, or two to four without `sigma_process`: Student-t over the processes'
      Hodges-Lehmann estimates (Kalibera & Jones 2013: interval over the top-level means).
    * One process, or two to four with `sigma_process`: signed-rank interval over the blocks, each side
      widened to sqrt(side^2 + (z sigma_process)^2 / P). Scope ``within-process``.

    Args:
        blocks_by_process: Log-ratios (`block_log_ratio`), one sequence per process.
        confidence: Of the two-sided interval.
        sigma_process: Standard deviation of the log-ratio between fresh processes, from calibration.

    Returns:
        The ratio; where no interval exists, limits of None and the reason. Identical blocks give a zero-width
        interval, which the caller should flag.
    """
    found = _estimate(blocks_by_process, confidence, sigma_process)
    return RatioEstimate(
        None if found.center is None else math.exp(found.center),
        None if found.limits is None else math.exp(found.limits.low),
        None if found.limits is None else math.exp(found.limits.high),
        confidence,
        *(found.method, found.scope, found.processes, found.blocks, found.reason),
    )


def estimate_difference(
    blocks_by_process: Sequence[Sequence[float]],
    *,
    confidence: float = 0.95,
    sigma_process_s: float | None = None,
) -> DifferenceEstimate:
    """Absolute difference candidate - baseline (s) from `block_difference`s, as `estimate_ratio` does it."""
    found = _estimate(blocks_by_process, confidence, sigma_process_s)
    return DifferenceEstimate(
        found.center,
        None if found.limits is None else found.limits.low,
        None if found.limits is None else found.limits.high,
        confidence,
        *(found.method, found.scope, found.processes, found.blocks, found.reason),
    )


def process_estimates(blocks_by_process: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Hodges-Lehmann estimate of each process with `MIN_BLOCKS` blocks or more: the independent values.

    Args:
        blocks_by_process: One effect per valid block, one sequence per process.
    """
    return tuple(hodges_lehmann(blocks) for blocks in blocks_by_process if len(blocks) >= MIN_BLOCKS)


def _estimate(
    blocks_by_process: Sequence[Sequence[float]], confidence: float, process_sd: float | None
) -> _Estimate:
    if process_sd is not None and not (math.isfinite(process_sd) and process_sd >= 0):
        raise UsageError(f"between-process standard deviation {process_sd!r} is not a number >= 0")
    usable = [checked(blocks) for blocks in blocks_by_process if len(blocks) >= MIN_BLOCKS]
    if not usable:
        return _point_only(blocks_by_process)
    processes, blocks = len(usable), sum(sample.size for sample in usable)
    if processes >= MIN_PROCESSES or (processes > 1 and process_sd is None):
        estimates = process_estimates(blocks_by_process)
        center, _ = mean_and_sd(np.array(estimates))
        limits = t_interval(estimates, confidence)
        return _Estimate(center, limits, _PROCESS_T, "process", processes, blocks)
    return _pooled(np.concatenate(usable), processes, confidence, process_sd)


def _pooled(pool: FloatArray, processes: int, confidence: float, process_sd: float | None) -> _Estimate:
    center = hodges_lehmann(pool)
    limits = signed_rank_interval(pool, confidence)
    if limits is None:
        needed = math.ceil(1 - math.log2(tail_probability(confidence)))  # 2 / 2^n <= alpha
        reason = f"a {confidence * 100:g} % interval needs {needed} valid blocks, there are {pool.size}"
        return _Estimate(center, None, _POINT_ONLY, "within-process", processes, pool.size, reason)
    if process_sd is None:
        return _Estimate(center, limits, _SIGNED_RANK, "within-process", processes, pool.size)
    extra = float(ndtri(1 - tail_probability(confidence) / 2)) * process_sd / math.sqrt(processes)
    low = center - math.hypot(center - limits.low, extra)
    high = center + math.hypot(limits.high - center, extra)
    widened = ConfidenceLimits(low, high, confidence)
    return _Estimate(center, widened, _CALIBRATED, "within-process", processes, pool.size)


def _point_only(blocks_by_process: Sequence[Sequence[float]]) -> _Estimate:
    singles = [value for blocks in blocks_by_process for value in blocks]
    center = hodges_lehmann(singles) if singles else None
    reason = f"no process has {MIN_BLOCKS} valid blocks" if singles else "no valid block"
    return _Estimate(center, None, _POINT_ONLY, "within-process", len(singles), len(singles), reason)
