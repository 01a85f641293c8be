"""Results against limits: what each metric says, one family of decisions, one status."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from sebench import statistics
from sebench.analysis.comparison import compare
from sebench.analysis.sampled import SAMPLED, log_ratios, valid_by_process
from sebench.schema import (
    Block,
    Check,
    CheckKind,
    Finding,
    GateStatus,
    MetricComparison,
    Ratio,
    Reason,
    Result,
    Workload,
)


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
    evidence: statistics.Evidence | None = None
    verdict: GateStatus | None = None
    reason: Reason | None = None
    exact: bool = False
    attempts: int = 1
    findings: tuple[Finding, ...] = ()


def answer(question: Question, results: Sequence[Result], *, attempts: int = 1) -> Answer:
    """Read one metric off all results of a pair, whose samples are pooled.

    Args:
        question: what is asked.
        results: of one pair, oldest first; at least one.
        attempts: invocations they come from.
    """
    metrics = (metric for result in reversed(results) for metric in compare(result).metrics)
    found = next((metric for metric in metrics if _is_about(metric, question)), None)
    if found is None or found.status != "ok":
        return _missing(question, found)
    if question.metric in SAMPLED:
        return _sampled(question, found, results, attempts)
    return _stated(question, found)


def decide(answers: Sequence[Answer], *, attempt: int, look: int) -> tuple[Check, ...]:
    """Verdicts on all answers of a gate; the sampled ones are one family (Holm)."""
    confidence = statistics.look_confidence(attempt, look)
    sampled = [answer for answer in answers if answer.evidence is not None and answer.verdict is None]
    adjusted = statistics.holm([_p_value(answer) for answer in sampled])
    p_values = {id(answer): p for answer, p in zip(sampled, adjusted, strict=True)}
    return tuple(_check(answer, p_values.get(id(answer)), confidence) for answer in answers)


def gate_status(checks: Iterable[Check]) -> GateStatus:
    """The worst of the checks; nothing compared is not a pass."""
    found = {check.status for check in checks}
    order: tuple[GateStatus, ...] = ("failed", "not_comparable", "inconclusive", "passed")
    return next((status for status in order if status in found), "not_comparable")


def pooled_blocks(results: Sequence[Result], question: Question) -> list[tuple[Block, ...]]:
    """The blocks that count, by fresh process, of all results; only those that have the metric."""
    read = SAMPLED[question.metric]
    return [
        blocks
        for result in results
        for measurement in result.measurements
        if _same_load(measurement.workload, question.workload)
        for blocks in valid_by_process(measurement)
        if all(read(segment) for block in blocks for segment in block.segments)
    ]


def _is_about(metric: MetricComparison, question: Question) -> bool:
    if metric.metric != question.metric:
        return False
    return metric.workload is None or _same_load(metric.workload, question.workload)


def _same_load(found: Workload, asked: Workload) -> bool:
    """Equal, but for micro-batches, which the measurement chose for both sides alike."""
    return found == asked or (found.emulated and _native(found) == asked)


def _native(workload: Workload) -> Workload:
    return replace(workload, micro_batch_size=None)


def not_comparable(question: Question, code: str, message: str) -> Answer:
    """The answer where there is nothing to hold against the limit."""
    return Answer(
        question=question,
        ratio=Ratio(estimate=None, method="none"),
        verdict="not_comparable",
        reason=Reason(code=code, message=message),
    )


def exact_answer(question: Question, ratio: float) -> Answer:
    """The answer of a figure that has no noise."""
    exact = Ratio(estimate=ratio, ci_low=ratio, ci_high=ratio, method="exact")
    verdict: GateStatus = "passed" if ratio <= question.limit else "failed"
    reason = _reason(verdict, question, exact)
    return Answer(question=question, ratio=exact, verdict=verdict, reason=reason, exact=True)


def _missing(question: Question, found: MetricComparison | None) -> Answer:
    why = found.reason if found else f"{question.metric} was not measured under this workload"
    return not_comparable(question, "not-measured", why or "nothing was measured")


def _stated(question: Question, found: MetricComparison) -> Answer:
    """A metric that is exact, or whose interval the comparison gives as it stands."""
    ratio = found.ratio
    if ratio.estimate is None:
        return not_comparable(question, "no-ratio", found.reason or "there is no ratio")
    low, high = ratio.ci_low, ratio.ci_high
    if low is None or high is None:
        message = f"{found.reason or 'it has no interval'}; it cannot be gated"
        reason = Reason(code="no-interval", message=message)
        return Answer(question=question, ratio=ratio, verdict="inconclusive", reason=reason)
    verdict: GateStatus = "passed" if high <= question.limit else "inconclusive"
    if low > question.limit:
        verdict = "failed"
    return Answer(
        question=question,
        ratio=ratio,
        verdict=verdict,
        reason=_reason(verdict, question, ratio),
        exact=found.exact,
        findings=found.findings,
    )


def _sampled(question: Question, found: MetricComparison, results: Sequence[Result], attempts: int) -> Answer:
    pooled = log_ratios(pooled_blocks(results, question), SAMPLED[question.metric])
    sigma = _sigma_process(results, question)
    evidence = statistics.evidence(pooled, sigma_process=sigma)
    headline = statistics.headline(pooled, sigma_process=sigma)
    ratio = Ratio(
        estimate=headline.ratio,
        ci_low=headline.ci_low,
        ci_high=headline.ci_high,
        confidence=headline.confidence,
        method=headline.method,
        scope=headline.scope,
        processes=headline.processes,
        blocks=headline.blocks,
    )
    return Answer(
        question=question,
        ratio=ratio,
        evidence=evidence,
        verdict=None if evidence else "inconclusive",
        reason=None if evidence else TOO_FEW,
        attempts=attempts,
        findings=found.findings,
    )


TOO_FEW = Reason(
    code="not-enough-processes",
    message=f"fewer than {statistics.MIN_PROCESSES} processes, and their variation is not calibrated",
    hint="allow --effort standard and a larger --budget, or run `sebench calibrate`",
)


def _sigma_process(results: Sequence[Result], question: Question) -> float | None:
    """As known at the latest measurement."""
    found = [
        measurement.sigma_process
        for result in results
        for measurement in result.measurements
        if _same_load(measurement.workload, question.workload)
    ]
    return found[-1] if found else None


def _p_value(answer: Answer) -> float:
    assert answer.evidence is not None  # noqa: S101 - asked of sampled answers only
    return answer.evidence.p_value(math.log(answer.question.limit))


def _check(answer: Answer, adjusted_p: float | None, confidence: float) -> Check:
    question, verdict, reason = answer.question, answer.verdict, answer.reason
    if answer.evidence is not None and adjusted_p is not None:
        verdict = statistics.decide(
            answer.evidence, question.limit, confidence=confidence, adjusted_p=adjusted_p
        )
        reason = _reason(verdict, question, answer.ratio)
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
        workload=None if answer.exact else question.workload,
        p_value=adjusted_p,
        attempts=answer.attempts,
        reason=reason,
        findings=answer.findings,
    )


def _reason(verdict: GateStatus, question: Question, ratio: Ratio) -> Reason:
    limit = f"the limit of {question.limit:g}"
    if verdict == "failed":
        return Reason(code="over-limit", message=f"{question.metric} exceeds {limit}")
    if verdict == "inconclusive":
        return Reason(
            code="interval-contains-limit",
            message=f"the interval of {question.metric} reaches over {limit}",
            hint="allow --effort rigorous or a larger --budget, or a wider margin",
        )
    if ratio.ci_low is not None and ratio.ci_low > 1:
        return Reason(code="slower-within-limit", message=f"{question.metric} is higher, but within {limit}")
    return Reason(code="within-limit", message=f"{question.metric} is within {limit}")
