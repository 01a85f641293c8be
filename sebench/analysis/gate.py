"""Results against limits: what each metric says, one family of decisions, one status."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from sebench import statistics
from sebench.analysis.comparison import compare
from sebench.analysis.headlines import ratio_of
from sebench.analysis.sampled import SAMPLED, log_ratios, valid_by_process
from sebench.schema import (
    Block,
    Check,
    CheckKind,
    Finding,
    GateStatus,
    Measurement,
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
    workload: Workload | None = None
    """As it was measured: a batch that did not fit is emulated by smaller ones."""
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
    found = [
        metric for result in results for metric in compare(result).metrics if _is_about(metric, question)
    ]
    # A look whose budget was spent before it measured leaves the verdict to the samples of the others.
    measured = [metric for metric in found if metric.status == "ok"]
    if not measured:
        return _missing(question, found[-1] if found else None)
    if question.metric in SAMPLED:
        return _sampled(question, measured[-1], results, attempts)
    if measured[-1].exact:
        return _stated(question, measured[-1])
    # Not pooled, but not forgotten either: measuring again cannot turn the verdict.
    stated = [_stated(question, metric) for metric in measured]
    return replace(max(stated, key=lambda answer: _SEVERITY.index(answer.verdict)), attempts=attempts)


def decide(answers: Sequence[Answer], *, attempt: int, look: int) -> tuple[Check, ...]:
    """Verdicts on all answers of a gate; the sampled ones are one family (Holm)."""
    confidence = statistics.look_confidence(attempt, look)
    sampled = [answer for answer in answers if answer.evidence is not None and answer.verdict is None]
    adjusted = statistics.holm([_p_value(answer) for answer in sampled])
    p_values = {id(answer): p for answer, p in zip(sampled, adjusted, strict=True)}
    return tuple(_check(answer, p_values.get(id(answer)), confidence) for answer in answers)


_SEVERITY: tuple[GateStatus | None, ...] = ("passed", "inconclusive", "not_comparable", "failed")


def gate_status(checks: Iterable[Check]) -> GateStatus:
    """The worst of the checks; nothing compared is not a pass."""
    return max((check.status for check in checks), key=_SEVERITY.index, default="not_comparable")


def measurements_of(results: Sequence[Result], question: Question) -> list[Measurement]:
    """Those that ran the step of the latest one: an emulated batch is not pooled with a native one."""
    found = [
        measurement
        for result in results
        for measurement in result.measurements
        if _same_load(measurement.workload, question.workload)
    ]
    return [measurement for measurement in found if measurement.workload == found[-1].workload]


def pooled_blocks(measurements: Sequence[Measurement], metric: str) -> list[tuple[Block, ...]]:
    """The blocks that count, by fresh process; only those that have the metric."""
    read = SAMPLED[metric]
    return [
        blocks
        for measurement in measurements
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
    return structs.replace(workload, micro_batch_size=None)


def not_comparable(question: Question, code: str, message: str) -> Answer:
    """The answer where there is nothing to hold against the limit."""
    return Answer(
        question=question,
        ratio=Ratio(estimate=None, method="none"),
        verdict="not_comparable",
        reason=Reason(code=code, message=message),
    )


def exact_answer(question: Question, ratio: Ratio) -> Answer:
    """The answer of a figure that has no noise."""
    within = ratio.estimate is not None and ratio.estimate <= question.limit
    verdict: GateStatus = "passed" if within else "failed"
    reason = _reason(verdict, question, ratio)
    return Answer(question=question, ratio=ratio, verdict=verdict, reason=reason, exact=True)


def _missing(question: Question, found: MetricComparison | None) -> Answer:
    why = found.reason if found else f"{question.metric} was not measured under this workload"
    return not_comparable(question, "not-measured", why or "nothing was measured")


def _stated(question: Question, found: MetricComparison) -> Answer:
    """A metric that is exact, or whose interval the comparison gives as it stands."""
    ratio = found.ratio
    if ratio.estimate is None:
        return not_comparable(question, "no-ratio", found.reason or "there is no ratio")
    if found.exact:
        return exact_answer(question, ratio)
    low, high = ratio.ci_low, ratio.ci_high
    if low is None or high is None:
        verdict: GateStatus = "inconclusive"
        reason = Reason(
            code="no-interval", message=f"{found.reason or 'it has no interval'}; it cannot be gated"
        )
    else:
        verdict = "passed" if high <= question.limit else "inconclusive"
        verdict = "failed" if low > question.limit else verdict
        reason = _reason(verdict, question, ratio)
    return Answer(
        question=question,
        ratio=ratio,
        workload=found.workload,
        verdict=verdict,
        reason=reason,
        findings=found.findings,
    )


def _sampled(question: Question, found: MetricComparison, results: Sequence[Result], attempts: int) -> Answer:
    measurements = measurements_of(results, question)
    pooled = log_ratios(pooled_blocks(measurements, question.metric), SAMPLED[question.metric])
    sigma = measurements[-1].sigma_process  # as known at the latest measurement
    evidence = statistics.evidence(pooled, sigma_process=sigma)
    headline = statistics.headline(pooled, sigma_process=sigma)
    return Answer(
        question=question,
        ratio=ratio_of(headline),
        workload=measurements[-1].workload,
        evidence=evidence,
        verdict=None if evidence else "inconclusive",
        reason=None if evidence else too_few(question.kind, len(pooled)),
        attempts=attempts,
        findings=found.findings,
    )


def too_few(kind: CheckKind, processes: int) -> Reason:
    """Why what was measured cannot be judged."""
    # Two sides in processes of their own vary more than two in one, which is what a calibration knows.
    calibrate = "" if kind in ("base-ref", "stored") else ", or know this machine's noise (sebench calibrate)"
    return Reason(
        code="not-enough-processes",
        message=f"fresh processes differ, and {processes} measured cannot show by how much; "
        f"{statistics.MIN_PROCESSES} can",
        hint=f"allow --effort standard and a larger --budget{calibrate}",
    )


def _p_value(answer: Answer) -> float:
    assert answer.evidence is not None  # noqa: S101 - asked of sampled answers only
    return answer.evidence.p_value(math.log(answer.question.limit))


def _check(answer: Answer, adjusted_p: float | None, confidence: float) -> Check:
    question, verdict, reason = answer.question, answer.verdict, answer.reason
    if answer.evidence is not None and adjusted_p is not None:
        verdict = statistics.decide(
            answer.evidence, question.limit, confidence=confidence, adjusted_p=adjusted_p
        )
        reason = (
            _open(question, answer.evidence.limits(confidence), adjusted_p)
            if verdict == "inconclusive"
            else _reason(verdict, question, answer.ratio)
        )
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
        workload=None if answer.exact else answer.workload or question.workload,
        p_value=adjusted_p,
        attempts=answer.attempts,
        reason=reason,
        findings=answer.findings,
    )


def _open(question: Question, limits: statistics.Limits, adjusted_p: float) -> Reason:
    """Why a sampled check is not decided, at the level that decides rather than the one shown."""
    metric, limit = question.metric, f"the limit of {question.limit:g}"
    low, high = math.exp(limits.low), math.exp(limits.high)
    level = f"{limits.coverage * 100:.4g} %"
    if low > question.limit:
        message = f"{metric} is beyond {limit}, but not for sure among this many checks (p {adjusted_p:.2g})"
    else:
        message = f"the {level} interval of {metric}, [{low:.4f}, {high:.4f}], contains {limit}"
    return Reason(code="interval-contains-limit", message=message, hint=_MORE)


_MORE = "allow --effort rigorous or a larger --budget, or a wider margin"


def _reason(verdict: GateStatus, question: Question, ratio: Ratio) -> Reason:
    limit = f"the limit of {question.limit:g}"
    if verdict == "failed":
        return Reason(code="over-limit", message=f"{question.metric} exceeds {limit}")
    if verdict == "inconclusive":
        message = f"the interval of {question.metric} contains {limit}"
        return Reason(code="interval-contains-limit", message=message, hint=_MORE)
    if ratio.ci_low is not None and ratio.ci_low > 1:
        return Reason(code="slower-within-limit", message=f"{question.metric} is higher, but within {limit}")
    return Reason(code="within-limit", message=f"{question.metric} is within {limit}")
