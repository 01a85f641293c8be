"""What tuning found as a document: one row per spelling, and which is fastest."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from sebench.reporting.contract import document_json
from sebench.reporting.document import Cell, Column, Document, Paragraph, Row, Table, text_cell
from sebench.reporting.records import Field, Kind, Records
from sebench.schema import MetricComparison, ModelSpec, Ratio, Tuning, Workload, parse_variant
from sebench.schema.forms import form_named
from sebench.schema.tuning import Candidate
from sebench.units import seconds_scale, significant

METHOD = (
    "Each row is a pair with the network as written: same weights and input, interleaved blocks, fresh"
    " processes. The ratio is its latency over that of the network as written."
)
_COLUMNS = (
    Column("variant", "variant"),
    Column("latency", "latency", "right"),
    Column("ratio", "ratio", "right"),
    Column("grade", "grade"),
    Column("about", "about", wrap=True),
)
_KINDS: Mapping[str, Kind] = {"latency": "number", "ratio": "number"}


def tuning_document(tuning: Tuning) -> Document:
    """What `sebench tune` shows."""
    return Document(
        title=f"Forms of {tuning.spec.model} {tuning.spec.variant}",
        body=(
            Paragraph(tuning_answer(tuning), strong=True),
            Table(workload_title(tuning.workload), _COLUMNS, _rows(tuning)),
        ),
        notes=(METHOD, *_notes(tuning)),
    )


def tuning_records(tuning: Tuning) -> Records:
    """The rows of the CSV."""
    return table_records(_COLUMNS, _rows(tuning), _KINDS)


def _rows(tuning: Tuning) -> tuple[Row, ...]:
    return tuple(map(_row, (*tuning.candidates, *filter(None, (tuning.confirmed,)))))


def tuning_json(tuning: Tuning) -> str:
    """The ``tuning`` document."""
    content = {
        **asked_record("forms", tuning.spec, tuning.workload),
        "candidates": [_record(each) for each in tuning.candidates],
        "fastest": None if tuning.fastest is None else tuning.fastest.variant,
        "faster": tuning.is_faster,
        "confirmed": None if tuning.confirmed is None else _record(tuning.confirmed),
    }
    return document_json("tuning", content)


def asked_record(mode: str, spec: ModelSpec, workload: Workload) -> dict[str, object]:
    """What every ``tuning`` document begins with."""
    return {
        "mode": mode,
        "model": spec.model,
        "variant": spec.variant,
        "workload": msgspec.to_builtins(workload),
    }


def tuning_answer(tuning: Tuning) -> str:
    """Which spelling is fastest, in a sentence."""
    best = tuning.fastest
    if best is None:
        return f"No form is faster than {tuning.spec.variant} as written in {tuning.workload.runtime}"
    told = tuning.confirmed if tuning.confirmed and tuning.confirmed.latency else best
    measured = sum(each.is_spelling and each.latency is not None for each in tuning.candidates)
    best_of = f", the fastest of {measured}" if measured > 1 else ""
    again = ", measured again in fresh processes" if told is tuning.confirmed else ""
    shown = "" if tuning.is_faster else f"; {_why_not_faster(told)}"
    return f"{best.variant}{best_of}: ratio {_ratio_text(told)}{again}{shown}"


def _why_not_faster(told: Candidate) -> str:
    ratio = None if told.latency is None else told.latency.ratio
    if ratio is None or not has_interval(ratio):
        return "without an interval it is not shown to be faster"
    if holds(ratio, 1.0):
        return "1 lies inside its interval, so it is not shown to be faster"
    return "it is not shown to be faster"


def _row(candidate: Candidate) -> tuple[Cell, ...]:
    about = candidate.reason or _about(candidate)
    latency = candidate.latency
    if latency is None:
        return (text_cell(candidate.variant), *(Cell("-"),) * 3, text_cell(about))
    value = latency.candidate.value
    return (
        text_cell(candidate.variant),
        Cell("-" if value is None else _seconds_text(value), value),
        Cell(_ratio_text(candidate), candidate.ratio),
        Cell(latency.grade or "-", latency.grade),
        text_cell(about),
    )


def _seconds_text(value_s: float) -> str:
    scale = seconds_scale(value_s)
    return f"{significant(value_s / scale.factor, 4)} {scale.unit}"


def _about(candidate: Candidate) -> str:
    if not candidate.is_spelling:
        return "without attention: how far a form could get"
    return "; ".join(
        form_named(name).help + _in_gates(candidate.rewritten.get(name))
        for name in parse_variant(candidate.variant).forms
    )


def _in_gates(number: int | None) -> str:
    """Forms of the exported graph are not counted."""
    if number is None:
        return ""
    return f" ({number} gate{'' if number == 1 else 's'})"


def _ratio_text(candidate: Candidate) -> str:
    return "-" if candidate.latency is None else ratio_text(candidate.latency.ratio)


def ratio_text(ratio: Ratio) -> str:
    """A ratio with its interval: ``1.021 [1.015, 1.027]``, or ``1.021 (no interval)``."""
    if ratio.estimate is None:
        return "-"
    if ratio.ci_low is None or ratio.ci_high is None:
        return f"{ratio.estimate:.3f} (no interval)"
    return f"{ratio.estimate:.3f} [{ratio.ci_low:.3f}, {ratio.ci_high:.3f}]"


def has_interval(ratio: Ratio) -> bool:
    """Whether both limits are known: one process, or few blocks, may give none."""
    return ratio.ci_low is not None and ratio.ci_high is not None


def holds(ratio: Ratio, value: float) -> bool:
    """Whether a value lies inside the interval; False without one."""
    low, high = ratio.ci_low, ratio.ci_high
    return low is not None and high is not None and low <= value <= high


def _notes(tuning: Tuning) -> Iterator[str]:
    if tuning.confirmed is not None:
        yield "The last row is the fastest again, with another seed: the best of several was also lucky."
    elif tuning.fastest is not None and sum(each.is_spelling for each in tuning.candidates) > 1:
        yield "The fastest of several was also lucky: its ratio is likely to be a little nearer to 1."


def _record(candidate: Candidate) -> dict[str, object]:
    return {
        "variant": candidate.variant,
        **latency_record(candidate.latency),
        "reason": candidate.reason or None,
        "spelling": candidate.is_spelling,
        "rewritten": dict(candidate.rewritten),
    }


def latency_record(latency: MetricComparison | None) -> dict[str, object]:
    """What was measured of a candidate: its latency, the ratio and the grade; null where it was not."""
    return {
        "latency": None if latency is None else msgspec.to_builtins(latency.candidate),
        "ratio": None if latency is None else msgspec.to_builtins(latency.ratio),
        "grade": None if latency is None else latency.grade,
    }


def filled_columns(columns: Sequence[Column], rows: Sequence[Row]) -> tuple[Column, ...]:
    """People see no column in which nothing stands; machine formats have them all."""
    return tuple(
        column if any(row[at].text for row in rows) else dataclasses.replace(column, role="data")
        for at, column in enumerate(columns)
    )


def table_records(columns: Sequence[Column], rows: Sequence[Row], kinds: Mapping[str, Kind]) -> Records:
    """What a table has in CSV, typed; where nothing stands it is None.

    Args:
        columns: of the table.
        rows: of the table.
        kinds: of the columns that do not hold texts, by key.
    """
    fields = tuple(Field(column.key, kinds.get(column.key, "text"), "") for column in columns)
    values = (tuple(None if cell.value == "" else cell.value for cell in row) for row in rows)
    return Records(fields, tuple(values))


def workload_title(workload: Workload) -> str:
    """A workload in a few words: ``onnxruntime, 1x3x224x224, float32, 2 threads``."""
    shape = "x".join(map(str, workload.input_shape))
    threads = "1 thread" if workload.threads == 1 else f"{workload.threads} threads"
    phase = "" if workload.phase == "inference" else f"{workload.phase}, "
    return f"{workload.runtime}, {phase}{shape}, {workload.dtype}, {threads}"
