"""The rows of a profile: what was timed at each site, added up by stage and by site, beside its counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sebench import statistics
from sebench.schema import (
    UNDIVIDED,
    AttentionPart,
    Bottleneck,
    Machine,
    OpCost,
    PartProfile,
    PartSample,
    Pass,
    SiteCost,
    SiteProfile,
    StaticCost,
    Variant,
)

Key = tuple[str, str, Pass]
"""Site, part and pass."""
_MOSTLY = 0.5
_ELEMENT_BYTES = {"bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class _Work:
    bytes: int = 0
    macs: int = 0
    flops: int = 0
    calls: int = 0

    def __add__(self, other: _Work) -> _Work:
        return _Work(
            self.bytes + other.bytes,
            self.macs + other.macs,
            self.flops + other.flops,
            self.calls + other.calls,
        )

    def bounds_s(self, machine: Machine) -> Mapping[Bottleneck, float]:
        """The least seconds for each resource alone; they overlap, so they are not added."""
        return {
            "bandwidth-bound": self.bytes / machine.copy_bytes_per_s,
            "compute-bound": self.flops / machine.matmul_flops_per_s,
            "launch-bound": self.calls * machine.launch_s,
        }


@dataclass(frozen=True)
class Rows:
    """Samples of one process beside the counts of the same network, in which sites have these paths."""

    samples: Sequence[PartSample]
    cost: StaticCost
    variant: Variant
    """That of the network."""
    machine: Machine

    @cached_property
    def parts(self) -> tuple[AttentionPart, ...]:
        """The parts that are told apart, in order of execution."""
        if self.variant.parts:
            return self.variant.parts
        return tuple(dict.fromkeys(part for gate in self.cost.gates for part in gate.parts))

    def by_stage(self) -> tuple[PartProfile, ...]:
        """One row per stage, part and pass; the forward pass first, then in the order of the network."""
        stage_of = {site.path: site.stage for site in self.cost.sites}
        stages = {stage: index for index, stage in enumerate(dict.fromkeys(stage_of.values()))}
        parts = {part.name: index for index, part in enumerate(self.parts)}
        groups: dict[Key, list[PartSample]] = {}
        for sample in self.samples:
            groups.setdefault((stage_of[sample.site], sample.part, sample.phase), []).append(sample)
        ordered = sorted(
            groups, key=lambda key: (key[2] == "backward", stages[key[0]], parts.get(key[1], len(parts)))
        )
        return tuple(self._part_row(key, groups[key]) for key in ordered)

    def by_site(self) -> tuple[SiteProfile, ...]:
        """One row per site and pass; the forward pass first, then in the order of the network."""
        groups: dict[tuple[Pass, str], list[PartSample]] = {}
        for sample in self.samples:
            groups.setdefault((sample.phase, sample.site), []).append(sample)
        passes: tuple[Pass, ...] = ("forward", "backward")
        return tuple(
            self._site_row(site, phase, groups[phase, site.path])
            for phase in passes
            for site in self.cost.sites
            if (phase, site.path) in groups
        )

    def _site_row(self, site: SiteCost, phase: Pass, samples: Sequence[PartSample]) -> SiteProfile:
        works = [work for key, work in self._work.items() if (key[0], key[2]) == (site.path, phase)]
        done = sum(works, _Work())
        return SiteProfile(
            site=site.path,
            stage=site.stage,
            phase=phase,
            time_s=_median_sum(samples),
            params=site.params,
            macs=done.macs,
            flops=done.flops,
            bytes=done.bytes,
            calls=done.calls,
            bound_s=sum(max(work.bounds_s(self.machine).values()) for work in works),
        )

    @cached_property
    def _work(self) -> Mapping[Key, _Work]:
        found: dict[Key, _Work] = {}
        for op in self.cost.ops:
            if op.site is not None:
                key: Key = (op.site, self._part_of(op), op.phase)
                moved = op.bytes_read + op.bytes_written
                found[key] = found.get(key, _Work()) + _Work(moved, op.macs, op.flops, op.calls)
        return found

    def _part_of(self, op: OpCost) -> str:
        """The part of the author's gate that an op is, or the attention module's child that runs it."""
        if not self.variant.parts:
            return op.part or UNDIVIDED
        if not op.module.startswith(f"{op.site}."):
            return ""
        return op.module.removeprefix(f"{op.site}.").partition(".")[0]

    def _work_of(self, sample: PartSample) -> _Work:
        return self._work.get((sample.site, sample.part, sample.phase), _Work())

    def _part_row(self, key: Key, samples: Sequence[PartSample]) -> PartProfile:
        stage, part, phase = key
        done = sum(map(self._work_of, samples), _Work())
        time_s = _median_sum(samples)
        bounds_s = done.bounds_s(self.machine)
        verdict = max(bounds_s, key=lambda name: bounds_s[name])
        # A verdict of its own: weights are read once per step, so a larger batch spreads their cost.
        if verdict == "bandwidth-bound" and self._weight_bytes(stage, part) > _MOSTLY * done.bytes:
            verdict = "weight-bound"
        return PartProfile(
            stage=stage,
            part=part,
            phase=phase,
            time_s=time_s,
            bytes=done.bytes,
            flops=done.flops,
            calls=done.calls,
            achieved_bytes_per_s=done.bytes / time_s if time_s else 0.0,
            bound_s=max(bounds_s.values()),
            verdict=verdict,
        )

    def _weight_bytes(self, stage: str, part: str) -> int:
        if not any(each.name == part and each.holds_weights for each in self.parts):
            return 0
        params = sum(site.params for site in self.cost.sites if site.stage == stage)
        return _ELEMENT_BYTES.get(self.cost.dtype, 4) * params


def _median_sum(samples: Iterable[PartSample]) -> float:
    """Median over the steps of what samples take together."""
    steps = zip(*(sample.times_s for sample in samples), strict=True)
    return statistics.quartiles([sum(step) for step in steps]).median
