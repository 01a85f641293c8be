"""Sentences about a gate: what was decided, about what, and on what grounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sebench.reporting.answers import ratio_decimals, ratio_text
from sebench.reporting.finite import finite_ratio
from sebench.schema import Check, Gate, GateStatus, Ratio
from sebench.units import change_of_value, format_ratio

NOTHING_CHECKED = "nothing was compared"
STATUS_NAMES: Mapping[GateStatus, str] = {
    "passed": "passed",
    "failed": "failed",
    "inconclusive": "inconclusive",
    "not_comparable": "not comparable",
}

Outcome = Literal["passed", "failure", "skipped", "error"]
"""A check in the words of test reports."""

_MAX_DECIMALS = 6
_OUTCOMES: Mapping[GateStatus, Outcome] = {
    "passed": "passed",
    "failed": "failure",
    "not_comparable": "error",
}


def outcome(check: Check, gate: Gate) -> Outcome:
    """What test reports call the status of `check`: what could not be compared is an error."""
    if check.status == "inconclusive":
        return "failure" if gate.on_inconclusive == "fail" else "skipped"
    return _OUTCOMES[check.status]


def verdict_sentence(gate: Gate) -> str:
    """The gate in one sentence, e.g. ``failed: resnet50 se latency 1.08 [1.07, 1.09] exceeds ...``."""
    decisive = [check for check in gate.checks if check.status == gate.status]
    status = STATUS_NAMES[gate.status]
    if not decisive:
        return f"{status}: {_counts(gate) if gate.checks else NOTHING_CHECKED}"
    if gate.status == "passed" and len(decisive) > 1:
        return f"{status}: {len(decisive)} checks within their limits{_tolerated(gate)}"
    others = len(decisive) - 1
    more = f", and {others} more of {len(gate.checks)} checks" if others else ""
    return f"{status}: {check_sentence(decisive[0])}{more}{_tolerated(gate)}"


def check_sentence(check: Check) -> str:
    """One check, e.g. ``resnet50 se latency 1.018 [1.012, 1.024] (grade A) is within the limit of 1.05``."""
    name, known = check_name(check), " ".join(ratio_against(check.ratio, check)).strip()
    known += f" (grade {check.grade})" if known and check.grade else ""
    known += f" ({values})" if known and (values := values_text(check)) else ""
    if check.limit is None or not known:
        return f"{name}: {check.reason.message}"
    limit = limit_text(check.limit)
    if check.status == "passed":
        return f"{name} {known} is within the limit of {limit}"
    if check.status == "failed":
        return f"{name} {known} exceeds the limit of {limit}"
    return f"{name} {known}, limit {limit}: {check.reason.message}"


def values_text(check: Check) -> str:
    """Of an exact figure, e.g. ``25,557,032 -> 28,088,024`` or ``64 -> 72 B``; empty where it is unknown."""
    if check.before is None and check.after is None:
        return ""
    return change_of_value(check.before, check.after, check.unit or "1")


def check_name(check: Check) -> str:
    """What is checked, e.g. ``resnet50 se latency``; the same from run to run, whatever it is held to."""
    candidate = "" if check.candidate == check.model else check.candidate
    return " ".join(part for part in (check.model, candidate, check.metric) if part)


def ratio_against(ratio: Ratio, check: Check) -> tuple[str, str]:
    """A ratio and its interval, with as many decimals as it takes to tell them from the limit of `check`."""
    ratio = finite_ratio(ratio)
    if ratio.estimate is None:
        return "", ""
    if check.exact:
        return format_ratio(ratio.estimate), ""
    return ratio_text(ratio, _decimals(ratio, check.limit))


def limit_text(limit: float) -> str:
    """1.05 -> '1.05'."""
    return f"{limit:g}"


def _decimals(ratio: Ratio, limit: float | None) -> int:
    # "[1.050, 1.062] exceeds 1.05" needs another digit to be understood.
    decimals = ratio_decimals(ratio)
    bounds = [bound for bound in (ratio.ci_low, ratio.ci_high) if bound is not None and bound != limit]
    while (
        limit is not None
        and decimals < _MAX_DECIMALS
        and any(round(bound, decimals) == limit for bound in bounds)
    ):
        decimals += 1
    return decimals


def _tolerated(gate: Gate) -> str:
    inconclusive = sum(check.status == "inconclusive" for check in gate.checks)
    lets_through = gate.on_inconclusive == "pass" and gate.status in ("passed", "inconclusive")
    return (
        f"; {inconclusive} inconclusive, allowed by --on-inconclusive pass"
        if lets_through and inconclusive
        else ""
    )


def _counts(gate: Gate) -> str:
    statuses = [check.status for check in gate.checks]
    return ", ".join(
        f"{statuses.count(status)} {name}" for status, name in STATUS_NAMES.items() if status in statuses
    )
