"""A report laid out: the answer first, then what it rests on, then how to get it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from sebench.reporting.answers import answers, attention_name, place_text, ratio_text
from sebench.reporting.comparison import NOTHING_COMPARED, comparison_document
from sebench.reporting.comparison_records import comparison_records
from sebench.reporting.counts import count_document
from sebench.reporting.document import (
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
from sebench.reporting.records import Records
from sebench.reporting.report.accuracy import accuracy_section
from sebench.reporting.report.excitation import excitation_rows, excitation_sections
from sebench.reporting.report.figures import blocks_figure, figure_key, ratios_figure
from sebench.reporting.report.provenance import (
    environment_section,
    findings_section,
    method_section,
    reproduction_section,
)
from sebench.reporting.report.stages import stages_section
from sebench.reporting.report.values import ExcitationReport, PairReport, Report, SweepReport, newest
from sebench.reporting.sweep import sweep_section
from sebench.schema import MetricComparison, Workload, unusual_words
from sebench.units import UNKNOWN, format_ratio

NOT_MEASURED = "No latency was measured."
DRAWN = 24
"""So many results are put into words and drawn one by one; nobody looks through many more pictures."""


def report_document(report: Report, change: Document | None = None) -> Document:
    """The cost report, in reading order.

    Args:
        report: One entry per pair; several are summed up in a table first. Sweeps come after the answers,
            gates on images at the end.
        change: What became of these pairs since earlier results; comes before the figures of today.
    """
    pairs, drawn = report.pairs, newest(report.pairs, DRAWN)
    comparisons = [pair.comparison for pair in pairs]
    compared = comparison_document(
        comparisons,
        as_published=[pair.as_published for pair in pairs],
        with_findings=False,
        origins=[pair.origin for pair in pairs],
    )
    sentences = [sentence for pair in drawn for sentence in answers(pair.comparison)]
    has_others = bool(report.sweeps or report.excitations)
    nothing = () if has_others else (NOTHING_COMPARED,)
    return Document(
        title=_title(report),
        body=(
            *(Paragraph(sentence, strong=True) for sentence in sentences or nothing),
            *((Paragraph(_left_out(len(pairs))),) if len(drawn) < len(pairs) else ()),
            *((_summary_section(pairs),) if len(pairs) > 1 else ()),
            *((_change_section(change),) if change else ()),
            *(sweep_section(sweep.name, sweep.rows) for sweep in report.sweeps),
            *(_pair_sections(report, drawn, compared) if pairs or not has_others else ()),
            *excitation_sections(report.excitations),
        ),
        records=partial(_records, report),
    )


def _pair_sections(report: Report, drawn: Sequence[PairReport], compared: Document) -> tuple[Section, ...]:
    """What the results that belong to no sweep say, and rest on."""
    pairs = report.pairs
    counted = count_document(list({cost: None for pair in pairs for cost in pair.costs}))
    return (
        Section("Comparison", compared.tables),
        Section("Static costs", counted.tables, counted.notes),
        stages_section(pairs, drawn),
        Section("What was measured", tuple(_figures(drawn)) or (Paragraph(NOT_MEASURED),)),
        accuracy_section(report),
        environment_section(pairs),
        findings_section(pairs),
        method_section(pairs, compared.notes),
        reproduction_section(pairs),
    )


def _records(report: Report) -> Records:
    """One row per result, workload and metric, those of sweeps last; of gates alone, those of gates."""
    if report.excitations and not (report.pairs or report.sweeps):
        return excitation_rows(report.excitations)
    found = [(pair.comparison, pair.as_published, pair.origin) for pair in report.pairs]
    for sweep in report.sweeps:
        cases = {row.origin: row.comparison for row in sweep.rows if row.origin and row.comparison}
        found += [(case, origin.id in sweep.published, origin) for origin, case in cases.items()]
    return comparison_records(
        [comparison for comparison, _, _ in found],
        as_published=[published for _, published, _ in found],
        origins=[origin for _, _, origin in found],
    )


def _left_out(count: int) -> str:
    return (
        f"Of {count} results, the {DRAWN} measured last are put into words and drawn one by one; the tables "
        "have all of them, and `sebench report ID` draws any one."
    )


def _change_section(change: Document) -> Section:
    body = tuple(part for part in change.body if isinstance(part, Paragraph | Table))
    return Section("Change", body, change.notes)


def _title(report: Report) -> str:
    others = (*_sweeps_title(report.sweeps), *_gates_title(report.excitations))
    if report.pairs or not others:
        return ", ".join((_pairs_title(report.pairs), *others))
    return f"{'Cost report' if report.sweeps else 'Report'}: {', '.join(others)}"


def _sweeps_title(sweeps: Sequence[SweepReport]) -> tuple[str, ...]:
    if len(sweeps) > 1:
        return (f"{len(sweeps)} sweeps",)
    return tuple(f"sweep {sweep.name}" for sweep in sweeps)


def _gates_title(excitations: Sequence[ExcitationReport]) -> tuple[str, ...]:
    labels = dict.fromkeys(report.found.excitation.spec.label for report in excitations)
    return (f"gates of {', '.join(labels)}",) if labels else ()


def _pairs_title(pairs: Sequence[PairReport]) -> str:
    if len(pairs) != 1:
        different = len({pair.pair for pair in pairs})
        results = "" if different == len(pairs) else f", {len(pairs)} results"
        return f"Cost report: {different} pair{'s' * (different != 1)}{results}"
    comparison = pairs[0].comparison
    if comparison.of_two_networks:
        return f"Cost report: {comparison.title}"
    if comparison.baseline == comparison.candidate:
        return f"Cost report: {comparison.model} {comparison.baseline} against itself"
    than = "" if comparison.baseline == "plain" else f" against {attention_name(comparison.baseline)}"
    return f"Cost report: {attention_name(comparison.candidate)} in {comparison.model}{than}"


def _latencies(pair: PairReport) -> tuple[MetricComparison, ...]:
    return tuple(metric for metric in pair.comparison.metrics if metric.metric == "latency")


def _figures(pairs: Sequence[PairReport]) -> Iterator[Figure]:
    position = 0
    for pair in pairs:
        spec, metrics = pair.pair.candidate, _latencies(pair)
        for found, metric in zip(pair.distributions, metrics, strict=True):
            position += 1
            key = figure_key("blocks", position, f"{spec.model} {spec.variant}")
            title = pair.label if len(metrics) == 1 else f"{pair.label}, {place_text(found.workload)}"
            yield blocks_figure(key, title, found, metric)


# --- summary ----------------------------------------------------------------------------------------------

_MEASURED = Column("measured", "measured (UTC)")
_SUMMARY = (
    Column("pair", "pair"),
    Column("workload", "workload"),
    _MEASURED,
    Column("latency_ratio", "latency", "right", detail="[interval]", pinned=True),
    Column("grade", "grade"),
    Column("params_ratio", "params", "right"),
    Column("paper_macs_ratio", "paper GFLOPs", "right"),
    Column("bytes_ratio", "bytes", "right"),
)


def _summary_section(pairs: Sequence[PairReport]) -> Section:
    figure = ratios_figure(pairs)
    return Section("Summary", (*((figure,) if figure else ()), _summary(pairs)))


def _summary(pairs: Sequence[PairReport]) -> Table:
    rows = tuple(_summary_row(pair, metric) for pair in pairs for metric in _latencies(pair) or (None,))
    repeated = len({row[:2] for row in rows}) < len(rows)
    columns = tuple(
        replace(column, role="value" if repeated else "data") if column is _MEASURED else column
        for column in _SUMMARY
    )
    return Table("Ratios, candidate / baseline", columns, rows)


def _summary_row(pair: PairReport, metric: MetricComparison | None) -> Row:
    comparison = pair.comparison
    exact = {m.metric: m.ratio.estimate for m in comparison.metrics if m.exact}
    workload = metric.workload if metric else None
    place = _summary_place(workload) if workload else UNKNOWN
    return (
        text_cell(comparison.title),
        text_cell(place),
        Cell(pair.created_at[:16].replace("T", " "), pair.created_at),
        _latency_cell(metric),
        text_cell((metric and metric.grade) or UNKNOWN),
        *(_exact_cell(exact.get(name)) for name in ("params", "paper_macs", "bytes")),
    )


def _summary_place(workload: Workload) -> str:
    what = (f"{workload.device} {workload.phase}", f"batch {workload.batch_size}", *unusual_words(workload))
    return ", ".join(what)


def _latency_cell(metric: MetricComparison | None) -> Cell:
    if metric is None or metric.ratio.estimate is None:
        return Cell(UNKNOWN)
    estimate, interval = ratio_text(metric.ratio)
    return Cell(estimate, metric.ratio.estimate, interval or "no interval")


def _exact_cell(value: float | None) -> Cell:
    return Cell(UNKNOWN) if value is None else Cell(format_ratio(value), value)
