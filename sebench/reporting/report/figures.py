"""The pictures of a report, as data; the headline is the latency ratio of each pair under each workload."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sebench.analysis.distribution import Distribution, ProcessDistribution
from sebench.reporting.answers import confidence_text, ratio_text
from sebench.reporting.chart import Axis, Band, Chart, Level, Panel, Point, Series
from sebench.reporting.document import Cell, Column, Figure, Row, Table
from sebench.reporting.ratio_picture import RatioRow, latency_panel, latency_rows, split_place
from sebench.reporting.report.values import PairReport, newest
from sebench.schema import MetricComparison
from sebench.units import UNKNOWN, format_share

_SPREAD = 0.6
"""How much of a process's place on the axis its blocks take up."""
_DECIMALS = 4
_KEY_LENGTH = 60


def figure_key(kind: str, position: int, about: str) -> str:
    """A name for anchors and files, e.g. ``blocks-1-resnet50-se``; `position` counts figures of a kind."""
    words = "-".join(re.findall(r"[a-z0-9]+", about.lower()))
    return f"{kind}-{position}-{words}"[:_KEY_LENGTH].rstrip("-")


# --- what was measured ------------------------------------------------------------------------------------


def blocks_figure(key: str, title: str, found: Distribution, metric: MetricComparison) -> Figure:
    """Every block's ratio by process, with each process's estimate, the headline and its interval."""
    columns = (
        Column("process", "process", "right"),
        Column("blocks", "blocks", "right"),
        Column("dropped", "dropped", "right"),
        Column("estimate", "estimate", "right"),
        Column("lowest", "lowest block", "right"),
        Column("highest", "highest block", "right"),
        Column("outliers", "outliers", "right"),
        Column("autocorrelation", "lag-1", "right"),
    )
    table = Table("Ratios by process", columns, tuple(map(_process_row, found.processes)))
    return Figure(key, title, _blocks_description(found, metric), _blocks_chart(found, metric), table)


def _blocks_chart(found: Distribution, metric: MetricComparison) -> Chart:
    ratio = metric.ratio
    processes = [process for process in found.processes if process.ratios]
    blocks = tuple(
        Point(place + _offset(index, len(process.ratios)), value, _block_label(process, index, value))
        for place, process in enumerate(processes)
        for index, value in enumerate(process.ratios)
    )
    estimates = tuple(
        Point(place, process.estimate, f"process {process.process}: estimate {process.estimate:.4f}")
        for place, process in enumerate(processes)
        if process.estimate is not None
    )
    levels = [Level(1.0, "no difference", dashed=True)]
    if ratio.estimate is not None:
        levels.append(Level(ratio.estimate, "ratio"))
    known = ratio.ci_low is not None and ratio.ci_high is not None
    interval = f"{confidence_text(ratio.confidence)} interval"
    return Chart(
        x=Axis("process", tuple(str(process.process) for process in processes)),
        y=Axis("candidate / baseline"),
        series=(Series("block", "dot", blocks), Series("process estimate", "diamond", estimates)),
        levels=tuple(levels),
        band=Band(ratio.ci_low or 0.0, ratio.ci_high or 0.0, interval) if known else None,
    )


def _offset(index: int, count: int) -> float:
    return 0.0 if count < 2 else _SPREAD * (index / (count - 1) - 0.5)


def _block_label(process: ProcessDistribution, index: int, value: float) -> str:
    return f"process {process.process}, block {index + 1}: {value:.4f}"


def _blocks_description(found: Distribution, metric: MetricComparison) -> str:
    values = [value for process in found.processes for value in process.ratios]
    if not values:
        return "No block is valid; there is nothing to draw."
    estimate, interval = ratio_text(metric.ratio)
    above = sum(value > 1 for value in values)
    return (
        f"One dot per block: {metric.metric} of the candidate over that of the baseline, in the order of "
        "measuring from left to right within each process; one diamond per process. Dashed: no difference; "
        f"solid: the ratio; shaded: its interval. {above} of {len(values)} blocks lie above 1; they range "
        f"from {min(values):.3f} to {max(values):.3f}. The ratio is {estimate or 'unknown'}, "
        f"its interval {interval or 'does not exist'}. Outliers are beyond Tukey's fences and count like all "
        "others; lag-1 is the correlation of neighbouring blocks."
    )


def _process_row(process: ProcessDistribution) -> Row:
    lowest, highest = min(process.ratios, default=None), max(process.ratios, default=None)
    return (
        Cell(str(process.process), process.process),
        Cell(str(len(process.ratios)), len(process.ratios)),
        Cell(str(process.dropped), process.dropped),
        *map(_ratio_cell, (process.estimate, lowest, highest)),
        Cell(str(process.outliers), process.outliers),
        _correlation_cell(process.autocorrelation),
    )


def _correlation_cell(value: float | None) -> Cell:
    return Cell(UNKNOWN) if value is None else Cell(f"{value:+.2f}", value)


def _ratio_cell(value: float | None) -> Cell:
    return Cell(UNKNOWN) if value is None else Cell(f"{value:.{_DECIMALS}f}", value)


# --- where in the network ---------------------------------------------------------------------------------


def stages_figure(key: str, title: str, pair: PairReport, table: Table) -> Figure | None:
    """Which stage holds which share of what attention adds; None where nothing is added."""
    rows = _by_stage(pair)
    wholes = [sum(values) for values in zip(*rows.values(), strict=True)]
    names = ("added params", "added MACs", "added bytes")
    kept = [index for index, whole in enumerate(wholes) if whole > 0]
    if not kept or len(rows) < 2:
        return None
    series = tuple(
        Series(
            names[index],
            "bar",
            tuple(
                Point(
                    place,
                    100 * values[index] / wholes[index],
                    _share_label(stage, names[index], values[index], wholes[index]),
                )
                for place, (stage, values) in enumerate(rows.items())
            ),
        )
        for index in kept
    )
    chart = Chart(
        x=Axis("stage", tuple(stage or "(none)" for stage in rows)),
        y=Axis("share of what is added (%)", from_zero=True),
        series=series,
    )
    return Figure(key, title, _stages_description(rows, wholes), chart, table)


def _by_stage(pair: PairReport) -> dict[str, tuple[int, int, int]]:
    """Added params, MACs and bytes by stage, both directions together."""
    found: dict[str, tuple[int, int, int]] = {}
    for row in pair.stages:
        params, macs, moved = found.get(row.stage, (0, 0, 0))
        found[row.stage] = (
            params + row.attention_params,
            macs + row.added_macs,
            moved + row.added_bytes,
        )
    return found


def _share_label(stage: str, name: str, part: int, whole: int) -> str:
    return f"stage {stage or '(none)'}: {format_share(part, whole)} of the {name}"


def _stages_description(rows: dict[str, tuple[int, int, int]], wholes: Sequence[int]) -> str:
    def largest(index: int) -> str:
        stage, values = max(rows.items(), key=lambda row: row[1][index])
        return f"{stage or '(none)'} ({format_share(values[index], wholes[index])})"

    sentences = [
        f"The largest share of the added {name} lies in stage {largest(index)}."
        for index, name in ((0, "parameters"), (2, "bytes"))
        if wholes[index] > 0
    ]
    return " ".join(("Bars by stage: its share of what the candidate adds to the baseline.", *sentences))


KEY = "ratios"
ROWS = 100
"""Of so many results the ratios are drawn; of more nobody could read the names."""


def headline(pairs: Sequence[PairReport]) -> tuple[str, Panel | None]:
    """What the workloads of all rows have in common, and their ratios; None where there is none."""
    place, rows = split_place(_ratio_rows(newest(pairs, ROWS)))
    panel = latency_panel(rows)
    if panel is not None and len(pairs) > ROWS:
        panel = replace(panel, notes=(*panel.notes, f"Only the {ROWS} results measured last are drawn."))
    return place, panel


def _ratio_rows(pairs: Sequence[PairReport]) -> tuple[RatioRow, ...]:
    """In the order of the pairs; what was measured twice alike is told apart by the time of measurement."""
    dated = [(row, pair.created_at) for pair in pairs for row in latency_rows([pair.comparison])]
    alike = Counter((row.name, row.place) for row, _ in dated)
    return tuple(
        row
        if alike[row.name, row.place] == 1
        else replace(row, name=f"{row.name}, {created_at[:16].replace('T', ' ')}")
        for row, created_at in dated
    )


def ratios_figure(pairs: Sequence[PairReport]) -> Figure | None:
    """All ratios with their intervals, for the head of a report that has several; otherwise None."""
    place, panel = headline(pairs)
    if panel is None or len(panel.chart.y.categories) < 2:
        return None
    description = " ".join(((f"All rows: {place}.",) if place else ()) + panel.notes)
    return Figure(KEY, panel.title, description, panel.chart)
