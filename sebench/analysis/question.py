"""What a gate asks, and what the results at hand say to it before the checks are weighed together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sebench import statistics
from sebench.analysis.pool import Pool
from sebench.schema import METRICS, CheckKind, Finding, GateStatus, Grade, Ratio, Reason, Workload

_MORE = "allow --effort rigorous or a larger --budget, or a wider margin"
_QUIETER = "stop other work on the machine or use another one (see `sebench env`), and run it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One metric of one pair that must not exceed one limit."""

    kind: CheckKind
    model: str
    baseline: str
    candidate: str
    metric: str
    limit: float
    workload: Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the results at hand say to a question; `verdict` is set where no statistics are needed."""

    question: Question
    ratio: Ratio
    workload: Workload | None = None
    """As it was measured."""
    evidence: statistics.Evidence | None = None
    verdict: GateStatus | None = None
    reason: Reason | None = None
    doubt: Reason | None = None
    """Why a ratio beyond the limit would not be a failure; the check is then inconclusive for this reason."""
    worst_cases: tuple[float, ...] = ()
    """By process, with all unrest charged to the candidate; beyond the limit they overrule a doubt."""
    exact: bool = False
    before: int | float | None = None
    """Of an exact figure, as in `sebench.schema.Check`; likewise `after` and `unit`."""
    after: int | float | None = None
    unit: str | None = None
    grade: Grade | None = None
    attempts: int = 1
    findings: tuple[Finding, ...] = ()


def not_comparable(question: Question, code: str, message: str) -> Answer:
    """The answer where there is nothing to hold against the limit."""
    return unanswered(question, Reason(code=code, message=message))


def unanswered(question: Question, reason: Reason) -> Answer:
    """The answer where nothing came of measuring."""
    return Answer(
        question=question,
        ratio=Ratio(estimate=None, method="none"),
        verdict="not_comparable",
        reason=reason,
    )


def exact_answer(
    question: Question, ratio: Ratio, *, before: float | None, after: float | None, unit: str
) -> Answer:
    """The answer of a figure that has no noise.

    Args:
        question: what is asked.
        ratio: of `after` to `before`.
        before: the figure of the baseline.
        after: that of the candidate.
        unit: of both.
    """
    within = ratio.estimate is not None and ratio.estimate <= question.limit
    verdict: GateStatus = "passed" if within else "failed"
    reason = within_limit(question, ratio) if within else over_limit(question)
    return Answer(
        question=question,
        ratio=ratio,
        verdict=verdict,
        reason=reason,
        exact=True,
        before=before,
        after=after,
        unit=unit,
    )


def within_limit(question: Question, ratio: Ratio) -> Reason:
    """Why a check passed."""
    metric, limit = question.metric, question.limit
    if ratio.ci_low is not None and ratio.ci_low > 1:
        message = f"{metric} is higher, but within the limit of {limit:g}"
        return Reason(code="slower-within-limit", message=message)
    return Reason(code="within-limit", message=f"{metric} is within the limit of {limit:g}")


def over_limit(question: Question) -> Reason:
    """Why a check failed."""
    return Reason(code="over-limit", message=f"{question.metric} exceeds the limit of {question.limit:g}")


def far_over_limit(question: Question, worst_cases: Sequence[float], doubted: Reason) -> Reason:
    """Why a check failed although its samples have the lowest grade.

    Args:
        question: what was asked.
        worst_cases: of `Answer`.
        doubted: what would have stood in place of the failure.
    """
    beyond = [log_ratio for log_ratio in worst_cases if log_ratio > math.log(question.limit)]
    where = f"{len(beyond)} of {len(worst_cases)} processes"
    return Reason(
        code="far-over-limit",
        message=f"{doubted.message}; even so, noise does not explain it: in {where} the candidate's fastest "
        f"segment is at least {math.exp(min(beyond)):.2f} times the baseline's upper quartile",
    )


def around_limit(question: Question, interval: str) -> Reason:
    """Why a check is open.

    Args:
        question: what was asked.
        interval: what stands in the way, as the message begins.
    """
    message = f"{interval} the limit of {question.limit:g}"
    return Reason(code="interval-contains-limit", message=message, hint=_MORE)


def too_few(question: Question, processes: int) -> Reason:
    """Why what was measured cannot be judged."""
    # Two sides in processes of their own vary more than two in one, which is what a calibration knows; and it
    # knows times only.
    unknown = question.kind in ("base-ref", "stored") or METRICS[question.metric].source == "energy"
    calibrate = "" if unknown else ", or measure this machine's noise (sebench calibrate)"
    return Reason(
        code="not-enough-processes",
        message=f"{processes} process{'' if processes == 1 else 'es'} cannot show how much fresh processes "
        f"differ; {statistics.MIN_PROCESSES} are needed",
        hint=f"allow --effort standard and a larger --budget{calibrate}",
    )


def doubt_of(question: Question, *pools: Pool) -> Reason | None:
    """Why samples of the lowest grade fail nothing that noise could explain; None where none have it."""
    if not any(pool.grade == "C" for pool in pools):
        return None
    causes = dict.fromkeys(finding.message for pool in pools for finding in pool.disqualifying)
    why = "; ".join(causes) or "it has no interval"
    return doubt(question, "grade-c", f"the measurement has grade C ({why})", _QUIETER)


def doubt(question: Question, code: str, why: str, hint: str) -> Reason:
    """A reason that stands in place of a failure."""
    return Reason(code=code, message=f"{over_limit(question).message}, but {why}", hint=hint)
