"""Memory of a pair as metrics: exact where it repeats, information where it does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sebench import statistics
from sebench.analysis.metrics import unavailable
from sebench.schema import (
    METRICS,
    Finding,
    Interval,
    MemoryMeasurement,
    MemoryRun,
    MetricComparison,
    Quantity,
    Ratio,
    SavedBytes,
    SavedForBackward,
    SavedStage,
    Side,
)

_FIELDS = {
    "peak_memory": "peak_bytes",
    "reserved_memory": "reserved_bytes",
    "resident_memory": "resident_bytes",
}
"""By metric: the field of a process that holds it."""


def memory_metrics(measurement: MemoryMeasurement) -> Iterator[MetricComparison]:
    """One row per kind of memory that both sides have a figure for; one without a figure if none has."""
    errors = [run.error for run in measurement.processes if run.error]
    rows = [row for name in _FIELDS for row in _metric(measurement, name)]
    yield from rows
    if not rows:
        reason = errors[0] if errors else "torch reports no allocations here"
        yield unavailable("peak_memory", measurement.workload, reason)


def saved_metric(saved: SavedForBackward) -> MetricComparison:
    """Bytes that autograd keeps for the backward pass; counted, so exact."""
    sides = (sum(item.saved_bytes for item in side) for side in (saved.baseline, saved.candidate))
    baseline, candidate = sides
    return _row(
        "saved_bytes",
        baseline,
        candidate,
        Ratio(
            estimate=candidate / baseline if baseline else None,
            ci_low=candidate / baseline if baseline else None,
            ci_high=candidate / baseline if baseline else None,
            method="exact",
        ),
        exact=True,
    )


def saved_by_stage(saved: SavedForBackward) -> tuple[SavedStage, ...]:
    """The same bytes by stage; a stage that only one side has counts 0 on the other."""
    stages = dict.fromkeys(item.stage for side in (saved.baseline, saved.candidate) for item in side)
    return tuple(
        SavedStage(
            stage=stage,
            baseline_bytes=_sum(saved.baseline, stage),
            candidate_bytes=_sum(saved.candidate, stage),
        )
        for stage in stages
    )


def _sum(items: Iterable[SavedBytes], stage: str) -> int:
    return sum(item.saved_bytes for item in items if item.stage == stage)


def _metric(measurement: MemoryMeasurement, name: str) -> Iterator[MetricComparison]:
    exact = METRICS[name].kind == "exact"
    values = {side: _values(measurement.processes, side, _FIELDS[name]) for side in _SIDES}
    if not all(values.values()):
        return
    middles = [statistics.quartiles(values[side]).median for side in _SIDES]
    baseline, candidate = (int(middle) for middle in middles)
    # Bytes that repeat exactly are a count; of others two processes per side say too little for an interval.
    repeats = all(len(set(found)) == 1 for found in values.values())
    ratio = candidate / baseline if baseline else None
    known = exact and repeats
    row = _row(
        name,
        baseline,
        candidate,
        Ratio(
            estimate=ratio,
            ci_low=ratio if known else None,
            ci_high=ratio if known else None,
            method="exact" if known else "median",
            processes=len(measurement.processes),
        ),
        exact=known,
        measurement=measurement,
        findings=() if repeats or not exact else (_VARIES,),
        n=min(map(len, values.values())),
    )
    yield row


_SIDES: tuple[Side, Side] = ("baseline", "candidate")
_VARIES = Finding(
    code="memory-varies",
    severity="warning",
    message="peak memory differs between fresh processes, so it is not exact",
)


def _values(runs: Sequence[MemoryRun], side: Side, field: str) -> list[int]:
    found = (getattr(run, field) for run in runs if run.side == side and not run.error)
    return [value for value in found if value is not None]


def _row(
    name: str,
    baseline: int,
    candidate: int,
    ratio: Ratio,
    *,
    exact: bool,
    measurement: MemoryMeasurement | None = None,
    findings: tuple[Finding, ...] = (),
    n: int | None = None,
) -> MetricComparison:
    difference = candidate - baseline
    return MetricComparison(
        metric=name,
        unit=METRICS[name].unit,
        exact=exact,
        workload=measurement.workload if measurement else None,
        baseline=Quantity(value=baseline, n=n),
        candidate=Quantity(value=candidate, n=n),
        difference=Interval(
            estimate=difference,
            ci_low=difference if exact else None,
            ci_high=difference if exact else None,
        ),
        ratio=ratio,
        grade="A" if exact else "B",
        reason=None if exact else "information only: differs between processes",
        findings=findings,
    )
