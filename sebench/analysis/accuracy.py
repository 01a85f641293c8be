"""From ranks of true classes to shares with intervals, and to what tells two networks apart."""

from __future__ import annotations

from collections.abc import Sequence

from sebench.schema import (
    AccuracyComparison,
    AccuracyRun,
    NetworkAccuracy,
    NetworkName,
    Share,
    ShareDifference,
)
from sebench.statistics import mcnemar_exact, tango_interval, wilson_interval

TOPS = (1, 5)


def conclude_accuracy(
    runs: Sequence[AccuracyRun], classes: int, *, confidence: float = 0.95
) -> tuple[tuple[NetworkAccuracy, ...], tuple[AccuracyComparison, ...]]:
    """What each network gets right, and each later one compared with the first.

    Args:
        runs: of networks that saw at least one image.
        classes: how many there are.
        confidence: of each interval.
    """
    networks = tuple(_network(run, classes, confidence) for run in runs)
    return networks, tuple(_compared(runs[0], run, classes, confidence) for run in runs[1:])


def unavailable(top: int, classes: int) -> str | None:
    """Why there is no such figure; None where there is one."""
    if classes > top:
        return None
    return f"with {classes} class{'' if classes == 1 else 'es'} every answer is among the first {top}"


def _network(run: AccuracyRun, classes: int, confidence: float) -> NetworkAccuracy:
    shares = {top: _share(list(run.ranks.values()), top, classes, confidence) for top in TOPS}
    return NetworkAccuracy(
        model=run.spec.model,
        variant=run.spec.variant,
        weights=run.spec.weights,
        weights_sha256=run.spec.weights_sha256,
        preprocessing=run.preprocessing,
        n=len(run.ranks),
        top1=shares[1],
        top5=shares[5],
    )


def _share(ranks: Sequence[int], top: int, classes: int, confidence: float) -> Share:
    reason = unavailable(top, classes)
    if reason is not None:
        return Share(status="unavailable", reason=reason)
    correct = sum(rank < top for rank in ranks)
    limits = wilson_interval(correct, len(ranks), confidence)
    return Share(estimate=correct / len(ranks), ci_low=limits.low, ci_high=limits.high, correct=correct)


def _compared(
    baseline: AccuracyRun, candidate: AccuracyRun, classes: int, confidence: float
) -> AccuracyComparison:
    common = [place for place in baseline.ranks if place in candidate.ranks]
    pairs = [(baseline.ranks[place], candidate.ranks[place]) for place in common]
    differences = {top: _difference(pairs, top, classes, confidence) for top in TOPS}
    return AccuracyComparison(
        baseline=_name(baseline),
        candidate=_name(candidate),
        n=len(common),
        top1=differences[1],
        top5=differences[5],
    )


def _difference(
    pairs: Sequence[tuple[int, int]], top: int, classes: int, confidence: float
) -> ShareDifference:
    reason = unavailable(top, classes) or (None if pairs else "they have no image in common")
    if reason is not None:
        return ShareDifference(status="unavailable", reason=reason)
    baseline_only = sum(one < top <= other for one, other in pairs)
    candidate_only = sum(other < top <= one for one, other in pairs)
    limits = tango_interval(baseline_only, candidate_only, len(pairs), confidence)
    return ShareDifference(
        estimate=(candidate_only - baseline_only) / len(pairs),
        ci_low=limits.low,
        ci_high=limits.high,
        baseline_only=baseline_only,
        candidate_only=candidate_only,
        p_value=mcnemar_exact(baseline_only, candidate_only),
    )


def _name(run: AccuracyRun) -> NetworkName:
    return NetworkName(model=run.spec.model, variant=run.spec.variant, weights=run.spec.weights)
