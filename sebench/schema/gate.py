"""What the gate checked and what came of it."""

from __future__ import annotations

from typing import Literal

from sebench.schema.base import Grade, Value
from sebench.schema.conclusions import Ratio
from sebench.schema.measurements import Finding
from sebench.schema.request import Workload

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
