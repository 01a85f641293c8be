"""Static cost rows summed over the network, over its attention, by op, by stage and by site."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from sebench.schema import OpCost, Phase, SavedBytes, StaticCost, Value


class Totals(Value, frozen=True, kw_only=True):
    """Sums over a set of ops; exact integers, bytes where the name says so."""

    params: int
    buffers: int
    macs: int
    paper_macs: int
    flops: int
    bytes_read: int
    bytes_written: int
    saved_bytes: int

    @property
    def moved_bytes(self) -> int:
        """Tensor bytes in and out of all ops, no cache model."""
        return self.bytes_read + self.bytes_written


class CostRow(Value, frozen=True, kw_only=True):
    """One line of a breakdown; `key` is an op, a stage or the path of a site."""

    key: str
    phase: str
    """``forward`` or ``backward``."""
    calls: int
    macs: int
    paper_macs: int
    flops: int
    bytes_read: int
    bytes_written: int
    stage: str | None = None
    params: int | None = None
    saved_bytes: int | None = None


def totals(cost: StaticCost) -> Totals:
    """The whole network."""
    return _totals(cost.params, cost.buffers, cost.ops, cost.saved)


def attention_totals(cost: StaticCost) -> Totals:
    """Only what lies inside attention modules (the adds that join branches are the backbone's)."""
    return _totals(
        sum(site.params for site in cost.sites),
        0,
        [op for op in cost.ops if op.site is not None],
        [saved for saved in cost.saved if saved.site is not None],
    )


def by_op(cost: StaticCost) -> tuple[CostRow, ...]:
    """One row per aten op and phase, the most MACs first, then the most bytes."""
    rows = _grouped(cost.ops, lambda op: op.op)
    return tuple(sorted(rows, key=lambda row: (-row.macs, -row.bytes_read - row.bytes_written)))


def by_stage(cost: StaticCost) -> tuple[CostRow, ...]:
    """One row per stage and phase in network order; forward rows carry the saved bytes when training."""
    saved: dict[str, int] = {}
    for item in cost.saved:
        saved[item.stage] = saved.get(item.stage, 0) + item.saved_bytes
    return tuple(
        replace(row, stage=row.key, saved_bytes=_saved(cost.phase, row, saved.get(row.key, 0)))
        for row in _grouped(cost.ops, lambda op: op.stage)
    )


def by_site(cost: StaticCost) -> tuple[CostRow, ...]:
    """One row per attention site and phase in network order, with the site's parameters."""
    sites = {site.path: site for site in cost.sites}
    saved: dict[str, int] = {}
    for item in cost.saved:
        if item.site is not None:
            saved[item.site] = saved.get(item.site, 0) + item.saved_bytes
    inside = [op for op in cost.ops if op.site in sites]
    return tuple(
        replace(
            row,
            stage=sites[row.key].stage,
            params=sites[row.key].params,
            saved_bytes=_saved(cost.phase, row, saved.get(row.key, 0)),
        )
        for row in _grouped(inside, lambda op: op.site or "")
    )


def _totals(params: int, buffers: int, ops: Iterable[OpCost], saved: Iterable[SavedBytes]) -> Totals:
    ops = list(ops)
    return Totals(
        params=params,
        buffers=buffers,
        macs=sum(op.macs for op in ops),
        paper_macs=sum(op.paper_macs for op in ops),
        flops=sum(op.flops for op in ops),
        bytes_read=sum(op.bytes_read for op in ops),
        bytes_written=sum(op.bytes_written for op in ops),
        saved_bytes=sum(item.saved_bytes for item in saved),
    )


def _grouped(ops: Iterable[OpCost], key: Callable[[OpCost], str]) -> list[CostRow]:
    groups: dict[tuple[str, str], list[OpCost]] = {}
    for op in ops:
        groups.setdefault((key(op), op.phase), []).append(op)
    return [
        CostRow(
            key=name,
            phase=phase,
            calls=sum(op.calls for op in members),
            macs=sum(op.macs for op in members),
            paper_macs=sum(op.paper_macs for op in members),
            flops=sum(op.flops for op in members),
            bytes_read=sum(op.bytes_read for op in members),
            bytes_written=sum(op.bytes_written for op in members),
        )
        for (name, phase), members in groups.items()
    ]


def _saved(phase: Phase, row: CostRow, saved_bytes: int) -> int | None:
    return saved_bytes if phase == "training" and row.phase == "forward" else None


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


def pareto_front(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Indices of the points that no other point beats, by ascending first coordinate.

    A point is beaten by one that is no worse in both coordinates and better in one (less is better). Of equal
    points all stay.

    Args:
        points: E.g. (latency in s, error in %).
    """
    order = sorted(range(len(points)), key=lambda index: points[index])
    front: list[int] = []
    for index in order:
        if not front or points[index][1] < points[front[-1]][1] or points[index] == points[front[-1]]:
            front.append(index)
    return tuple(front)
