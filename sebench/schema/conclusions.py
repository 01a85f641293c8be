"""What is concluded from costs and samples."""

from __future__ import annotations

from typing import Literal

from sebench.schema.base import Grade, Status, Value
from sebench.schema.costs import UncountedOp
from sebench.schema.measurements import Finding
from sebench.schema.request import Workload


class Quantity(Value, frozen=True, kw_only=True):
    """One side of a metric: its value (median where sampled), quartiles and number of values."""

    value: float | int | None
    q1: float | None = None
    q3: float | None = None
    n: int | None = None


class Interval(Value, frozen=True, kw_only=True):
    """An estimate with its confidence limits, in the metric's unit."""

    estimate: float | int | None
    ci_low: float | int | None = None
    ci_high: float | int | None = None


class Ratio(Value, frozen=True, kw_only=True):
    """Candidate over baseline, and how it was arrived at."""

    estimate: float | None
    ci_low: float | None = None
    ci_high: float | None = None
    confidence: float = 0.95
    method: str
    scope: Literal["process", "within-process"] | None = None
    processes: int = 0
    blocks: int = 0


class MetricComparison(Value, frozen=True, kw_only=True):
    """One row of a comparison."""

    metric: str
    unit: str
    exact: bool
    workload: Workload | None = None
    baseline: Quantity
    candidate: Quantity
    difference: Interval
    ratio: Ratio
    grade: Grade | None
    """None where there is no figure to judge."""
    status: Status = "ok"
    reason: str | None = None
    findings: tuple[Finding, ...] = ()


class SavedStage(Value, frozen=True, kw_only=True):
    """Bytes that the operations of one stage keep for their backward pass; exact."""

    stage: str
    baseline_bytes: int
    candidate_bytes: int


class Comparison(Value, frozen=True, kw_only=True):
    """A pair with everything concluded about it."""

    model: str
    """As `Pair.model`; `baseline` and `candidate` are variants of it, or two networks."""
    baseline: str
    candidate: str
    metrics: tuple[MetricComparison, ...]
    saved_by_stage: tuple[SavedStage, ...] = ()
    """In training, in the order of the forward pass."""
    uncounted: tuple[UncountedOp, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def title(self) -> str:
        """The pair in a few words: ``resnet50: plain -> se``, or ``nets.py:new against nets.py:old``."""
        return self.model if self.of_two_networks else f"{self.model}: {self.baseline} -> {self.candidate}"

    @property
    def short_title(self) -> str:
        """The candidate with its network: ``resnet50 se``, or ``nets.py:new against nets.py:old``."""
        return self.model if self.of_two_networks else f"{self.model} {self.candidate}"

    @property
    def of_two_networks(self) -> bool:
        """Whether the sides are networks of their own rather than variants of one."""
        return self.model == f"{self.candidate} against {self.baseline}"
