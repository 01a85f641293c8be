"""What is concluded from costs and samples, and what a gate makes of it."""

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


class OverProcesses(Value, frozen=True, kw_only=True):
    """The interval of one process with how much fresh ones differ, as earlier runs had it."""

    sigma_process: float
    """Standard deviation of the log-ratio between processes beyond the noise of their blocks."""
    ci_low: float
    ci_high: float
    runs: int
    processes: int
    """Of all those runs."""
    same_network: bool
    """Else they were of other networks on the same set-up."""


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
    over_processes: OverProcesses | None = None
    """Of a latency that one process was measured for, where something is known of others."""


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
    def is_interrupted(self) -> bool:
        """Whether it rests on what was measured until somebody pressed Ctrl-C."""
        return any(finding.code == "interrupted" for finding in self.findings)

    @property
    def of_two_networks(self) -> bool:
        """Whether the sides are networks of their own rather than variants of one."""
        return self.model == f"{self.candidate} against {self.baseline}"


GateStatus = Literal["passed", "failed", "inconclusive", "not_comparable"]
CheckKind = Literal["lock", "ceiling", "factories", "base-ref", "stored"]
OnInconclusive = Literal["pass", "fail"]


class Reason(Value, frozen=True, kw_only=True):
    """Why a check ended as it did: a stable code and one line for people."""

    code: str
    message: str
    hint: str | None = None


class Check(Value, frozen=True, kw_only=True):
    """One metric of one pair against one limit."""

    kind: CheckKind
    model: str
    baseline: str
    """What the ratio is over: a variant, a factory, a commit, a stored result, or ``lock``."""
    candidate: str
    metric: str
    status: GateStatus
    exact: bool = False
    limit: float | None = None
    """Largest ratio allowed; None where equality is asked for."""
    ratio: Ratio
    """The interval is not adjusted for the other checks of the gate; the decision is."""
    grade: Grade | None = None
    """Of all samples that were pooled; None of exact figures. With grade C only what is far beyond fails."""
    workload: Workload | None = None
    p_value: float | None = None
    """One-sided, that the ratio is within the limit; Holm-adjusted over the sampled checks of the gate."""
    attempts: int = 1
    """Invocations whose samples were pooled."""
    reason: Reason
    findings: tuple[Finding, ...] = ()
    before: int | float | None = None
    """Of an exact figure: its value in the baseline (or lock); None where it is unknown. Likewise `after`."""
    after: int | float | None = None
    unit: str | None = None
    """Of `before` and `after`: ``1``, ``MAC``, ``FLOP`` or ``B``."""
    duration_s: float | None = None
    """Time spent on it; checks that share a measurement share its time evenly."""


class Gate(Value, frozen=True, kw_only=True):
    """All checks of one invocation."""

    status: GateStatus
    checks: tuple[Check, ...]
    on_inconclusive: OnInconclusive = "fail"
    started_at: str | None = None
    """ISO 8601, UTC."""
    duration_s: float | None = None
    """Of all of it: checking out, counting and measuring."""
