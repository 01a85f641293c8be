"""A profile from its samples and the counts: bounds, verdicts, the predicted cost, and the cross-check."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from sebench import statistics
from sebench.analysis.costs import totals
from sebench.analysis.metrics import interval_of
from sebench.analysis.sampled import differences, log_ratios, log_times
from sebench.schema import (
    PLAIN,
    AblationCheck,
    AttentionPart,
    Block,
    Bottleneck,
    Contrast,
    Finding,
    Interval,
    Machine,
    OpCost,
    Pair,
    PartProfile,
    Pass,
    Profile,
    ProfileSamples,
    StaticCost,
    Workload,
    parse_variant,
)

CONFIDENCE = 0.95
MAX_INFLATION = 1.05
MAX_PACE_CHANGE = 1.25
"""How much the same step may differ between the profiled part of a run and the paired one."""
_MOSTLY = 0.5
_ELEMENT_BYTES = {"bfloat16": 2, "float16": 2}
AUTOCAST = "autocast inserts casts and shortens tensors in ways that the counter does not know"
Key = tuple[str, str, Pass]
"""Stage, part and pass."""
Parts = Sequence[AttentionPart]
"""Those of the candidate's attention, in order of execution."""


def conclude_profile(
    pair: Pair,
    workload: Workload,
    samples: ProfileSamples,
    plain_cost: StaticCost,
    cost: StaticCost,
) -> Profile:
    """Everything that can be said about where the time of an attention module goes.

    Args:
        pair: a plain network and one whose attention has parts.
        workload: of all steps.
        samples: of one process.
        plain_cost: counts of the plain network at this workload.
        cost: counts of the other network at this workload.
    """
    machine = samples.machine
    unknown = AUTOCAST if workload.dtype.startswith("amp-") else None
    known = parse_variant(pair.candidate.variant).parts
    rows = _parts(samples, cost, known, machine)
    if unknown:  # times are measured all the same; only what needs counts is missing
        rows = (_timed_alone(row, unknown) for row in rows)
    order = {part.name: index for index, part in enumerate(known)}
    parts = tuple(sorted(rows, key=lambda row: (row.phase == "backward", row.stage, order[row.part])))
    (plain,) = [contrast for contrast in samples.contrasts if contrast.name == PLAIN]
    difference, ratio = _difference(plain), _ratio(plain)
    step_s = _median(samples.steps_s)
    profiled_step_s = _median(samples.profiled_steps_s)
    ablations = tuple(_ablations(samples, known, parts))
    return Profile(
        pair=pair,
        workload=workload,
        parts=parts,
        step_s=step_s,
        profiled_step_s=profiled_step_s,
        machine=machine,
        ablations=ablations,
        predicted_difference_s=None if unknown else _predicted_s(plain_cost, cost, machine),
        measured_difference=difference,
        measured_ratio=ratio,
        blocks=len(plain.blocks),
        findings=(
            *_pace_findings(step_s, _candidate_s(plain)),
            *_findings(profiled_step_s / step_s, ablations),
        ),
    )


@dataclass(frozen=True)
class _Work:
    bytes: int = 0
    flops: int = 0
    calls: int = 0


def _work_by_part(cost: StaticCost, parts: Parts) -> Mapping[Key, _Work]:
    found: dict[Key, _Work] = {}
    names = frozenset(part.name for part in parts)
    for op in cost.ops:
        part = _child_of_site(op)
        if part in names:
            key: Key = (op.stage, part, op.phase)
            old = found.get(key, _Work())
            found[key] = _Work(
                old.bytes + op.bytes_read + op.bytes_written, old.flops + op.flops, old.calls + op.calls
            )
    return found


def _child_of_site(op: OpCost) -> str:
    """Name of the attention module's child that runs an op; empty for what runs elsewhere."""
    if op.site is None or not op.module.startswith(f"{op.site}."):
        return ""
    return op.module.removeprefix(f"{op.site}.").partition(".")[0]


def _parts(
    samples: ProfileSamples, cost: StaticCost, parts: Parts, machine: Machine
) -> Iterator[PartProfile]:
    work, weights = _work_by_part(cost, parts), dict[str, int]()
    weighted = frozenset(part.name for part in parts if part.holds_weights)
    for site in cost.sites:
        weights[site.stage] = weights.get(site.stage, 0) + _ELEMENT_BYTES.get(cost.dtype, 4) * site.params
    for sample in samples.parts:
        done = work.get((sample.stage, sample.part, sample.phase), _Work())
        time_s = _median(sample.times_s)
        # A part can be no faster than each of its three resources alone; they overlap, so they are not added.
        bounds: dict[Bottleneck, float] = {
            "bandwidth-bound": done.bytes / machine.copy_bytes_per_s,
            "compute-bound": done.flops / machine.matmul_flops_per_s,
            "launch-bound": done.calls * machine.launch_s,
        }
        verdict = max(bounds, key=lambda name: bounds[name])
        weight_bytes = weights.get(sample.stage, 0) if sample.part in weighted else 0
        # A verdict of its own: weights are read once per step, so a larger batch spreads their cost.
        if verdict == "bandwidth-bound" and weight_bytes > _MOSTLY * done.bytes:
            verdict = "weight-bound"
        yield PartProfile(
            stage=sample.stage,
            part=sample.part,
            phase=sample.phase,
            time_s=time_s,
            bytes=done.bytes,
            flops=done.flops,
            calls=done.calls,
            achieved_bytes_per_s=done.bytes / time_s if time_s else 0.0,
            bound_s=max(bounds.values()),
            verdict=verdict,
        )


def _timed_alone(row: PartProfile, reason: str) -> PartProfile:
    """A row without anything that follows from bytes or the number of operations."""
    return replace(
        row, bytes=None, calls=None, achieved_bytes_per_s=None, bound_s=None, verdict=None, reason=reason
    )


def _predicted_s(plain: StaticCost, cost: StaticCost, machine: Machine) -> float:
    """Added bytes / bandwidth + added operations x launch cost."""
    moved = totals(cost).moved_bytes - totals(plain).moved_bytes
    launches = sum(op.calls for op in cost.ops) - sum(op.calls for op in plain.ops)
    return moved / machine.copy_bytes_per_s + launches * machine.launch_s


def _ablations(samples: ProfileSamples, parts: Parts, rows: Sequence[PartProfile]) -> Iterator[AblationCheck]:
    names = frozenset(part.name for part in parts)
    for contrast in samples.contrasts:
        if contrast.name not in names:
            continue
        profiled_s = sum(row.time_s for row in rows if row.part == contrast.name)
        ablated = _difference(contrast)
        known = ablated.ci_low is not None and ablated.ci_high is not None
        agrees = known and float(ablated.ci_low or 0) <= profiled_s <= float(ablated.ci_high or 0)
        yield AblationCheck(part=contrast.name, profiled_s=profiled_s, ablated=ablated, agrees=agrees)


def _pace_findings(step_s: float, paired_step_s: float) -> Iterator[Finding]:
    change = step_s / paired_step_s
    if max(change, 1 / change) > MAX_PACE_CHANGE:
        yield Finding(
            code="pace-changed",
            severity="warning",
            message=(
                f"a step took {step_s * 1e3:.1f} ms around the profiler and {paired_step_s * 1e3:.1f} ms in "
                "the paired measurement: something else used the machine"
            ),
            hint="the ratio is still valid; profile again for the times of the parts",
        )


def _candidate_s(contrast: Contrast) -> float:
    """The step of the side that was profiled, as the paired measurement saw it."""
    return math.exp(_median(log_times([_valid(contrast)], "candidate")[0]))


def _findings(inflation: float, ablations: Sequence[AblationCheck]) -> Iterator[Finding]:
    if inflation > MAX_INFLATION:
        yield Finding(
            code="profiler-inflates",
            severity="warning",
            message=f"the profiler makes the step {100 * (inflation - 1):.0f} % slower",
            hint="read the parts relative to each other",
        )
    for check in ablations:
        if not check.agrees:
            yield Finding(
                code="ablation-disagrees",
                severity="info",
                message=(
                    f"{check.part}: the profiler shows {check.profiled_s * 1e3:.2f} ms, "
                    f"leaving it out saves {_span(check.ablated)}"
                ),
                hint="leaving a part out changes what the next operations find in the caches",
            )


def _span(interval: Interval) -> str:
    if interval.ci_low is None or interval.ci_high is None:
        return "an unknown time"
    return f"[{interval.ci_low * 1e3:.2f}, {interval.ci_high * 1e3:.2f}] ms"


def _difference(contrast: Contrast) -> Interval:
    found = statistics.estimate_difference([differences([_valid(contrast)])[0]], confidence=CONFIDENCE)
    return interval_of(found)


def _ratio(contrast: Contrast) -> Interval:
    found = statistics.estimate_ratio([log_ratios([_valid(contrast)])[0]], confidence=CONFIDENCE)
    return Interval(estimate=found.ratio, ci_low=found.ci_low, ci_high=found.ci_high)


def _valid(contrast: Contrast) -> tuple[Block, ...]:
    """Disturbed blocks do not count, unless nothing else is left."""
    return tuple(block for block in contrast.blocks if not block.invalid) or contrast.blocks


def _median(values: Sequence[float]) -> float:
    return statistics.quartiles(values).median
