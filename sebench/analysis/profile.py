"""A profile from its samples and the counts: bounds, verdicts, the predicted cost, and the cross-check."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

from msgspec.structs import replace

from sebench import statistics
from sebench.analysis.costs import totals
from sebench.analysis.metrics import interval_of
from sebench.analysis.profile_rows import Rows
from sebench.analysis.sampled import differences, log_ratios, log_times
from sebench.schema import (
    PLAIN,
    AblationCheck,
    AttentionPart,
    Block,
    Contrast,
    Finding,
    Interval,
    Machine,
    Pair,
    PartProfile,
    PartSample,
    Profile,
    ProfileSamples,
    Side,
    SiteProfile,
    StaticCost,
    Workload,
    parse_variant,
)

CONFIDENCE = 0.95
MAX_INFLATION = 1.05
MAX_PACE_CHANGE = 1.25
"""How much the same step may differ between the profiled part of a run and the paired one."""
AUTOCAST = "autocast inserts casts and shortens tensors in ways that the counter does not know"
Parts = Sequence[AttentionPart]
"""Those of the candidate's attention, in order of execution."""
R = TypeVar("R", PartProfile, SiteProfile)
_FROM_COUNTS = {"bytes", "calls", "achieved_bytes_per_s", "bound_s", "verdict"}


def conclude_profile(
    pair: Pair,
    workload: Workload,
    samples: ProfileSamples,
    plain_cost: StaticCost,
    cost: StaticCost,
) -> Profile:
    """Everything that can be said about where the time of an attention module goes.

    Args:
        pair: a plain network and one with attention: one that has parts, or its author's.
        workload: of all steps.
        samples: of one process.
        plain_cost: counts of the plain network at this workload.
        cost: counts of the other network at this workload.
    """
    machine = samples.machine
    variant = parse_variant(pair.candidate.variant)
    unknown = AUTOCAST if workload.dtype.startswith("amp-") else None
    rows = Rows(_as_counted(samples, cost), cost, variant, machine)
    parts, sites = rows.by_stage(), rows.by_site()
    if unknown:  # times are measured all the same; only what needs counts is missing
        parts = tuple(_timed_alone(row, unknown) for row in parts)
        sites = tuple(_timed_alone(row, unknown) for row in sites)
    (plain,) = [contrast for contrast in samples.contrasts if contrast.name == PLAIN]
    difference, ratio = contrast_difference(plain), contrast_ratio(plain)
    step_s = _median(samples.steps_s)
    profiled_step_s = _median(samples.profiled_steps_s)
    ablations = tuple(_ablations(samples, variant.parts, parts))
    return Profile(
        pair=pair,
        workload=workload,
        parts=parts,
        sites=sites,
        step_s=step_s,
        profiled_step_s=profiled_step_s,
        machine=machine,
        ablations=ablations,
        predicted_difference_s=None if unknown else _predicted_s(plain_cost, cost, machine),
        measured_difference=difference,
        measured_ratio=ratio,
        blocks=len(plain.blocks),
        findings=(
            *_pace_findings(step_s, contrast_step_s(plain, "candidate")),
            *_findings(profiled_step_s / step_s, ablations),
        ),
    )


def _as_counted(samples: ProfileSamples, cost: StaticCost) -> tuple[PartSample, ...]:
    """Samples under the paths that their sites have in the count."""
    paths = dict(zip(samples.sites, (site.path for site in cost.sites), strict=True))
    return tuple(replace(sample, site=paths[sample.site]) for sample in samples.parts)


def _timed_alone(row: R, reason: str) -> R:
    """A row without anything that follows from bytes or the number of operations."""
    unknown = dict.fromkeys(_FROM_COUNTS & set(row.__struct_fields__))
    return replace(row, **unknown, reason=reason)


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
        ablated = contrast_difference(contrast)
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


def contrast_step_s(contrast: Contrast, side: Side) -> float:
    """The step of one side, as the paired measurement saw it."""
    return math.exp(_median(log_times([_valid(contrast)], side)[0]))


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


def contrast_difference(contrast: Contrast) -> Interval:
    """Candidate less baseline, seconds per step."""
    found = statistics.estimate_difference([differences([_valid(contrast)])[0]], confidence=CONFIDENCE)
    return interval_of(found)


def contrast_ratio(contrast: Contrast) -> Interval:
    """Candidate over baseline."""
    found = statistics.estimate_ratio([log_ratios([_valid(contrast)])[0]], confidence=CONFIDENCE)
    return Interval(estimate=found.ratio, ci_low=found.ci_low, ci_high=found.ci_high)


def _valid(contrast: Contrast) -> tuple[Block, ...]:
    """Disturbed blocks do not count, unless nothing else is left."""
    return tuple(block for block in contrast.blocks if not block.invalid) or contrast.blocks


def _median(values: Sequence[float]) -> float:
    return statistics.quartiles(values).median
