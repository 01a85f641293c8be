"""A fresh result against a stored one: the weakest gate, because the two were not interleaved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sebench import statistics
from sebench.analysis.comparison import compare
from sebench.analysis.gate import (
    Answer,
    Question,
    exact_answer,
    measurements_of,
    not_comparable,
    pooled_blocks,
    too_few,
)
from sebench.analysis.sampled import SAMPLED, log_ratios, log_times
from sebench.schema import Finding, MetricComparison, Noise, Ratio, Result, fingerprint

MAX_AGE_DAYS = 30
_CONFIDENCE = 0.95
_OF_THE_NETWORK = ("params", "macs", "paper_macs")
"""Other exact figures depend on the ops that a version of torch runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparable:
    """Whether absolute times may be compared; if not, why."""

    absolute: bool
    why_not: str = ""


def answer_stored(
    question: Question, results: Sequence[Result], stored: Result, *, noise: Noise | None, attempts: int = 1
) -> Answer:
    """Read one metric off results measured now and a stored one of the same pair.

    Times are compared where set-up, age and a calibrated variation between sessions allow it; else only the
    ratio to the baseline, which a machine changes less.

    Args:
        question: what is asked.
        results: measured now, samples pooled; at least one.
        stored: measured then.
        noise: the calibration of this set-up, network and workload.
        attempts: invocations that `results` come from.
    """
    if question.metric not in SAMPLED:
        return _exact(question, results[-1], stored)
    read = SAMPLED[question.metric]
    now, then = (
        pooled_blocks(measurements_of(measured, question), question.metric)
        for measured in (results, [stored])
    )
    if not now or not then:
        where = "now" if then else f"in {question.baseline}"
        return not_comparable(question, "not-measured", f"{question.metric} was not measured {where}")
    comparable = _comparable(results[-1], stored, noise)
    if comparable.absolute:
        sigma = noise.sigma_session_time if noise else None
        sides = [log_times(blocks, "candidate", read) for blocks in (now, then)]
    else:
        sigma = noise.sigma_session if noise else None
        sides = [log_ratios(blocks, read) for blocks in (now, then)]
    found = [statistics.evidence(side) for side in sides]
    if found[0] is None or found[1] is None:
        return Answer(
            question=question,
            ratio=Ratio(estimate=None, method="none"),
            verdict="inconclusive",
            reason=too_few(question.kind, min(map(len, sides))),
            attempts=attempts,
        )
    evidence = statistics.contrast(found[0], found[1], sigma_session=sigma or 0.0)
    return Answer(
        question=question,
        ratio=_ratio(evidence, sides, "times" if comparable.absolute else "ratios"),
        evidence=evidence,
        attempts=attempts,
        findings=() if comparable.absolute else (_downgraded(comparable.why_not),),
    )


def _comparable(now: Result, then: Result, noise: Noise | None) -> _Comparable:
    if fingerprint(now.environment) != fingerprint(then.environment):
        return _Comparable(absolute=False, why_not=f"another set-up: {_differences(now, then)}")
    age = datetime.fromisoformat(now.created_at) - datetime.fromisoformat(then.created_at)
    if age.days > MAX_AGE_DAYS:
        return _Comparable(absolute=False, why_not=f"it is {age.days} days old, more than {MAX_AGE_DAYS}")
    if noise is None or noise.sigma_session_time is None:
        return _Comparable(absolute=False, why_not="the variation between sessions is not calibrated")
    return _Comparable(absolute=True)


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
        hint="gate against a ref (--base-ref), which measures both now",
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
    if question.metric not in _OF_THE_NETWORK and torch[0] != torch[1]:
        message = f"{question.metric} depends on torch: {torch[1]} in {question.baseline}, {torch[0]} now"
        return not_comparable(question, "another-torch", message)
    values = []
    for result in (now, then):
        found = [metric for metric in compare(result).metrics if metric.metric == question.metric]
        usable = [metric for metric in found if metric.exact and metric.candidate.value]
        if not usable:
            return not_comparable(question, "not-measured", _no_exact(question, found))
        values.append(usable[0].candidate.value or 0)
    ratio = values[0] / values[1]
    return exact_answer(question, Ratio(estimate=ratio, ci_low=ratio, ci_high=ratio, method="exact"))


def _minor(version: str | None) -> str | None:
    return ".".join(version.split(".")[:2]) if version else None


def _no_exact(question: Question, found: Sequence[MetricComparison]) -> str:
    reason = found[0].reason if found else None
    return reason or f"{question.metric} is not an exact figure of both results"
