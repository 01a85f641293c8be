"""All results of a commit as one point."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sebench import statistics
from sebench.analysis.readings import Reading, measured_at
from sebench.schema import METRICS, Ratio, TrendPoint

_METHOD, _OF_PERCENTILES = "hodges-lehmann/process-t", "process-t"
WITHOUT_COMMIT = "no commit was recorded"


def trend_points(readings: Sequence[Reading], confidence: float) -> tuple[TrendPoint, ...]:
    """One point per commit, by the date of its first measurement; a tree with changed files is its own.

    Args:
        readings: of one metric under equal conditions, in any order; those without a commit are left out.
        confidence: of the intervals.
    """
    commits: dict[tuple[str, bool], list[Reading]] = {}
    for reading in sorted(readings, key=lambda reading: measured_at(reading.result)):
        git = reading.result.environment.git
        if git.get("commit"):
            commits.setdefault((git["commit"], bool(git.get("dirty"))), []).append(reading)
    return tuple(_point(commit, dirty, found, confidence) for (commit, dirty), found in commits.items())


def _point(commit: str, dirty: bool, readings: Sequence[Reading], confidence: float) -> TrendPoint:
    newest = readings[-1].metric
    logs = [value for reading in readings for value in reading.log_ratios]
    spread = float(np.std(logs, ddof=1)) if len(logs) > 1 else None
    return TrendPoint(
        commit=commit,
        dirty=dirty,
        measured_at=readings[0].result.created_at,
        results=tuple(reading.result.id for reading in readings),
        ratio=_pooled(readings, logs, confidence) if len(logs) > 1 else newest.ratio,
        standard_error=None if spread is None else spread / math.sqrt(len(logs)),
        baseline=newest.baseline.value,
        candidate=newest.candidate.value,
        grade=max(reading.metric.grade or "C" for reading in readings),
    )


def _pooled(readings: Sequence[Reading], logs: Sequence[float], confidence: float) -> Ratio:
    """Mean over the processes of all results, each an independent value (docs/history.md)."""
    limits = statistics.t_interval(logs, confidence)
    return Ratio(
        estimate=math.exp(math.fsum(logs) / len(logs)),
        ci_low=math.exp(limits.low) if limits else None,
        ci_high=math.exp(limits.high) if limits else None,
        confidence=confidence,
        method=_METHOD if METRICS[readings[0].metric.metric].percent is None else _OF_PERCENTILES,
        scope="process",
        processes=len(logs),
        blocks=sum(reading.metric.ratio.blocks for reading in readings),
    )
