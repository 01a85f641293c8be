"""One metric of one pair over the commits at which it was measured, and where its level changed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from sebench import statistics
from sebench.analysis.metric_change import change_verdict, exact_ratio
from sebench.analysis.readings import Reading, measured_at
from sebench.analysis.series import Series
from sebench.schema import METRICS, ChangePoint, Finding, Interval, LeftOut, Ratio, Trend, TrendPoint

CONFIDENCE = 0.95
METHOD = "welch-t over commits"
_POINT_METHOD, _POINT_METHOD_OF_PERCENTILES = "hodges-lehmann/process-t", "process-t"
WITHOUT_COMMIT = "no commit was recorded"


def trend(series: Series, *, confidence: float = CONFIDENCE) -> Trend:
    """Points by commit, and the change points between them.

    Sampled metrics: PELT on the logarithms of the ratios (`sebench.statistics.change_points`). Exact ones
    change where the figure of either network does.

    Args:
        series: readings of one metric that may be compared with each other.
        confidence: of all intervals.

    Raises:
        UsageError: change points are to be sought, and `ruptures` is not installed.
    """
    first = series.readings[0]
    points = trend_points(series.readings, confidence)
    exact = all(reading.metric.exact for reading in series.readings)
    placed = sum(len(point.results) for point in points)
    unplaced = len(series.readings) - placed
    # Results without a commit have no place on the axis; they are reported as left out, not dropped silently.
    noise, places, reason = _change_indices(points, exact=exact)
    sought = not exact and reason is None
    return Trend(
        metric=first.metric.metric,
        unit=first.metric.unit,
        exact=exact,
        pair=first.result.pair,
        workload=first.workload,
        fingerprint=series.fingerprint,
        points=points,
        change_points=tuple(_change_points(points, places, first.metric.metric, confidence, exact=exact)),
        noise=noise,
        penalty=statistics.penalty(len(points)) if sought else None,
        reason=reason,
        left_out=(
            *series.left_out,
            *((LeftOut(reason=WITHOUT_COMMIT, results=unplaced),) if unplaced else ()),
        ),
        findings=tuple(_findings(points, series.readings)),
    )


def _change_indices(
    points: Sequence[TrendPoint], *, exact: bool
) -> tuple[float | None, tuple[int, ...], str | None]:
    """Noise of a point, indices at which a level begins, and why none were sought."""
    if len(points) < 2:
        return None, (), "one commit only" if points else "no commit"
    if exact:
        return None, _exact_changes(points), None
    logs = [_log(point) for point in points]
    noise = statistics.series_noise(
        logs, [point.standard_error for point in points if point.standard_error is not None]
    )
    if len(points) < statistics.MIN_POINTS:
        return noise, (), f"change points need {statistics.MIN_POINTS} commits, there are {len(points)}"
    return noise, statistics.change_points(logs, noise), None


def _exact_changes(points: Sequence[TrendPoint]) -> tuple[int, ...]:
    return tuple(
        index
        for index, (old, new) in enumerate(pairwise(points), start=1)
        if (old.baseline, old.candidate) != (new.baseline, new.candidate)
    )


# --- change points --------------------------------------------------------------------------------------


def _change_points(
    points: Sequence[TrendPoint], places: Sequence[int], metric: str, confidence: float, *, exact: bool
) -> Iterator[ChangePoint]:
    bounds = (0, *places, len(points))
    levels = [points[start:end] for start, end in pairwise(bounds)]
    for place, (before, after) in zip(places, pairwise(levels), strict=True):
        change = _exact_change(before, after) if exact else _sampled_change(before, after, confidence)
        yield ChangePoint(
            index=place,
            before=before[-1].label,
            after=after[0].label,
            level_before=_level(before, confidence, exact=exact),
            level_after=_level(after, confidence, exact=exact),
            points_before=len(before),
            points_after=len(after),
            change=change,
            verdict=change_verdict(change, metric, exact=exact),
        )


def _level(points: Sequence[TrendPoint], confidence: float, *, exact: bool) -> Interval:
    if exact:
        ratio = points[0].ratio.estimate
        return Interval(estimate=ratio, ci_low=ratio, ci_high=ratio)
    logs = [_log(point) for point in points]
    limits = statistics.t_interval(logs, confidence)
    return Interval(
        estimate=math.exp(math.fsum(logs) / len(logs)),
        ci_low=math.exp(limits.low) if limits else None,
        ci_high=math.exp(limits.high) if limits else None,
    )


def _exact_change(before: Sequence[TrendPoint], after: Sequence[TrendPoint]) -> Ratio:
    old, new = before[-1].ratio.estimate, after[0].ratio.estimate
    return exact_ratio(new / old) if old and new else Ratio(estimate=None, method="none")


def _sampled_change(before: Sequence[TrendPoint], after: Sequence[TrendPoint], confidence: float) -> Ratio:
    """The commit is the experimental unit here: what differs between sessions is in the interval."""
    old, new = ([_log(point) for point in points] for points in (before, after))
    difference = statistics.welch_difference(old, new, confidence)
    limits = difference.limits
    return Ratio(
        estimate=math.exp(difference.estimate),
        ci_low=math.exp(limits.low) if limits else None,
        ci_high=math.exp(limits.high) if limits else None,
        confidence=confidence,
        method=METHOD,
        scope="process",
        processes=sum(point.ratio.processes for point in (*before, *after)),
        blocks=sum(point.ratio.blocks for point in (*before, *after)),
    )


def _log(point: TrendPoint) -> float:
    return math.log(point.ratio.estimate or math.nan)


# --- what a reader should know --------------------------------------------------------------------------


def _findings(points: Sequence[TrendPoint], readings: Iterable[Reading]) -> Iterator[Finding]:
    dirty = sum(point.dirty for point in points)
    if dirty:
        yield _note("changed-files", f"{dirty} of {len(points)} points have changed files (-dirty)")
    results = [reading.result for reading in readings]
    for name, found in (
        ("sebench", {result.sebench for result in results}),
        ("torch", {result.environment.versions.get("torch") or "unknown" for result in results}),
    ):
        if len(found) > 1:
            yield _note("versions-differ", f"measured with {name} {', '.join(sorted(found))}")


def _note(code: str, message: str) -> Finding:
    return Finding(code=code, severity="info", message=message)


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
        method=_POINT_METHOD
        if METRICS[readings[0].metric.metric].percent is None
        else _POINT_METHOD_OF_PERCENTILES,
        scope="process",
        processes=len(logs),
        blocks=sum(reading.metric.ratio.blocks for reading in readings),
    )
