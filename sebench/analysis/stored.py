"""A fresh result against a stored one: the weakest gate, because the two were not interleaved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sebench import statistics
from sebench.analysis.calibration import MIN_SESSIONS
from sebench.analysis.comparison import compare
from sebench.analysis.pool import Pool, pool
from sebench.analysis.question import (
    Answer,
    Question,
    doubt,
    doubt_of,
    exact_answer,
    not_comparable,
    too_few,
)
from sebench.analysis.sampled import READS
from sebench.schema import (
    METRICS,
    Finding,
    MetricComparison,
    Noise,
    Ratio,
    Reason,
    Result,
    fingerprint,
    moment,
)

MAX_AGE_DAYS = 30
_CONFIDENCE = 0.95
_MEASURE_BOTH = "check against a git ref (--base-ref), which measures both sides now"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Basis:
    """What of the two results is compared, and by which variation between sessions it is widened."""

    times: bool
    """Else ratios to the baseline."""
    sigma_session: float | None
    sessions: int
    code: str = ""
    why_not: str = ""
    """Why times are not."""


def answer_stored(
    question: Question, results: Sequence[Result], stored: Result, *, noise: Noise | None, attempts: int = 1
) -> Answer:
    """Read one metric off results measured now and a stored one of the same pair.

    Times are compared where set-up, age and a calibrated variation between sessions allow it; else only the
    ratio to the baseline, which a machine changes less. The ratio fails nothing, because a difference may be
    the machine's; without the variation between sessions, it passes nothing either.

    Args:
        question: what is asked.
        results: measured now, samples pooled; at least one.
        stored: measured then.
        noise: the calibration of this set-up, network and workload.
        attempts: invocations that `results` come from.
    """
    if question.metric not in READS:
        return _exact(question, results[-1], stored)
    now, then = (pool(measured, question.metric, question.workload) for measured in (results, (stored,)))
    if now is None or then is None:
        where = "now" if now is None else f"in {question.baseline}"
        return not_comparable(question, "not-measured", f"{question.metric} was not measured {where}")
    return replace(_sampled(question, now, then, noise), attempts=attempts)


def _sampled(question: Question, now: Pool, then: Pool, noise: Noise | None) -> Answer:
    basis = _basis(now.latest, then.latest, noise)
    sides = [pool.log_times if basis.times else pool.log_ratios for pool in (now, then)]
    found = [statistics.evidence(side) for side in sides]
    answer = Answer(
        question=question,
        ratio=Ratio(estimate=None, method="none"),
        workload=now.workload,
        grade=max(now.grade, then.grade),
        findings=(*now.disqualifying, *(() if basis.times else (_downgraded(basis.why_not),))),
    )
    if found[0] is None or found[1] is None:
        reason = too_few(question, min(map(len, sides)))
        return replace(answer, verdict="inconclusive", reason=reason)
    evidence = statistics.contrast(
        found[0], found[1], sigma_session=basis.sigma_session or 0.0, sessions=basis.sessions
    )
    answer = replace(answer, ratio=_ratio(evidence, sides, "times" if basis.times else "ratios"))
    # The ratio is shown even so; without the variation between sessions its interval is too narrow to decide.
    if basis.sigma_session is None:
        return replace(answer, verdict="inconclusive", reason=_unknown_sessions(question, basis))
    return replace(answer, evidence=evidence, doubt=_doubt(question, basis) or doubt_of(question, now, then))


def _basis(now: Result, then: Result, noise: Noise | None) -> _Basis:
    sigma, sessions = (noise.sigma_session, noise.sessions) if noise else (None, 0)
    if fingerprint(now.environment) != fingerprint(then.environment):
        code, why_not = "another-set-up", f"different set-up: {_differences(now, then)}"
    elif (age_days := _days_between(then, now)) > MAX_AGE_DAYS:
        code, why_not = "stored-too-old", f"it is {age_days} days old, more than {MAX_AGE_DAYS}"
    elif noise is None or noise.sigma_session_time is None:
        code, why_not = "sessions-not-calibrated", "the variation between sessions is not calibrated"
    else:
        return _Basis(times=True, sigma_session=noise.sigma_session_time, sessions=sessions)
    return _Basis(times=False, sigma_session=sigma, sessions=sessions, code=code, why_not=why_not)


def _days_between(then: Result, now: Result) -> int:
    return (moment(now.created_at) - moment(then.created_at)).days


def _doubt(question: Question, basis: _Basis) -> Reason | None:
    if basis.times:
        return None
    why = f"only its ratio to the baseline is comparable, which fails no check ({basis.why_not})"
    return doubt(question, basis.code, why, f"measure the stored result again here, or {_MEASURE_BOTH}")


def _unknown_sessions(question: Question, basis: _Basis) -> Reason:
    return Reason(
        code="sessions-not-calibrated",
        message=f"{question.metric} varies between sessions, and the variation is not calibrated here: "
        f"{basis.sessions} of {MIN_SESSIONS} sessions",
        hint=f"`sebench calibrate` in {MIN_SESSIONS} sessions, or {_MEASURE_BOTH}",
    )


def _differences(now: Result, then: Result) -> str:
    """The facts that differ, as far as they have names."""
    pairs = {
        "CPU": (now.environment.cpu.get("model"), then.environment.cpu.get("model")),
        "cores": (now.environment.cpu.get("usable_cores"), then.environment.cpu.get("usable_cores")),
        "torch": (now.environment.versions.get("torch"), then.environment.versions.get("torch")),
        "device": (now.environment.device.get("name"), then.environment.device.get("name")),
    }
    named = [f"{name} {was} then, {here} now" for name, (here, was) in pairs.items() if here != was]
    return "; ".join(named) or "thread settings or CPU features differ"


def _downgraded(why: str) -> Finding:
    return Finding(
        code="downgraded-to-ratio",
        severity="warning",
        message=f"times are not compared with the stored result ({why}); the ratio to the baseline is",
        hint=_MEASURE_BOTH,
    )


def _ratio(evidence: statistics.Evidence, sides: Sequence[Sequence[Sequence[float]]], what: str) -> Ratio:
    limits = evidence.limits(_CONFIDENCE)
    return Ratio(
        estimate=math.exp(evidence.center),
        ci_low=math.exp(limits.low),
        ci_high=math.exp(limits.high),
        confidence=_CONFIDENCE,
        method=f"welch-t/{what}",
        scope="process",
        processes=sum(len(side) for side in sides),
        blocks=sum(len(blocks) for side in sides for blocks in side),
    )


def _exact(question: Question, now: Result, then: Result) -> Answer:
    """The candidate's own figure now over then."""
    torch = [_minor(result.environment.versions.get("torch")) for result in (now, then)]
    if not METRICS[question.metric].follows_network and torch[0] != torch[1]:
        message = f"{question.metric} depends on torch: {torch[1]} in {question.baseline}, {torch[0]} now"
        return not_comparable(question, "another-torch", message)
    values: list[tuple[int | float, str]] = []
    for result in (now, then):
        found = [metric for metric in compare(result).metrics if metric.metric == question.metric]
        usable = [metric for metric in found if metric.exact and metric.candidate.value]
        if not usable:
            return not_comparable(question, "not-measured", _no_exact(question, found))
        values.append((usable[0].candidate.value or 0, usable[0].unit))
    (after, unit), (before, _) = values
    ratio = after / before
    return exact_answer(
        question,
        Ratio(estimate=ratio, ci_low=ratio, ci_high=ratio, method="exact"),
        before=before,
        after=after,
        unit=unit,
    )


def _minor(version: str | None) -> str | None:
    return ".".join(version.split(".")[:2]) if version else None


def _no_exact(question: Question, found: Sequence[MetricComparison]) -> str:
    reason = found[0].reason if found else None
    return reason or f"{question.metric} is not an exact figure of both results"
