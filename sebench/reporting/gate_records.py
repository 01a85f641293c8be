"""The checks of a gate as records: one each, all values plain numbers in base units."""

from __future__ import annotations

from sebench.reporting.records import WORKLOAD_FIELDS, CellValue, Field, Records
from sebench.schema import Check, Gate, workload_values

GATE_FIELDS: tuple[Field, ...] = (
    Field("kind", "text", "`lock`, `ceiling`, `factories`, `base-ref` or `stored`"),
    Field("model", "text", "the network"),
    Field("baseline", "text", "what the ratio is over: variant, factory, commit, stored result or `lock`"),
    Field("candidate", "text", "variant or network that is held against it"),
    Field("metric", "text", "as in docs/metrics.md"),
    Field("status", "text", "`passed`, `failed`, `inconclusive` or `not_comparable`"),
    Field("exact", "flag", "whether it is counted, not sampled"),
    Field("limit", "number", "largest ratio allowed; missing where equality is asked for"),
    Field("ratio", "number", "candidate / baseline"),
    Field("ratio_ci_low", "number", "lower confidence limit"),
    Field("ratio_ci_high", "number", "upper confidence limit"),
    Field("confidence", "number", "of the interval, e.g. 0.95; missing of exact figures"),
    Field("method", "text", "how the ratio was estimated"),
    Field("scope", "text", "what the interval covers"),
    Field("processes", "integer", "fresh processes; missing of exact figures"),
    Field("blocks", "integer", "likewise"),
    Field("grade", "text", "of the samples"),
    Field("p_value", "number", "one-sided, adjusted over the sampled checks"),
    Field("attempts", "integer", "runs whose samples were pooled"),
    Field("reason_code", "text", "stable"),
    Field("reason", "text", "for people"),
    Field("before", "number", "of an exact figure, in the baseline"),
    Field("after", "number", "of an exact figure, in the candidate"),
    Field("unit", "text", "of both"),
    Field("duration_s", "number", "time spent on it"),
    *WORKLOAD_FIELDS,
)
"""The columns of `gate_records`, under the keys that the CSV of ``sebench check`` has."""


def gate_records(gate: Gate) -> Records:
    """One row per check, in the order of the gate."""
    return Records(GATE_FIELDS, tuple(_row(check) for check in gate.checks))


def _row(check: Check) -> tuple[CellValue, ...]:
    ratio, exact = check.ratio, check.exact
    return (
        *(check.kind, check.model, check.baseline, check.candidate, check.metric, check.status, exact),
        *(check.limit, ratio.estimate, ratio.ci_low, ratio.ci_high),
        *(None if exact else ratio.confidence, ratio.method, ratio.scope),
        *((None, None) if exact else (ratio.processes, ratio.blocks)),
        *(check.grade, check.p_value, check.attempts, check.reason.code, check.reason.message),
        *(check.before, check.after, check.unit, check.duration_s),
        *workload_values(check.workload),
    )
