"""Results against limits: what each metric says, one family of decisions, one status."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sebench import statistics
from sebench.analysis.comparison import compare
from sebench.analysis.pool import is_same_load, pool
from sebench.analysis.question import (
    Answer,
    Question,
    around_limit,
    doubt_of,
    exact_answer,
    far_over_limit,
    not_comparable,
    over_limit,
    too_few,
    within_limit,
)
from sebench.schema import METRICS, Check, GateStatus, MetricComparison, Reason, Result

_SEVERITY: tuple[GateStatus | None, ...] = ("passed", "inconclusive", "not_comparable", "failed")


def answer(question: Question, results: Sequence[Result], *, attempts: int = 1) -> Answer:
    """Read one metric off all results of a pair, whose samples are pooled.

    Args:
        question: what is asked.
        results: of one pair, oldest first; at least one.
        attempts: invocations they come from.
    """
    if METRICS[question.metric].kind == "sampled":
        return _sampled(question, results, attempts)
    found = _rows(question, results)
    measured = [metric for metric in found if metric.status == "ok"]
    if not measured:
        return _missing(question, found)
    if measured[-1].exact:
        return _stated(question, measured[-1])
    # Not pooled, but not forgotten either: measuring again cannot turn the verdict.
    stated = [_stated(question, metric) for metric in measured]
    return replace(max(stated, key=lambda answer: _SEVERITY.index(answer.verdict)), attempts=attempts)


def decide(answers: Sequence[Answer], *, attempt: int, look: int) -> tuple[Check, ...]:
    """Verdicts on all answers of a gate; those that rest on evidence are one family (Holm)."""
    confidence = statistics.look_confidence(attempt, look)
    sampled = [answer for answer in answers if answer.evidence is not None and answer.verdict is None]
    adjusted = statistics.holm([_p_value(answer) for answer in sampled])
    p_values = {id(answer): p for answer, p in zip(sampled, adjusted, strict=True)}
    return tuple(_check(answer, p_values.get(id(answer)), confidence) for answer in answers)


def gate_status(checks: Iterable[Check]) -> GateStatus:
    """The worst of the checks; nothing compared is not a pass."""
    return max((check.status for check in checks), key=_SEVERITY.index, default="not_comparable")


def _sampled(question: Question, results: Sequence[Result], attempts: int) -> Answer:
    pooled = pool(results, question.metric, question.workload)
    if pooled is None:
        return _missing(question, _rows(question, results))
    evidence = pooled.evidence
    return Answer(
        question=question,
        ratio=pooled.ratio,
        workload=pooled.workload,
        evidence=evidence,
        verdict=None if evidence else "inconclusive",
        reason=None if evidence else too_few(question, pooled.processes),
        doubt=doubt_of(question, pooled),
        worst_cases=pooled.worst_cases,
        grade=pooled.grade,
        attempts=attempts,
        findings=pooled.findings,
    )


def _rows(question: Question, results: Sequence[Result]) -> list[MetricComparison]:
    return [
        metric
        for result in results
        for metric in compare(result).metrics
        if metric.metric == question.metric
        and (metric.workload is None or is_same_load(metric.workload, question.workload))
    ]


def _missing(question: Question, found: Sequence[MetricComparison]) -> Answer:
    why = found[-1].reason if found else f"{question.metric} was not measured under this workload"
    return not_comparable(question, "not-measured", why or "nothing was measured")


def _stated(question: Question, found: MetricComparison) -> Answer:
    """A metric that has no samples to pool: exact, or without an interval."""
    if found.ratio.estimate is None:
        answer = not_comparable(question, "no-ratio", found.reason or "there is no ratio")
        return replace(answer, before=found.baseline.value, after=found.candidate.value, unit=found.unit)
    if found.exact:
        before, after = found.baseline.value, found.candidate.value
        return exact_answer(question, found.ratio, before=before, after=after, unit=found.unit)
    message = f"{found.reason or 'it has no interval'}; it cannot be gated"
    return Answer(
        question=question,
        ratio=found.ratio,
        workload=found.workload,
        verdict="inconclusive",
        reason=Reason(code="no-interval", message=message),
        grade=found.grade,
        findings=found.findings,
    )


def _p_value(answer: Answer) -> float:
    assert answer.evidence is not None  # noqa: S101 - asked of sampled answers only
    return answer.evidence.p_value(math.log(answer.question.limit))


def _check(answer: Answer, adjusted_p: float | None, confidence: float) -> Check:
    question, verdict, reason = answer.question, answer.verdict, answer.reason
    if answer.evidence is not None and adjusted_p is not None:
        verdict, reason = _verdict(answer, answer.evidence, adjusted_p, confidence)
    assert verdict is not None  # noqa: S101 - what has no evidence has a verdict
    assert reason is not None  # noqa: S101 - likewise
    return Check(
        kind=question.kind,
        model=question.model,
        baseline=question.baseline,
        candidate=question.candidate,
        metric=question.metric,
        status=verdict,
        exact=answer.exact,
        limit=question.limit,
        ratio=answer.ratio,
        grade=answer.grade,
        workload=None if answer.exact else answer.workload or question.workload,
        p_value=adjusted_p,
        attempts=answer.attempts,
        reason=reason,
        findings=answer.findings,
        before=answer.before,
        after=answer.after,
        unit=answer.unit,
    )


def _verdict(
    answer: Answer, evidence: statistics.Evidence, adjusted_p: float, confidence: float
) -> tuple[GateStatus, Reason]:
    question = answer.question
    found = statistics.decide(evidence, question.limit, confidence=confidence, adjusted_p=adjusted_p)
    if found == "failed":
        return _beyond(answer)
    if found == "passed":
        return "passed", within_limit(question, answer.ratio)
    return "inconclusive", _open(question, evidence.limits(confidence), adjusted_p)


def _beyond(answer: Answer) -> tuple[GateStatus, Reason]:
    """The verdict on a ratio beyond the limit, which samples in doubt show only where it is far beyond."""
    question, doubted = answer.question, answer.doubt
    if doubted is None:
        return "failed", over_limit(question)
    if statistics.is_far_beyond(answer.worst_cases, question.limit):
        return "failed", far_over_limit(question, answer.worst_cases, doubted)
    return "inconclusive", doubted


def _open(question: Question, limits: statistics.ConfidenceLimits, adjusted_p: float) -> Reason:
    """Why a sampled check is not decided, at the level that decides rather than the one shown."""
    metric, low, high = question.metric, math.exp(limits.low), math.exp(limits.high)
    if low > question.limit:
        doubtful = f"not significantly so after correction for the number of checks (p {adjusted_p:.2g})"
        reason = around_limit(question, f"{metric} is beyond")
        return Reason(code=reason.code, message=f"{reason.message}, but {doubtful}", hint=reason.hint)
    level = f"{limits.coverage * 100:.4g} %"
    return around_limit(question, f"the {level} interval of {metric}, [{low:.4f}, {high:.4f}], contains")
