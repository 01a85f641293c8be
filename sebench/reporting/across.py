"""Where a pair of networks costs most, machine by machine, as a document and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sebench.analysis.across import OF_THE_MACHINE, Across, MachineRow
from sebench.reporting.answers import attention_name, confidence_text, ratio_text
from sebench.reporting.change_rows import pair_name, subject
from sebench.reporting.chart import Panel, Picture
from sebench.reporting.comparison_notes import ABSOLUTE_TIMES
from sebench.reporting.comparison_records import comparison_records
from sebench.reporting.contract import document_json, metric_value, plain_value
from sebench.reporting.document import EMPTY, Cell, Column, Document, Paragraph, Row, Table, text_cell
from sebench.reporting.finite import finite_ratio
from sebench.reporting.metric_row import sizes_cell
from sebench.reporting.ratio_picture import RatioRow, ratio_chart, ratio_notes
from sebench.reporting.records import CellValue, Field, Records
from sebench.schema import Comparison, Quantity, Ratio, workload_words
from sebench.units import UNKNOWN, seconds_scale, significant

_DIGITS = 4
METHOD = (
    "comparison of machines: Welch's t over the Hodges-Lehmann estimates of the processes, on the log scale, "
    "at a confidence corrected for all pairs of machines of a table (Bonferroni)"
)
SESSIONS = (
    "the comparison covers variation between processes of these sessions, but no state of a machine that "
    "lasts a whole session (docs/history.md)"
)


def across_document(tables: Sequence[Across]) -> Document:
    """What `sebench compare --across` shows: for each pair and workload a sentence and its machines.

    Args:
        tables: from `sebench.analysis.across.across`, of two machines or more each.
    """
    rows = [row for table in tables for row in table.rows]
    what = pair_name(tables[0].pair) if len(tables) == 1 else f"{len(tables)} comparisons"
    return Document(
        title=f"{what} across machines",
        body=(
            *(Paragraph(across_answer(table), strong=True) for table in tables),
            *map(across_table, tables),
        ),
        notes=tuple(_notes(rows)),
        records=partial(across_records, tables),
    )


# --- in words ---------------------------------------------------------------------------------------------


def across_answer(table: Across) -> str:
    """Which machine pays most, where that is shown; else what is not."""
    highest, *others = table.rows
    name, *names = row_names(table)
    ratio = " ".join(part for part in ratio_text(highest.latency.ratio) if part)
    what = f"{subject(table.pair)}, {_shared_text(table)}"
    if table.is_decided:
        return f"{what}: {name} pays most for {_candidate(table)}, ratio {ratio}, {_evidence(others)}"
    lower, open_ = (
        [each for each, row in zip(names, others, strict=True) if row.is_shown_lower is shown]
        for shown in (True, False)
    )
    above = f", above {_listed(lower)}," if lower else ""
    but = f"{above} but is not shown apart from {_listed(open_)}"
    return f"No machine is shown to pay most: {what}: {name} has the highest ratio, {ratio}{but}"


def _candidate(table: Across) -> str:
    pair = table.pair
    return pair.candidate_name if pair.title == pair.model else attention_name(pair.candidate_name)


def _evidence(others: Sequence[MachineRow]) -> str:
    """How far the nearest of the others is away."""
    nearest = others[0].highest_over_this
    if nearest is None:
        return ""
    estimate, interval = ratio_text(nearest)
    others_text = "the other" if len(others) == 1 else "the next"
    corrected = f"{confidence_text(_family(nearest, len(others) + 1))} for all pairs together"
    level = confidence_text(nearest.confidence) if len(others) == 1 else corrected
    return f"{estimate} {interval} times that of {others_text}, {level}"


def _family(ratio: Ratio, machines: int) -> float:
    """The confidence that all pairs have together."""
    return 1 - (1 - ratio.confidence) * (machines * (machines - 1) // 2)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def row_names(table: Across) -> list[str]:
    """Each row by its machine, with device and threads where one machine has several rows."""
    times = Counter(row.machine for row in table.rows)
    return [
        row.machine if times[row.machine] == 1 else f"{row.machine}, {_own_text(row)}" for row in table.rows
    ]


def _own_text(row: MachineRow) -> str:
    workload = row.workload
    return f"{workload.device}, {workload.threads} thread{'' if workload.threads == 1 else 's'}"


def _shared_text(table: Across) -> str:
    """What of the workload all machines have in common."""
    workload = table.rows[0].workload
    own = _differing(table)
    phase = (workload.phase,) if "device" in own else ()
    return ", ".join((*phase, *workload_words(workload, without=own)))


def _notes(rows: Sequence[MachineRow]) -> Iterator[str]:
    yield "baseline, candidate: median of all timed steps; n = processes x blocks"
    yield METHOD
    yield SESSIONS
    for row in rows:
        if row.older:
            newer = f"the newest of {row.older + 1} results, {row.origin.id}"
            yield f"{row.machine} ({_own_text(row)}): {newer}"
    for reason, machines in _reasons(rows).items():
        yield f"not compared with the highest: {', '.join(machines)}: {reason}"
    yield ABSOLUTE_TIMES


def _reasons(rows: Sequence[MachineRow]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.reason:
            machines = found.setdefault(row.reason, [])
            machines.extend([row.machine] if row.machine not in machines else [])
    return found


# --- the table --------------------------------------------------------------------------------------------


def across_table(table: Across) -> Table:
    """One row per machine, the highest ratio first."""
    columns = (
        Column("machine", "machine"),
        *(Column(key, key, "right" if key == "threads" else "left") for key in _differing(table)),
        Column("baseline", "baseline", "right"),
        Column("candidate", "candidate", "right"),
        Column("ratio", "ratio", "right", detail="[CI]", pinned=True),
        Column("grade", "grade"),
        Column("n", "n", role="fold"),
        Column("highest_over_this", "highest / this", "right", detail="[corrected CI]"),
    )
    title = f"{pair_name(table.pair)}, {_shared_text(table)}"
    return Table(title, columns, tuple(_row(row, _differing(table)) for row in table.rows))


def _differing(table: Across) -> tuple[str, ...]:
    """What of the workload is each machine's own."""
    return tuple(
        name for name in OF_THE_MACHINE if len({getattr(row.workload, name) for row in table.rows}) > 1
    )


def _row(row: MachineRow, own: Sequence[str]) -> Row:
    return (
        text_cell(row.machine),
        *(Cell(str(value), value) for value in (getattr(row.workload, name) for name in own)),
        _time(row.latency.baseline),
        _time(row.latency.candidate),
        _ratio(row.latency.ratio),
        text_cell(row.latency.grade or UNKNOWN),
        sizes_cell(row.latency),
        EMPTY if row.highest_over_this is None else _ratio(row.highest_over_this),
    )


def _time(quantity: Quantity) -> Cell:
    if quantity.value is None:
        return Cell(UNKNOWN)
    scale = seconds_scale(quantity.value)
    return Cell(f"{significant(quantity.value / scale.factor, _DIGITS)} {scale.unit}", quantity.value)


def _ratio(ratio: Ratio) -> Cell:
    estimate, interval = ratio_text(ratio)
    return Cell(estimate or UNKNOWN, ratio.estimate, interval or "no interval")


def across_picture(tables: Sequence[Across]) -> Picture:
    """The ratios of each table with their intervals, by machine."""
    panels = []
    for table in tables:
        rows = [
            RatioRow(name, (_own_text(row),), row.latency.ratio)
            for name, row in zip(row_names(table), table.rows, strict=True)
        ]
        title = f"{pair_name(table.pair)}, {_shared_text(table)}"
        panels.append(Panel(title, ratio_chart(rows), ratio_notes(rows)))
    return Picture("Latency overhead across machines", "", tuple(panels))


# --- machine formats --------------------------------------------------------------------------------------

ACROSS_FIELDS: tuple[Field, ...] = (
    Field("machine", "text", "the set-up by name"),
    Field("older_results", "integer", "of the same set-up and workload, not looked at"),
    Field("highest_over_this", "number", "the highest ratio of the table over this one"),
    Field("highest_over_this_ci_low", "number", "its lower confidence limit, corrected for all pairs"),
    Field("highest_over_this_ci_high", "number", "its upper confidence limit"),
)
"""The columns in front of those of a comparison."""


def across_records(tables: Sequence[Across]) -> Records:
    """One row per machine, the latency alone, under the columns of a comparison behind `ACROSS_FIELDS`."""
    found = [(_front(row), _comparison_records(table, row)) for table in tables for row in table.rows]
    fields = found[0][1].fields
    return Records(
        (*ACROSS_FIELDS, *fields),
        tuple((*front, *record) for front, records in found for record in records.rows),
    )


def _front(row: MachineRow) -> tuple[CellValue, ...]:
    quotient = row.highest_over_this or Ratio(estimate=None, method="none")
    return (row.machine, row.older, quotient.estimate, quotient.ci_low, quotient.ci_high)


def _comparison_records(table: Across, row: MachineRow) -> Records:
    pair = table.pair
    comparison = Comparison(
        model=pair.model,
        baseline=pair.baseline_name,
        candidate=pair.candidate_name,
        metrics=(row.latency,),
    )
    return comparison_records([comparison], origins=[row.origin])


def across_json(tables: Sequence[Across]) -> str:
    """The ``across`` document."""
    return document_json("across", {"comparisons": [_value(table) for table in tables]})


def _value(table: Across) -> dict[str, Any]:
    pair = table.pair
    return {
        "model": pair.model,
        "baseline": pair.baseline_name,
        "candidate": pair.candidate_name,
        "decided": table.is_decided,
        "machines": [_machine(row) for row in table.rows],
    }


def _machine(row: MachineRow) -> dict[str, Any]:
    quotient = row.highest_over_this
    return {
        "machine": row.machine,
        "fingerprint": row.origin.fingerprint,
        "result": row.origin.id,
        "measured_at": row.origin.created_at,
        "older_results": row.older,
        "latency": metric_value(row.latency),
        "highest_over_this": None if quotient is None else plain_value(finite_ratio(quotient)),
        "reason": row.reason,
    }
