"""Old results against new ones, and a metric of one pair over the commits at which it was measured."""

from __future__ import annotations

from typing import Any, Literal

from sebench.schema.base import Grade, Status, Value
from sebench.schema.conclusions import Interval, Ratio
from sebench.schema.measurements import Finding
from sebench.schema.request import COMMIT_LENGTH, Pair, Workload

ChangeVerdict = Literal[
    "slower", "faster", "larger", "smaller", "unchanged", "no change shown", "not comparable"
]
"""Times get slower or faster, everything else larger or smaller; only exact figures are ``unchanged``."""


class Difference(Value, frozen=True, kw_only=True):
    """One field that is not the same before and after."""

    field: str
    before: Any
    after: Any


class Origin(Value, frozen=True, kw_only=True):
    """Where figures come from: one stored result."""

    id: str
    created_at: str
    """UTC, ISO 8601."""
    commit: str | None = None
    dirty: bool | None = None
    """Whether tracked files differed from the commit."""
    sebench: str
    torch: str | None = None
    fingerprint: str


class AbsoluteChange(Value, frozen=True, kw_only=True):
    """The candidate's own value after over before. Two sessions were not interleaved: information only."""

    ratio: Ratio
    status: Status = "ok"
    reason: str | None = None
    differences: tuple[Difference, ...] = ()
    """Facts of the two machines that forbid comparing times."""


class MetricChange(Value, frozen=True, kw_only=True):
    """One metric of a pair under one workload, before and after."""

    metric: str
    unit: str
    exact: bool
    workload: Workload | None = None
    """Of the new result; `differences` says where the old one's is another."""
    before: Ratio | None = None
    """Candidate over baseline; None where there is no figure."""
    after: Ratio | None = None
    before_grade: Grade | None = None
    after_grade: Grade | None = None
    overhead: Ratio
    """Ratio after over ratio before; processes and blocks are those of both sides together."""
    degrees_of_freedom: float | None = None
    """Satterthwaite's, of the interval of `overhead`."""
    verdict: ChangeVerdict
    reason: str | None = None
    differences: tuple[Difference, ...] = ()
    """Where the workloads differ."""
    candidate: AbsoluteChange

    @property
    def grade(self) -> Grade | None:
        """The worse of the two; None without a figure on either side."""
        grades = [grade for grade in (self.before_grade, self.after_grade) if grade]
        return max(grades) if len(grades) == 2 else None


class Change(Value, frozen=True, kw_only=True):
    """A pair in old and new results; one side is empty where it has no result of the pair."""

    pair: Pair
    before: tuple[Origin, ...] = ()
    after: tuple[Origin, ...] = ()
    metrics: tuple[MetricChange, ...] = ()

    @property
    def only_in(self) -> Literal["before", "after"] | None:
        """The one side that knows this pair; None where both do."""
        if self.before and self.after:
            return None
        return "before" if self.before else "after"


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
