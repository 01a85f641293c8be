"""The profile of a module that exists, as a document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from sebench.analysis.module_profile import TimeRow, by_op, by_site, by_stage
from sebench.reporting.answers import place_text
from sebench.reporting.document import Cell, Column, Document, Paragraph, Row, Table, text_cell
from sebench.reporting.environment import environment_lines
from sebench.schema import Environment, ModuleProfile
from sebench.units import UNKNOWN, format_bytes, format_count, format_share

TimeBreakdown = Literal["op", "stage", "site"]

TIME_ROWS: Mapping[TimeBreakdown, Callable[[ModuleProfile], tuple[TimeRow, ...]]] = {
    "op": by_op,
    "stage": by_stage,
    "site": by_site,
}
NOTES = (
    "time: median of the profiled steps, in the ops that a count has rows of; what is not in them is Python, "
    "views and the profiler",
    "a module that exists has nothing to be compared with; sebench compare measures networks by name",
)
_MS = 1e3


def module_profile_document(
    profile: ModuleProfile, environment: Environment | None = None, *, measured_at: str | None = None
) -> Document:
    """What `sebench.profile` says of a module object."""
    machine = () if environment is None else environment_lines(environment, measured_at)
    findings = tuple(f"{finding.code}: {finding.message}" for finding in profile.findings)
    tables = (_table(profile, kind, TIME_ROWS[kind](profile)) for kind in TIME_ROWS)
    return Document(
        f"{profile.model}: where the time of a step goes",
        (Paragraph(_answer(profile), strong=True), *(table for table in tables if table.rows)),
        (*NOTES, *findings, *machine),
    )


def _answer(profile: ModuleProfile) -> str:
    total_s = _total_s(profile)
    shares = [f"{row.key} {format_share(row.time_s, total_s)}" for row in by_op(profile)[:3]]
    return (
        f"{profile.model} {place_text(profile.workload)}: a step takes {profile.step_s * _MS:.3g} ms; "
        f"{total_s * _MS:.3g} ms in its ops as profiled ({', '.join(shares)})"
    )


def _total_s(profile: ModuleProfile) -> float:
    return sum(op.time_s for op in profile.ops)


def _table(profile: ModuleProfile, kind: TimeBreakdown, rows: Sequence[TimeRow]) -> Table:
    training, total_s = profile.workload.phase == "training", _total_s(profile)
    columns = (
        Column("model", "model", role="data"),
        *((Column("phase", "phase", role="group"),) if training else ()),
        Column(kind, kind),
        *((Column("stage_of_site", "stage", role="data"),) if kind == "site" else ()),
        Column("calls", "calls", "right"),
        Column("time_s", "time (ms)", "right"),
        Column("share", "of all", "right"),
        Column("macs", "MACs", "right"),
        Column("flops", "FLOPs", "right"),
        Column("bytes_read", "bytes", "right", detail="read"),
        Column("bytes_written", "bytes", "right", detail="written"),
    )
    ordered = sorted(rows, key=lambda row: row.phase != "forward")
    return Table(
        f"By {kind}",
        columns,
        tuple(
            (text_cell(profile.model), *_row(row, total_s, training=training, site=kind == "site"))
            for row in ordered
        ),
    )


def _row(row: TimeRow, total_s: float, *, training: bool, site: bool) -> Row:
    return (
        *((text_cell(row.phase),) if training else ()),
        Cell(row.key or "(none)", row.key),
        *((text_cell(row.stage or ""),) if site else ()),
        Cell(str(row.calls), row.calls),
        Cell(f"{row.time_s * _MS:.3f}", row.time_s),
        Cell(format_share(row.time_s, total_s), row.time_s / total_s if total_s else None),
        *(_figure(value, format_count) for value in (row.macs, row.flops)),
        *(_figure(value, format_bytes) for value in (row.bytes_read, row.bytes_written)),
    )


def _figure(value: int | None, text: Callable[[int], str]) -> Cell:
    return Cell(UNKNOWN) if value is None else Cell(text(value), value)
