"""A module's profile from its samples and its counts, and its rows added up by op, by stage and by site."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from sebench.schema import (
    BESIDE_NETWORK,
    Finding,
    ModuleProfile,
    OpCost,
    OpPlace,
    OpSample,
    OpTime,
    StaticCost,
    Value,
    Workload,
)

MOST_SHARE = 1.05
"""Of a step that its ops may add up to before that is said."""
BESIDE = f"counts leave out what a training step does beside the network ({BESIDE_NETWORK})"


class TimeRow(Value, frozen=True, kw_only=True):
    """One line of a breakdown; `key` is an op, a stage or the path of a site.

    Counts are of the same step; None where a part of them is not known.
    """

    key: str
    phase: str
    """``forward`` or ``backward``."""
    calls: int
    time_s: float
    macs: int | None
    flops: int | None
    bytes_read: int | None
    bytes_written: int | None
    stage: str | None = None
    """Of a site."""


def conclude_module_profile(
    model: str,
    workload: Workload,
    ops: Sequence[OpSample],
    *,
    steps_s: Sequence[float],
    profiled_steps_s: Sequence[float],
    cost: StaticCost | None,
    reason: str | None,
) -> ModuleProfile:
    """Medians of the steps, beside the counts of the same ops.

    Args:
        model: what the module is called.
        workload: of all steps.
        ops: as profiled.
        steps_s: without the profiler.
        profiled_steps_s: with it.
        cost: counts of the module under this workload; None where it cannot be counted.
        reason: why not.
    """
    costs = {} if cost is None else {_place(op): op for op in cost.ops}
    rows = tuple(_row(sample, costs.get(sample.place)) for sample in ops)
    step_s, profiled_step_s = median(steps_s), median(profiled_steps_s)
    return ModuleProfile(
        model=model,
        workload=workload,
        ops=rows,
        step_s=step_s,
        profiled_step_s=profiled_step_s,
        findings=tuple(_findings(rows, step_s, reason)),
    )


def by_op(profile: ModuleProfile) -> tuple[TimeRow, ...]:
    """One row per aten op and pass, the longest time first."""
    rows = _grouped(profile.ops, lambda op: op.op)
    return tuple(sorted(rows, key=lambda row: -row.time_s))


def by_stage(profile: ModuleProfile) -> tuple[TimeRow, ...]:
    """One row per stage and pass in the order of the step."""
    return tuple(_grouped(profile.ops, lambda op: op.stage))


def by_site(profile: ModuleProfile) -> tuple[TimeRow, ...]:
    """One row per attention site and pass in the order of the step."""
    inside = [op for op in profile.ops if op.site is not None]
    return tuple(_grouped(inside, lambda op: op.site or "", with_stage=True))


def _place(op: OpCost) -> OpPlace:
    return OpPlace(op=op.op, module=op.module, stage=op.stage, site=op.site, phase=op.phase)


def _row(sample: OpSample, cost: OpCost | None) -> OpTime:
    return OpTime(
        **sample.place._asdict(),
        calls=sample.calls,
        time_s=median(sample.times_s),
        macs=None if cost is None else cost.macs,
        flops=None if cost is None else cost.flops,
        bytes_read=None if cost is None else cost.bytes_read,
        bytes_written=None if cost is None else cost.bytes_written,
    )


def _grouped(
    ops: Iterable[OpTime], key: Callable[[OpTime], str], *, with_stage: bool = False
) -> list[TimeRow]:
    groups: dict[tuple[str, str], list[OpTime]] = {}
    for op in ops:
        groups.setdefault((key(op), op.phase), []).append(op)
    return [
        TimeRow(
            key=name,
            phase=phase,
            calls=sum(op.calls for op in members),
            time_s=sum(op.time_s for op in members),
            macs=_sum(op.macs for op in members),
            flops=_sum(op.flops for op in members),
            bytes_read=_sum(op.bytes_read for op in members),
            bytes_written=_sum(op.bytes_written for op in members),
            stage=members[0].stage if with_stage else None,
        )
        for (name, phase), members in groups.items()
    ]


def _sum(values: Iterable[int | None]) -> int | None:
    known = list(values)
    return None if any(value is None for value in known) else sum(value or 0 for value in known)


def _findings(rows: Sequence[OpTime], step_s: float, reason: str | None) -> Iterable[Finding]:
    if reason is not None:
        yield Finding(
            code="not-counted",
            severity="info",
            message=f"no counts: {reason}",
            hint="times are measured all the same",
        )
    unknown = sorted({row.op for row in rows if row.flops is None and row.stage != BESIDE_NETWORK})
    if reason is None and unknown:
        yield Finding(
            code="not-counted",
            severity="info",
            message=f"no counts of {', '.join(unknown)}: the counter does not have them here",
            hint="rows with such ops have times alone",
        )
    if reason is None and any(row.stage == BESIDE_NETWORK for row in rows):
        yield Finding(code="not-counted", severity="info", message=BESIDE, hint="such rows have times alone")
    share = sum(row.time_s for row in rows) / step_s
    if share > MOST_SHARE:
        yield Finding(
            code="profiler-inflates",
            severity="warning",
            message=f"as profiled the ops take {share:.2f} times as long as a step without the profiler",
            hint="read the rows relative to each other",
        )
