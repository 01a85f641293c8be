"""A sweep as a document, as JSON and as one tidy table: what became of each case, and its overhead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any, get_args

from msgspec.structs import asdict

from sebench.analysis.sweep import SweepAxis, SweepRow, sweep_axes
from sebench.reporting.answers import ratio_text
from sebench.reporting.comparison_notes import ABSOLUTE_TIMES
from sebench.reporting.comparison_records import COMPARISON_FIELDS, comparison_records
from sebench.reporting.contract import comparison_value, document_json, plain_value
from sebench.reporting.csv import render_csv
from sebench.reporting.document import (
    EMPTY,
    Cell,
    Column,
    Document,
    Figure,
    Paragraph,
    Row,
    Section,
    Table,
    text_cell,
)
from sebench.reporting.metric_row import sizes_cell
from sebench.reporting.ratio_picture import RatioRow, ratio_notes
from sebench.reporting.records import WORKLOAD_FIELDS, CellValue, Field, Records
from sebench.reporting.sweep_pictures import fact_text, sweep_pictures
from sebench.schema import (
    COLUMN_OPTIONS,
    WORKLOAD_COLUMNS,
    MetricComparison,
    Quantity,
    Ratio,
    WorkloadOption,
    WorkloadRequest,
    said,
    workload_values,
    workload_words,
)
from sebench.schema.options import Fact
from sebench.schema.sweep import Case, CaseStatus
from sebench.units import UNKNOWN, format_duration, format_ratio, number_of, seconds_scale, significant

_STATUSES: tuple[CaseStatus, ...] = get_args(CaseStatus)
_DIGITS, _DAY = 4, 10
_SOME_FINDINGS = "findings, in so many cases (docs/findings.md): "


def sweep_document(name: str, rows: Sequence[SweepRow], *, published: Collection[str] = ()) -> Document:
    """What `sebench sweep` shows.

    Args:
        name: of the sweep.
        rows: from `sebench.analysis.sweep.sweep_rows`.
        published: ids of results whose networks are as the paper built them; only these have the paper's own
            figures in CSV.
    """
    return Document(
        title=f"Sweep {name}",
        body=(
            *(Paragraph(sentence, strong=True) for sentence in sweep_answers(rows)),
            *sweep_tables(rows),
            *sweep_figures(name, rows),
        ),
        notes=sweep_notes(rows),
        records=partial(sweep_records, rows, published=published),
    )


def sweep_section(name: str, rows: Sequence[SweepRow]) -> Section:
    """The same as a part of a report."""
    return Section(
        f"Sweep {name}",
        (
            *(Paragraph(sentence) for sentence in sweep_answers(rows)),
            *sweep_figures(name, rows),
            *sweep_tables(rows),
        ),
        sweep_notes(rows),
    )


# --- in words ---------------------------------------------------------------------------------------------


def sweep_answers(rows: Sequence[SweepRow]) -> tuple[str, ...]:
    """How many cases came to what, and between what the overheads lie."""
    cases = {row.case.id: row for row in rows}
    found = Counter(row.status for row in cases.values())
    counts = ", ".join(f"{found[status]} {status}" for status in _STATUSES if found[status])
    took = sum(row.wall_s or 0.0 for row in cases.values())
    time = f", {format_duration(took)} in all" if took else ""
    return (f"{number_of(len(cases), 'case')}: {counts or 'nothing was run'}{time}.", *_range(rows))


def _range(rows: Sequence[SweepRow]) -> Iterator[str]:
    """Of ratios with an interval: without one, the lowest and the highest are the least certain of all."""
    known = [
        (row.ratio.estimate or 0.0, place, row.ratio)
        for place, row in enumerate(rows)
        if row.ratio is not None and row.ratio.ci_low is not None
    ]
    if len(known) > 1:
        axes = sweep_axes([rows[place] for _, place, _ in known])
        least, most = (
            f"{' '.join(ratio_text(ratio))} ({_where(rows[place], axes)})"
            for _, place, ratio in (min(known, key=_by_size), max(known, key=_by_size))
        )
        yield f"The latency ratio, candidate / baseline, lies between {least} and {most}."


def _by_size(known: tuple[float, int, Ratio]) -> float:
    return known[0]


def _where(row: SweepRow, axes: Sequence[SweepAxis]) -> str:
    return ", ".join(fact_text(axis, value) for axis in axes if (value := axis.read(row)) is not None)


def sweep_notes(rows: Sequence[SweepRow]) -> tuple[str, ...]:
    """How the figures came about, and what was found in how many cases."""
    timed = [RatioRow(row.case.model, (), row.ratio) for row in rows if row.ratio]
    if not timed:
        return ()
    interval = ratio_notes(timed)[0].removesuffix(" Logarithmic axis; smaller is better.")
    found = Counter(
        finding.code
        for case in {row.case.id: row for row in rows}.values()
        for finding in dict.fromkeys(case.findings)
        if finding.severity != "info"
    )
    findings = ", ".join(f"{code} {count}" for code, count in found.most_common())
    return (
        interval.replace("Mark: ", "ratio: ").replace(" Bar: its ", " In brackets: its "),
        "baseline, candidate: median of all timed steps; n = processes x blocks",
        "params, MACs: candidate / baseline, counted",
        *((f"{_SOME_FINDINGS}{findings}",) if findings else ()),
        *_origins(rows),
        ABSOLUTE_TIMES,
    )


def _origins(rows: Sequence[SweepRow]) -> Iterator[str]:
    """Each machine with the versions that measured there, and when."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row.origin is not None:
            versions = (f"sebench {row.origin.sebench}", f"torch {row.origin.torch or UNKNOWN}")
            found.setdefault((row.machine, *versions), []).append(row.origin.created_at[:_DAY])
    for words, days in found.items():
        first, last = min(days), max(days)
        yield ", ".join((*words, f"measured {first}" + (f" to {last}" if last != first else "")))


# --- tables -----------------------------------------------------------------------------------------------


def sweep_tables(rows: Sequence[SweepRow]) -> tuple[Table, ...]:
    """What was measured, then the cases without a result and why."""
    measured = [row for row in rows if row.comparison is not None]
    others = [row for row in rows if row.comparison is None]
    return (
        *((_measured_table(measured, sweep_axes(measured)),) if measured else ()),
        *((_missing_table(others, sweep_axes(rows)),) if others else ()),
    )


def _measured_table(rows: Sequence[SweepRow], axes: Sequence[SweepAxis]) -> Table:
    columns = (
        *map(_axis_column, axes),
        Column("baseline", "baseline", "right"),
        Column("candidate", "candidate", "right"),
        Column("ratio", "ratio", "right", detail="[CI]", pinned=True),
        Column("grade", "grade", detail="n"),
        Column("params_ratio", "params", "right"),
        Column("macs_ratio", "MACs", "right"),
    )
    return Table(_alike(rows), columns, tuple(_measured_row(row, axes) for row in rows))


def _axis_column(axis: SweepAxis) -> Column:
    return Column(axis.key, axis.label, "right" if axis.is_numeric else "left")


def _measured_row(row: SweepRow, axes: Sequence[SweepAxis]) -> Row:
    return (
        *_axis_cells(row, axes),
        _time_cell(row.baseline),
        _time_cell(row.candidate),
        _ratio_cell(row),
        _grade_cell(row.latency),
        _exact_cell(row.params_ratio),
        _exact_cell(row.macs_ratio),
    )


def _axis_cells(row: SweepRow, axes: Sequence[SweepAxis]) -> Iterator[Cell]:
    for axis in axes:
        value = axis.read(row)
        yield EMPTY if value is None else Cell(str(value), value)


def _time_cell(quantity: Quantity | None) -> Cell:
    if quantity is None or quantity.value is None:
        return Cell(UNKNOWN)
    scale = seconds_scale(quantity.value)
    return Cell(f"{significant(quantity.value / scale.factor, _DIGITS)} {scale.unit}", quantity.value)


def _ratio_cell(row: SweepRow) -> Cell:
    if row.ratio is None:
        return Cell(UNKNOWN if row.latency is None else "unavailable")
    estimate, interval = ratio_text(row.ratio)
    return Cell(estimate, row.ratio.estimate, interval or "no interval")


def _grade_cell(latency: MetricComparison | None) -> Cell:
    """With the sample sizes beside it."""
    if latency is None or latency.grade is None:
        return Cell(UNKNOWN)
    return Cell(latency.grade, latency.grade, sizes_cell(latency).text)


def _exact_cell(value: float | None) -> Cell:
    return Cell(UNKNOWN) if value is None else Cell(format_ratio(value), value)


def _missing_table(rows: Sequence[SweepRow], axes: Sequence[SweepAxis]) -> Table:
    columns = (*map(_axis_column, axes), Column("status", "status"), Column("reason", "reason", wrap=True))
    return Table(
        "Without a result",
        columns,
        tuple((*_axis_cells(row, axes), text_cell(row.status), text_cell(row.reason)) for row in rows),
    )


def _alike(rows: Sequence[SweepRow]) -> str:
    """What all rows have in common, as the title of their table."""
    words = [_words(row) for row in rows]
    return ", ".join(word for word in words[0] if all(word in each for each in words)) or "Measured"


def _words(row: SweepRow) -> tuple[str, ...]:
    case, workload = row.case, row.workload
    pair = (f"{case.model}: {case.baseline} -> {case.variant}",)
    return (*pair, *(workload_words(workload) if workload else ()), row.machine)


# --- pictures ---------------------------------------------------------------------------------------------


def sweep_figures(name: str, rows: Sequence[SweepRow]) -> tuple[Figure, ...]:
    """Every panel of `sweep_pictures`; where there are no pictures the table says the same."""
    figures = []
    for axis, picture in sweep_pictures(name, rows).items():
        for place, panel in enumerate(picture.panels):
            title = picture.title if not panel.title else f"{picture.title}: {panel.title}"
            key = f"sweep-{_plain(name)}-{_plain(axis)}-{place + 1}"
            figures.append(
                Figure(key, title, " ".join((f"{picture.subtitle}.", *picture.notes)), panel.chart)
            )
    return tuple(figures)


def _plain(text: str) -> str:
    """Letters, digits and hyphens."""
    return "".join(character if character.isalnum() and character.isascii() else "-" for character in text)


# --- machine formats --------------------------------------------------------------------------------------

CASE_FIELDS: tuple[Field, ...] = (
    Field("case", "text", "id of the case"),
    Field("case_status", "text", "`done`, `failed`, `skipped` or `pending`"),
    Field("case_reason", "text", "why it has no result"),
    Field("machine", "text", "the set-up by name, or the host that tried"),
)
"""The columns in front of those of a comparison."""


def sweep_records(rows: Sequence[SweepRow], *, published: Collection[str] = ()) -> Records:
    """One row per case, workload and metric: the columns of a comparison behind `CASE_FIELDS`.

    A case without a result has one row, with what was said of its workload.

    Args:
        rows: from `sebench.analysis.sweep.sweep_rows`.
        published: ids of results whose networks are as the paper built them.
    """
    cases = {row.case.id: row for row in rows}
    return Records(
        (*CASE_FIELDS, *COMPARISON_FIELDS),
        tuple(record for row in cases.values() for record in _records(row, published)),
    )


def sweep_csv(rows: Sequence[SweepRow], *, published: Collection[str] = ()) -> str:
    """`sweep_records` as CSV."""
    return render_csv(Document("", (), records=partial(sweep_records, rows, published=published)))


def _records(row: SweepRow, published: Collection[str]) -> Iterator[tuple[CellValue, ...]]:
    front = (row.case.id, row.status, row.reason or None, row.machine or None)
    if row.comparison is None or row.origin is None:
        known = {
            "model": row.case.model,
            "baseline_variant": row.case.baseline,
            "candidate_variant": row.case.variant,
            **_asked(row.case.request),
        }
        yield (*front, *(known.get(field.key) for field in COMPARISON_FIELDS))
        return
    found = comparison_records(
        [row.comparison], as_published=row.origin.id in published, origins=[row.origin]
    )
    # Exact figures have no workload of their own; here they are told apart by that of their case.
    own = dict(zip(WORKLOAD_COLUMNS, workload_values(row.workload), strict=True))
    for record in found.rows:
        values = dict(zip(found.keys, record, strict=True))
        if all(values[key] is None for key in own):
            values |= own
        yield (*front, *values.values())


def _asked(request: WorkloadRequest) -> dict[str, Fact]:
    """What was said of a workload, by the keys of its columns."""
    return {
        field.key: _asked_value(COLUMN_OPTIONS[field.key], request)
        for field in WORKLOAD_FIELDS
        if COLUMN_OPTIONS[field.key].option is not None
    }


def _asked_value(option: WorkloadOption, request: WorkloadRequest) -> Fact:
    if option.field != "input_shape":
        value: Fact = getattr(request, option.parameter)
        return value
    if request.input_shape is not None or request.image_size is None or request.batch_size is None:
        return request.input_shape
    height, _, width = str(request.image_size).partition("x")
    return f"{request.batch_size}x3x{height}x{width or height}"


def sweep_json(name: str, rows: Sequence[SweepRow]) -> str:
    """The ``sweep`` document."""
    return document_json("sweep", sweep_value(name, rows))


def sweep_value(name: str, rows: Sequence[SweepRow]) -> dict[str, Any]:
    """A sweep as it stands in the ``sweep`` and the ``report`` document."""
    axes = [{"axis": axis.key, "label": axis.label, "values": list(axis.values)} for axis in sweep_axes(rows)]
    cases = {row.case.id: row for row in rows}
    return {"name": name, "axes": axes, "cases": [_case(row) for row in cases.values()]}


def _case(row: SweepRow) -> dict[str, Any]:
    compared = {} if row.comparison is None else comparison_value(row.comparison)
    return {
        "id": row.case.id,
        "status": row.status,
        "reason": row.reason or None,
        "result": row.result,
        **_settings(row.case),
        "machine": row.machine or None,
        "host": row.host or None,
        "wall_s": row.wall_s,
        "measured_at": None if row.origin is None else row.origin.created_at,
        "fingerprint": None if row.origin is None else row.origin.fingerprint,
        "metrics": compared.get("metrics", []),
        "findings": compared.get("findings", []),
    }


def _settings(case: Case) -> dict[str, Any]:
    """What the case says; what it leaves open is not there."""
    options = {name: value for name, value in asdict(case.options).items() if value}
    return {
        "model": case.model,
        "baseline": case.baseline,
        "candidate": case.variant,
        "workload": {option.parameter: value for option, value in said(case.request)},
        "options": plain_value(options),
        "effort": case.effort,
        "budget_s": case.budget_s,
    }
