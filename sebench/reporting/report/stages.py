"""Costs by stage, both networks side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from sebench.analysis.costs import StageCost
from sebench.reporting.comparison import pair_text
from sebench.reporting.document import EMPTY, Cell, Column, Figure, Row, Section, Table, text_cell
from sebench.reporting.report.figures import figure_key, stages_figure
from sebench.reporting.report.values import PairReport
from sebench.schema import ModelCost
from sebench.units import format_bytes, format_count, format_share

_NOTE = (
    "per image where the network was counted at batch 1; attention params: parameters of the candidate's "
    "attention modules; of added bytes: the stage's share in what the candidate moves beyond the baseline"
)


def stages_section(pairs: Sequence[PairReport], drawn: Sequence[PairReport]) -> Section:
    """One figure with its table per pair, or the table alone where nothing is added.

    Pairs that were counted alike, under several workloads for instance, are shown once.

    Args:
        pairs: all of a report.
        drawn: those of them that have figures; others have their table alone.
    """
    distinct: dict[tuple[ModelCost, ...], PairReport] = {}
    for pair in pairs:
        if pair.stages:
            distinct.setdefault(pair.costs, pair)
    figures = {pair.costs for pair in drawn}
    return Section("By stage", tuple(_parts(tuple(distinct.values()), figures)), (_NOTE,))


def _parts(
    pairs: Sequence[PairReport], figures: Collection[tuple[ModelCost, ...]]
) -> Iterator[Figure | Table]:
    names = [pair_text(pair.comparison) for pair in pairs]
    times = Counter(names)
    for position, (pair, name) in enumerate(zip(pairs, names, strict=True), start=1):
        title, spec = name if times[name] == 1 else pair.label, pair.pair.candidate
        table = _table(pair, title)
        key = figure_key("stages", position, f"{spec.model} {spec.variant}")
        yield (stages_figure(key, title, pair, table) if pair.costs in figures else None) or table


def _table(pair: PairReport, title: str) -> Table:
    training = any(row.phase == "backward" for row in pair.stages)
    columns = (
        *((Column("phase", "pass", role="group"),) if training else ()),
        Column("stage", "stage"),
        Column("attention_params", "attention params", "right"),
        Column("baseline_macs", "MACs", "right", detail="baseline"),
        Column("candidate_macs", "MACs", "right", detail="candidate"),
        Column("added_macs", "MACs", "right", detail="added"),
        Column("baseline_bytes", "bytes", "right", detail="baseline"),
        Column("candidate_bytes", "bytes", "right", detail="candidate"),
        Column("added_bytes", "bytes", "right", detail="added"),
        Column("share_of_added_bytes", "of added bytes", "right"),
    )
    added = sum(row.added_bytes for row in pair.stages)
    rows = tuple(_row(row, added, training=training) for row in pair.stages)
    return Table(f"By stage, {title}", columns, rows)


def _row(row: StageCost, added: int, *, training: bool) -> Row:
    params = EMPTY if row.phase == "backward" else _count(row.attention_params)
    return (
        *((text_cell(row.phase),) if training else ()),
        Cell(row.stage or "(none)", row.stage),
        params,
        *map(_count, (row.baseline_macs, row.candidate_macs, row.added_macs)),
        *map(_bytes, (row.baseline_bytes, row.candidate_bytes, row.added_bytes)),
        Cell(format_share(row.added_bytes, added), row.added_bytes / added if added else None),
    )


def _count(value: int) -> Cell:
    return Cell(format_count(value), value)


def _bytes(value: int) -> Cell:
    return Cell(format_bytes(value), value)
