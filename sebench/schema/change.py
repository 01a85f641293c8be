"""Old results against new ones."""

from __future__ import annotations

from typing import Any, Literal

from sebench.schema.base import Grade, Status, Value
from sebench.schema.conclusions import Ratio
from sebench.schema.request import Pair, Workload

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
