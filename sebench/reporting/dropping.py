"""Which gates of a network to drop first, as a document: what each costs, exactly and in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from sebench.reporting.contract import document_json
from sebench.reporting.document import Cell, Column, Document, Paragraph, Row, Table, text_cell
from sebench.reporting.records import Kind, Records
from sebench.reporting.tuning import (
    asked_record,
    filled_columns,
    has_interval,
    latency_record,
    ratio_text,
    table_records,
    workload_title,
)
from sebench.schema import NOT_MEASURED, TO_BE_MEASURED, DropRanking, GateCost
from sebench.units import format_bytes, format_count, format_duration

_MOST_NAMES = 3
_COLUMNS = (
    Column("rank", "place"),
    Column("path", "gate", pinned=True),
    Column("stage", "stage"),
    Column("params", "params", "right"),
    Column("macs", "MACs", "right"),
    Column("bytes", "bytes", "right"),
    Column("ratio", "latency without it", "right"),
    Column("ci_low", "ci_low", role="data"),
    Column("ci_high", "ci_high", role="data"),
    Column("grade", "grade"),
    Column("variant", "variant", role="data"),
    Column("about", "about", wrap=True),
)
_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("params", "macs", "bytes"), "integer"),
    **dict.fromkeys(("ratio", "ci_low", "ci_high"), "number"),
}


def drop_document(ranking: DropRanking, *, dry_run: bool = False) -> Document:
    """What `sebench tune --drop` shows.

    Args:
        ranking: what was found.
        dry_run: whether nothing was to be measured.
    """
    rows = _rows(ranking)
    return Document(
        title=f"Gates of {ranking.spec.model} {ranking.spec.variant}",
        body=(
            Paragraph(drop_answer(ranking, dry_run=dry_run), strong=True),
            Table(workload_title(ranking.workload), filled_columns(_COLUMNS, rows), tuple(rows)),
        ),
        notes=tuple(_notes(ranking)),
    )


def drop_records(ranking: DropRanking) -> Records:
    """The rows of the CSV."""
    return table_records(_COLUMNS, _rows(ranking), _KINDS)


def drop_answer(ranking: DropRanking, *, dry_run: bool = False) -> str:
    """Which gate to drop first, in a sentence; or which cannot be told apart."""
    if dry_run:
        count = len(ranking.gates)
        planned = sum(gate.reason == TO_BE_MEASURED for gate in ranking.gates)
        gates = "1 gate" if count == 1 else f"{count} gates, those with most bytes first"
        which = f" {planned} of them" if planned < count else ""
        return f"{gates}; measuring{which} takes about {format_duration(ranking.planned_s)}"
    measured = [gate for gate in ranking.gates if gate.rank is not None]
    if not measured:
        return f"No gate could be measured: {ranking.gates[0].reason}"
    first = measured[0]
    told = ranking.confirmed or first.latency
    ratio = "-" if told is None else ratio_text(told.ratio)
    again = ", measured again in fresh processes" if ranking.confirmed is not None else ""
    high = None if told is None else told.ratio.ci_high
    if high is None or high >= 1:
        said = f"without {first.path} the latency ratio is {ratio}{again}"
        return f"Dropping a gate is not shown to save time: {said}"
    alike = [gate.path for gate in measured if gate.rank is not None and gate.rank[0] == 1]
    if len(alike) == 1:
        return f"Drop {first.path} first: without it the latency ratio is {ratio}{again}"
    return f"{_listed(alike)} cannot be told apart; without {first.path} the latency ratio is {ratio}{again}"


def _listed(names: Sequence[str]) -> str:
    """The first of some names: ``a, b, c and 2 more``."""
    more = len(names) - _MOST_NAMES
    if more > 0:
        return f"{', '.join(names[:_MOST_NAMES])} and {more} more"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def drop_json(ranking: DropRanking) -> str:
    """The ``tuning`` document of gates."""
    content = {
        **asked_record("drop", ranking.spec, ranking.workload),
        "planned_s": ranking.planned_s,
        "confidence": ranking.confidence,
        "gates": [_record(gate) for gate in ranking.gates],
        "confirmed": None if ranking.confirmed is None else latency_record(ranking.confirmed),
        "confirming": ranking.confirming or None,
    }
    return document_json("tuning", content)


def _rows(ranking: DropRanking) -> list[Row]:
    rows = [_row(gate) for gate in ranking.gates]
    if ranking.confirmed is not None:
        first = msgspec.structs.replace(ranking.gates[0], latency=ranking.confirmed, rank=None)
        rows.append((text_cell("again"), *_row(first)[1:]))
    return rows


def _row(gate: GateCost) -> Row:
    ratio = None if gate.latency is None else gate.latency.ratio
    is_left_out = gate.reason in (NOT_MEASURED, TO_BE_MEASURED)
    return (
        text_cell("" if gate.rank is None else _place(gate.rank)),
        text_cell(gate.path),
        text_cell(gate.stage),
        Cell(format_count(gate.params), gate.params),
        Cell(format_count(gate.macs), gate.macs),
        Cell(format_bytes(gate.bytes), gate.bytes),
        Cell(gate.reason if is_left_out else "")
        if ratio is None
        else Cell(ratio_text(ratio), ratio.estimate),
        Cell("", None if ratio is None else ratio.ci_low),
        Cell("", None if ratio is None else ratio.ci_high),
        text_cell("" if gate.latency is None else gate.latency.grade or ""),
        text_cell(gate.variant),
        text_cell("" if is_left_out else gate.reason),
    )


def _place(rank: tuple[int, int]) -> str:
    first, last = rank
    return str(first) if first == last else f"{first} to {last}"


def _record(gate: GateCost) -> dict[str, object]:
    return {
        **{name: getattr(gate, name) for name in ("path", "stage", "variant", "params", "macs", "bytes")},
        **latency_record(gate.latency),
        "rank": None if gate.rank is None else list(gate.rank),
        "reason": gate.reason or None,
    }


def _notes(ranking: DropRanking) -> Iterator[str]:
    yield (
        "Params, MACs and bytes are exact, per image. Latency without a gate is over that of the network"
        " as it is, measured in pairs: same weights and input, interleaved blocks, fresh processes."
    )
    measured = sum(gate.rank is not None for gate in ranking.gates)
    if measured > 1 and any(gate.latency and has_interval(gate.latency.ratio) for gate in ranking.gates):
        yield (
            f"Intervals and places hold together with 95 %: each of {measured} is at"
            f" {100 * ranking.confidence:.4g} % (Bonferroni). A place of 1 to 3 means that the intervals do"
            " not tell which of the first three it is."
        )
    if ranking.confirmed is not None and measured > 1:
        yield (
            "The first of several was also lucky: its second measurement, with another seed, is the one to"
            " report."
        )
    if ranking.confirming:
        yield f"The first could not be measured again: {ranking.confirming}."
