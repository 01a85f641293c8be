"""Where in the network a pair differs: both sides' costs by stage."""

from __future__ import annotations

from collections.abc import Mapping

from sebench.analysis.costs import CostRow, by_stage
from sebench.schema import StaticCost, Value

_Key = tuple[str, str]


class StageCost(Value, frozen=True, kw_only=True):
    """One stage in one direction of both networks; bytes are tensor bytes in and out of all ops."""

    stage: str
    """Paper numbering; ``""`` where a network has no stages."""
    phase: str
    """``forward`` or ``backward``."""
    baseline_macs: int
    candidate_macs: int
    baseline_bytes: int
    candidate_bytes: int
    attention_params: int
    """Parameters of the candidate's attention modules; 0 in the backward rows, so that a column adds up."""

    @property
    def added_macs(self) -> int:
        """Candidate minus baseline."""
        return self.candidate_macs - self.baseline_macs

    @property
    def added_bytes(self) -> int:
        """Candidate minus baseline."""
        return self.candidate_bytes - self.baseline_bytes


def stage_costs(baseline: StaticCost, candidate: StaticCost) -> tuple[StageCost, ...]:
    """One row per stage and direction, forward first, in network order.

    Args:
        baseline: Counts of one side.
        candidate: Counts of the other; a stage that only one side has counts 0 on the other.
    """
    before, after = _rows(baseline), _rows(candidate)
    keys = sorted(dict.fromkeys((*after, *before)), key=lambda key: key[1] != "forward")
    return tuple(_row(key, before, after, candidate) for key in keys)


def _rows(cost: StaticCost) -> dict[_Key, CostRow]:
    return {(row.key, row.phase): row for row in by_stage(cost)}


def _row(
    key: _Key, baseline: Mapping[_Key, CostRow], candidate: Mapping[_Key, CostRow], cost: StaticCost
) -> StageCost:
    stage, phase = key
    sites = [site.params for site in cost.sites if site.stage == stage] if phase == "forward" else []
    return StageCost(
        stage=stage,
        phase=phase,
        baseline_macs=_macs(baseline.get(key)),
        candidate_macs=_macs(candidate.get(key)),
        baseline_bytes=_bytes(baseline.get(key)),
        candidate_bytes=_bytes(candidate.get(key)),
        attention_params=sum(sites),
    )


def _macs(row: CostRow | None) -> int:
    return 0 if row is None else row.macs


def _bytes(row: CostRow | None) -> int:
    return 0 if row is None else row.bytes_read + row.bytes_written
