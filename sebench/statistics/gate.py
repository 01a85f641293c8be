"""From log-ratios to the verdict of a gate: evidence, looks, Holm, and how many processes a margin needs.

A gate asks whether log(candidate / baseline) stays within log(limit). It is decided by the interval, not by
the point: passed if the upper limit is within, failed if the lower limit is beyond (by its p-value, adjusted
for the other checks), else inconclusive. This is the non-inferiority form of two one-sided tests (Schuirmann
1987): of changes within the limit, at most alpha / 2 fail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtri, stdtr, stdtrit

from sebench.statistics.diagnostics import quartiles
from sebench.statistics.intervals import (
    ConfidenceLimits,
    checked,
    hodges_lehmann,
    mean_and_sd,
    tail_probability,
)
from sebench.statistics.paired import MIN_BLOCKS, MIN_PROCESSES, estimate_ratio
from sebench.statistics.welch import satterthwaite

Verdict = Literal["passed", "failed", "inconclusive"]

LOOKS_PER_ATTEMPT = 2
"""The planned samples, and one extension where they did not suffice."""
_FIRST_ATTEMPT_SHARE = 0.9
MAX_NEEDED_PROCESSES = 10_000
_ONE_STRAY_IN = 10


@dataclass(frozen=True, slots=True)
class Evidence:
    """An estimated log-ratio, its standard error and the degrees of freedom of that error."""

    center: float
    standard_error: float
    degrees_of_freedom: float
    """Infinite where the error was calibrated rather than estimated from these samples."""

    def limits(self, confidence: float) -> ConfidenceLimits:
        """Two-sided interval of the log-ratio."""
        half_width = _quantile(1 - tail_probability(confidence) / 2, self.degrees_of_freedom)
        half_width *= self.standard_error
        return ConfidenceLimits(self.center - half_width, self.center + half_width, confidence)

    def p_value(self, log_limit: float) -> float:
        """One-sided: how often a ratio at the limit would show a center this high or higher."""
        if self.standard_error == 0:
            return 0.0 if self.center > log_limit else 1.0
        return _upper_tail((self.center - log_limit) / self.standard_error, self.degrees_of_freedom)


def evidence(
    blocks_by_process: Sequence[Sequence[float]], *, sigma_process: float | None = None
) -> Evidence | None:
    """What log-ratios of blocks, grouped by fresh process, say about the ratio.

    Five processes or more speak for themselves: mean of their Hodges-Lehmann estimates, s / sqrt(P), P - 1
    degrees of freedom. Fewer need `sigma_process`, the calibrated standard deviation between processes.

    Returns:
        None where there is neither: variation between processes is then unknown, and nothing can be gated.
    """
    usable = [blocks for blocks in blocks_by_process if len(blocks) >= MIN_BLOCKS]
    if len(usable) >= MIN_PROCESSES:
        return process_evidence([hodges_lehmann(blocks) for blocks in usable])
    if sigma_process is None or not usable:
        return None
    found = estimate_ratio(usable, sigma_process=sigma_process)
    if found.ratio is None or found.ci_low is None or found.ci_high is None:
        return None
    center = math.log(found.ratio)
    half_width = max(math.log(found.ci_high) - center, center - math.log(found.ci_low))
    return Evidence(center, half_width / _quantile(1 - (1 - found.confidence) / 2, math.inf), math.inf)


def process_evidence(values: Sequence[float]) -> Evidence | None:
    """What one value per fresh process says about their mean: s / sqrt(P), P - 1 degrees of freedom.

    Returns:
        None for fewer than five, which do not speak for themselves.
    """
    if len(values) < MIN_PROCESSES:
        return None
    center, sd = mean_and_sd(checked(values))
    return Evidence(center, sd / math.sqrt(len(values)), len(values) - 1)


def worst_case(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """ln(fastest segment of the candidate / upper quartile of the baseline), of one process.

    What is left of the log-ratio when all unrest of the machine is charged to the candidate. A machine
    disturbs by slowing: the candidate's fastest segment is disturbed only if every one was, and the slow
    quarter of the baseline shows what a disturbance does. (Its slowest would let one spike hide everything.)

    Args:
        baseline: positive values, one per segment.
        candidate: likewise, in the same unit.
    """
    return math.log(min(candidate)) - math.log(quartiles(baseline).q3)


def contrast(
    now: Evidence, then: Evidence, *, sigma_session: float = 0.0, sessions: float = math.inf
) -> Evidence:
    """Evidence of `now` - `then`, measured in different sessions (Welch 1947; Satterthwaite's degrees).

    Args:
        now: of the later session.
        then: of the earlier one.
        sigma_session: standard deviation between sessions; both have their share of it.
        sessions: that it was estimated from, two at least; infinite where it is known.
    """
    errors = [(side.standard_error**2, side.degrees_of_freedom) for side in (now, then)]
    errors.append((2 * sigma_session**2, sessions - 1))
    variance = sum(squared for squared, _ in errors)
    return Evidence(now.center - then.center, math.sqrt(variance), satterthwaite(*errors))


def look_confidence(attempt: int, look: int, *, confidence: float = 0.95) -> float:
    """Level of one look, so that all looks together miss no more often than one interval of `confidence`.

    The first attempt spends 90 % of alpha, evenly over its two looks (97.75 % each at 95 %); attempt k > 1
    spends 10 % / (k (k - 1)), a series that sums to the rest. Repeating a gate until it is green therefore
    does not raise the chance that a regression passes (Bonferroni over an unbounded number of looks).

    Args:
        attempt: from 1; later ones look at the samples of all earlier ones too.
        look: 1, or 2 for the extension.
        confidence: of the whole gate.
    """
    if attempt < 1 or not 1 <= look <= LOOKS_PER_ATTEMPT:
        raise ValueError(f"there is no look {look} of attempt {attempt}")
    share = _FIRST_ATTEMPT_SHARE if attempt == 1 else (1 - _FIRST_ATTEMPT_SHARE) / (attempt * (attempt - 1))
    return 1 - tail_probability(confidence) * share / LOOKS_PER_ATTEMPT


def decide(found: Evidence, limit: float, *, confidence: float, adjusted_p: float) -> Verdict:
    """The verdict on one ratio.

    Args:
        found: evidence on its logarithm.
        limit: largest ratio allowed.
        confidence: of this look (`look_confidence`).
        adjusted_p: `Evidence.p_value` at the limit, adjusted for the other checks (`holm`).
    """
    if found.limits(confidence).high <= math.log(limit):
        return "passed"
    # A pass needs no correction for many checks: the worst one decides, so more only make it harder.
    return "failed" if adjusted_p <= tail_probability(confidence) / 2 else "inconclusive"


def is_far_beyond(worst_cases: Sequence[float], limit: float) -> bool:
    """Whether a ratio is so far beyond the limit that disturbance of the machine does not explain it.

    In five processes or more, and in every one of them but for one in ten, even the `worst_case` is beyond
    the limit: the machine would have had to slow all of the candidate's segments and spare three quarters of
    the baseline's, in nearly every process. It assumes no distribution, and it comes on top of `decide`, so
    it can only make failures fewer.

    Args:
        worst_cases: `worst_case` of each process.
        limit: largest ratio allowed.
    """
    beyond = sum(log_ratio > math.log(limit) for log_ratio in worst_cases)
    return (
        len(worst_cases) >= MIN_PROCESSES and beyond >= len(worst_cases) - len(worst_cases) // _ONE_STRAY_IN
    )


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's (1979) step-down adjustment, in the order given: family-wise error without independence."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        # Never below that of a smaller p-value: a check must not fail where a clearer one does not.
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return tuple(adjusted)


def noise_floor(sigma_process: float, processes: int, *, confidence: float = 0.95) -> float:
    """Smallest margin, as a log-ratio, that `processes` can be asked to hold: two half-widths.

    2 t_{P-1} sigma / sqrt(P); of an unchanged ratio with a smaller margin many gates would stay inconclusive.
    """
    tail = 1 - tail_probability(confidence) / 2
    return 2 * _quantile(tail, processes - 1) * sigma_process / math.sqrt(processes)


def needed_processes(sigma_process: float, log_margin: float, *, confidence: float = 0.95) -> int:
    """Fewest processes (at least five) whose noise floor is within the margin.

    Raises:
        ValueError: the margin is not positive.
    """
    if log_margin <= 0:
        raise ValueError("a margin of no size needs infinitely many processes")
    for processes in range(MIN_PROCESSES, MAX_NEEDED_PROCESSES):
        if noise_floor(sigma_process, processes, confidence=confidence) <= log_margin:
            return processes
    return MAX_NEEDED_PROCESSES


def _quantile(probability: float, degrees_of_freedom: float) -> float:
    if math.isinf(degrees_of_freedom):
        return float(ndtri(probability))
    return float(stdtrit(degrees_of_freedom, probability))


def _upper_tail(statistic: float, degrees_of_freedom: float) -> float:
    # stdtr of an infinite number of degrees is the normal distribution.
    return float(stdtr(degrees_of_freedom, -statistic))
