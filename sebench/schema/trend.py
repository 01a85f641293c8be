"""A metric of one pair over the commits at which it was measured."""

from __future__ import annotations

from sebench.schema.base import Grade, Value
from sebench.schema.change import ChangeVerdict
from sebench.schema.conclusions import Interval, Ratio
from sebench.schema.measurements import Finding
from sebench.schema.request import COMMIT_LENGTH, Pair, Workload


class TrendPoint(Value, frozen=True, kw_only=True):
    """All results of one commit; trees with changed files stand apart from the commit itself."""

    commit: str
    dirty: bool = False
    measured_at: str
    """Of the first result: UTC, ISO 8601."""
    results: tuple[str, ...]
    """Their ids."""
    ratio: Ratio
    """Candidate over baseline, pooled over the processes of all results."""
    standard_error: float | None = None
    """Of the logarithm of the ratio; None below two processes."""
    baseline: float | int | None
    """In the metric's unit, of the newest result. Times of two sessions are not comparable."""
    candidate: float | int | None
    grade: Grade
    """The worst of the results."""

    @property
    def label(self) -> str:
        """The commit as people write it, e.g. ``0123456789ab`` or ``0123456789ab-dirty``."""
        return self.commit[:COMMIT_LENGTH] + ("-dirty" if self.dirty else "")


class ChangePoint(Value, frozen=True, kw_only=True):
    """A commit from which on the ratio has another level."""

    index: int
    """Of the first point of the new level."""
    before: str
    """Label of the last commit of the old level."""
    after: str
    """Label of the first commit of the new level."""
    level_before: Interval
    """Ratio, over the points of the level (geometric mean)."""
    level_after: Interval
    points_before: int
    points_after: int
    change: Ratio
    """Level after over level before."""
    verdict: ChangeVerdict


class LeftOut(Value, frozen=True, kw_only=True):
    """Stored results that are no part of a trend."""

    reason: str
    results: int


class Trend(Value, frozen=True, kw_only=True):
    """One metric, one pair, one workload, one set-up; points in the order of their first measurement."""

    metric: str
    unit: str
    exact: bool
    pair: Pair
    workload: Workload | None = None
    fingerprint: str
    points: tuple[TrendPoint, ...]
    change_points: tuple[ChangePoint, ...] = ()
    noise: float | None = None
    """Standard deviation of the logarithm of one point's ratio about its level; None where exact."""
    penalty: float | None = None
    """Per change point, in units of the noise squared; None where none were sought by penalty."""
    reason: str | None = None
    """Why no change points were sought."""
    left_out: tuple[LeftOut, ...] = ()
    findings: tuple[Finding, ...] = ()
