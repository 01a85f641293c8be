"""What a listing of stored results knows of each without opening it."""

from __future__ import annotations

from datetime import datetime

from sebench.schema.base import Grade, Status, Value
from sebench.schema.coherence import moment
from sebench.schema.conclusions import Ratio
from sebench.schema.request import Pair, Workload


class ResultSummary(Value, frozen=True, kw_only=True):
    """The facts of one stored result: what was measured, where, and on which state of the user's code."""

    path: str = ""
    id: str
    created_at: str
    """UTC, ISO 8601."""
    sebench: str
    pair: Pair
    workloads: tuple[Workload, ...] = ()
    """One per measurement; empty where nothing was timed."""
    fingerprint: str
    """`sebench.schema.fingerprint` of the environment."""
    machine: str | None = None
    """The accelerator or processor by name."""
    commit: str | None = None
    """Of the repository that was measured in, if any."""
    dirty: bool | None = None
    branch: str | None = None
    interrupted: bool = False
    """Stopped by Ctrl-C: holds what was measured until then."""

    @property
    def models(self) -> tuple[str, ...]:
        """The network, or both where there are two."""
        return tuple(dict.fromkeys((self.pair.candidate.model, self.pair.baseline.model)))

    @property
    def model(self) -> str:
        """As `Pair.model`."""
        return self.pair.model

    @property
    def baseline(self) -> str:
        """What the ratio is over, as `Pair.baseline_name`."""
        return self.pair.baseline_name

    @property
    def candidate(self) -> str:
        """What was compared, as `Pair.candidate_name`."""
        return self.pair.candidate_name

    @property
    def created(self) -> datetime:
        """`created_at` in UTC."""
        return moment(self.created_at)


class SkippedFile(Value, frozen=True, kw_only=True):
    """A file among stored results that is none, or that cannot be read."""

    path: str
    reason: str


class StoreContents(Value, frozen=True, kw_only=True):
    """A directory of results at one moment."""

    results: tuple[ResultSummary, ...] = ()
    """Newest last."""
    skipped: tuple[SkippedFile, ...] = ()


class LatencySummary(Value, frozen=True, kw_only=True):
    """The latency ratio of one workload, with what it takes to judge it."""

    workload: Workload
    baseline_s: float | None
    """Median step of the baseline."""
    candidate_s: float | None
    ratio: Ratio
    grade: Grade | None
    """None where there is no ratio."""
    status: Status = "ok"
    reason: str | None = None


class ListedResult(Value, frozen=True, kw_only=True):
    """One entry of a listing."""

    summary: ResultSummary
    latency: tuple[LatencySummary, ...] = ()
    """One per workload of the summary."""


class ResultListing(Value, frozen=True, kw_only=True):
    """What `sebench list results` found."""

    directory: str
    results: tuple[ListedResult, ...] = ()
    """Newest last."""
    skipped: tuple[SkippedFile, ...] = ()
