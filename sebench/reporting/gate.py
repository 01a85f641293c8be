"""A gate as a document: the verdict first, then every check with its limit, ratio and reason."""

from __future__ import annotations

from collections.abc import Iterator

from sebench.reporting.answers import confidence_text
from sebench.reporting.comparison_notes import finding_text
from sebench.reporting.document import EMPTY, Cell, Column, Document, Paragraph, Row, Table, text_cell
from sebench.reporting.gate_answers import (
    STATUS_NAMES,
    check_name,
    limit_text,
    ratio_against,
    values_text,
    verdict_sentence,
)
from sebench.reporting.series import workload_name
from sebench.schema import (
    WORKLOAD_COLUMNS,
    Check,
    CheckKind,
    Gate,
    Reason,
    attributed,
    subjects_of_checks,
    workload_values,
)

_BASES: dict[CheckKind, str] = {
    "lock": "against the lock",
    "ceiling": "over {}, measured here",
    "factories": "over {}",
    "base-ref": "over {}, both sides in this run",
    "stored": "over the stored result {}",
}
_DATA_KEYS = (
    *("kind", "model", "baseline", "candidate", "metric", "exact", "reason_code", "attempts"),
    *("before", "after", "unit", "duration_s"),
    *("ratio_ci_low", "ratio_ci_high", "confidence", "method", "scope", "processes", "blocks"),
    *WORKLOAD_COLUMNS,
)

DECISIONS = (
    "passed: the interval ends within the limit; failed: it begins beyond the limit; inconclusive: the limit "
    "lies inside it, or too little was measured to decide (see the reason)"
)
UNADJUSTED = (
    "Each interval is for its check alone; the decision on the {} sampled checks is corrected for their "
    "number (Holm)."
)
P_VALUE = "p: one-sided, for a ratio within the limit, Holm-adjusted over the sampled checks; a small p fails"
GRADE_C = "grade C: disturbed or too noisy; such a check can pass, but fails only far beyond the limit"
POOLED = (
    "attempts: the samples of up to {} runs on this state of the code were pooled; another run adds "
    "evidence, it does not start over"
)
LET_THROUGH = "inconclusive checks do not fail this gate (--on-inconclusive pass)"


def gate_document(gate: Gate, *, with_findings: bool = True) -> Document:
    """What `sebench check` shows.

    Args:
        gate: All checks of one invocation.
        with_findings: Whether the notes repeat the findings; not where they are shown beside the document.
    """
    body = (Paragraph(verdict_sentence(gate), strong=True),)
    tables = (_table(gate),) if gate.checks else ()
    findings = tuple(map(finding_text, attributed(subjects_of_checks(gate.checks))))
    return Document(
        title=f"Gate: {STATUS_NAMES[gate.status]}",
        body=(*body, *tables),
        notes=(*_notes(gate), *(findings if with_findings else ())),
    )


def _notes(gate: Gate) -> Iterator[str]:
    sampled = [check for check in gate.checks if not check.exact and check.ratio.estimate is not None]
    if sampled:
        yield DECISIONS
    if len(sampled) > 1:
        yield UNADJUSTED.format(len(sampled))
    if any(check.p_value is not None for check in gate.checks):
        yield P_VALUE
    if any(check.grade == "C" for check in gate.checks):
        yield GRADE_C
    attempts = max((check.attempts for check in gate.checks), default=1)
    if attempts > 1:
        yield POOLED.format(attempts)
    if gate.on_inconclusive == "pass":
        yield LET_THROUGH


def _table(gate: Gate) -> Table:
    confidences = {check.ratio.confidence for check in gate.checks if not check.exact}
    shown = f"{confidence_text(confidences.pop())} CI" if len(confidences) == 1 else "CI"
    values = any(map(values_text, gate.checks))
    columns = (
        Column("basis", "basis", role="group"),
        Column("check", "check", wrap=True),
        Column("limit", "limit", "right"),
        Column("ratio", "ratio", "right", detail=f"[{shown}]", pinned=True),
        # Exact figures have no interval: on a narrow line their values stand where that would.
        Column("values", "old -> new", "right", role="fold" if values else "data"),
        Column("grade", "grade"),
        Column("p_value", "p", "right"),
        Column("status", "status"),
        Column("reason", "reason", wrap=True, below=True),
        *(Column(key, key, role="data") for key in _DATA_KEYS),
    )
    return Table("", columns, tuple(_row(check) for check in gate.checks))


def _row(check: Check) -> Row:
    estimate, interval = ratio_against(check.ratio, check)
    return (
        text_cell(_basis(check)),
        text_cell(check_name(check)),
        Cell("equal" if check.limit is None else limit_text(check.limit), check.limit),
        Cell(estimate, check.ratio.estimate, interval),
        text_cell(values_text(check)),
        EMPTY if check.grade is None else text_cell(check.grade),
        EMPTY if check.p_value is None else Cell(_p_text(check.p_value), check.p_value),
        Cell(STATUS_NAMES[check.status], check.status),
        Cell(_reason_text(check.reason), check.reason.message),
        *(Cell("", value) for value in _data(check)),
    )


def _basis(check: Check) -> str:
    basis = _BASES[check.kind].format(check.baseline)
    return f"{basis}; {workload_name(check.workload)}" if check.workload else basis


def _p_text(p_value: float) -> str:
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _reason_text(reason: Reason) -> str:
    return f"{reason.message}; {reason.hint}" if reason.hint else reason.message


def _data(check: Check) -> tuple[str | float | None, ...]:
    ratio = check.ratio
    return (
        *(check.kind, check.model, check.baseline, check.candidate, check.metric, check.exact),
        *(check.reason.code, check.attempts, check.before, check.after, check.unit, check.duration_s),
        *(ratio.ci_low, ratio.ci_high),
        *(None if check.exact else ratio.confidence, ratio.method, ratio.scope),
        *((None, None) if check.exact else (ratio.processes, ratio.blocks)),
        *workload_values(check.workload),
    )
