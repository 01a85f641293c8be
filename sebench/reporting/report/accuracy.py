"""Accuracy as the paper prints it against cost as it was measured here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sebench.analysis.costs import pareto_front
from sebench.paper.accuracy import QuotedAccuracy
from sebench.reporting.answers import attention_name, place_text
from sebench.reporting.chart import Axis, Chart, Point, Series
from sebench.reporting.document import Cell, Column, Figure, Paragraph, Row, Section, Table, text_cell
from sebench.reporting.report.figures import figure_key
from sebench.reporting.report.values import PairReport, Report
from sebench.schema import MetricComparison, Workload
from sebench.units import UNKNOWN, format_count, significant

TITLE = "Accuracy (quoted) against cost (here)"
NOTHING_QUOTED = "The paper prints no accuracy for these networks as they were built and fed here."
QUOTED = "errors: quoted from Hu et al., CVPR 2018, single-crop ImageNet validation; not reproduced here"
BETWEEN_RUNS = "times of different results were taken at different moments: compare within a pair first"
ONLY_THE_LAST = "of networks that were measured several times, only the last result is shown"
_MOST = 50
"""Networks in one figure; of more, each is shown once."""
_MS = 1e3
_MARGIN = 0.25


@dataclass(frozen=True, slots=True)
class _Network:
    """One network of one pair, with its quoted accuracy and its cost here."""

    accuracy: QuotedAccuracy
    latency_s: float | None
    """Median; None where nothing was timed."""
    paper_macs: float
    result: str

    @property
    def name(self) -> str:
        variant = self.accuracy.variant
        return (
            self.accuracy.model if variant == "plain" else f"{self.accuracy.model} {attention_name(variant)}"
        )


def accuracy_section(report: Report) -> Section:
    """One figure and table per workload, over all pairs that are as published."""
    everything = _by_workload(report)
    if not everything:
        return Section(TITLE, (Paragraph(NOTHING_QUOTED),))
    groups = {workload: _at_most(networks) for workload, networks in everything.items()}
    figures = tuple(
        _figure(position, workload, networks)
        for position, (workload, networks) in enumerate(groups.items(), start=1)
    )
    results = {network.result for networks in groups.values() for network in networks}
    notes = dict.fromkeys(
        f"{network.accuracy.source}: {network.accuracy.note}"
        for networks in groups.values()
        for network in networks
        if network.accuracy.note
    )
    further = (
        *((BETWEEN_RUNS,) if len(results) > 1 else ()),
        *((ONLY_THE_LAST,) if groups != everything else ()),
    )
    return Section(TITLE, figures, (QUOTED, *notes, *further))


def _by_workload(report: Report) -> dict[Workload | None, list[_Network]]:
    """Networks by what was timed; None where nothing was, and MACs have to stand for cost."""
    groups: dict[Workload | None, dict[_Network, None]] = {}
    for pair in report.pairs:
        if pair.accuracies:
            timed = tuple(m for m in pair.comparison.metrics if m.metric == "latency" and m.status == "ok")
            for metric in timed or (None,):
                group = groups.setdefault(metric.workload if metric else None, {})
                group |= dict.fromkeys(_networks(pair, metric))
    return {workload: list(networks) for workload, networks in groups.items()}


def _at_most(networks: Sequence[_Network]) -> list[_Network]:
    """All of them, or where they are too many to be told apart, each with its last result."""
    if len(networks) <= _MOST:
        return list(networks)
    return list({(one.accuracy.model, one.accuracy.variant): one for one in networks}.values())


def _networks(pair: PairReport, metric: MetricComparison | None) -> Iterator[_Network]:
    macs = next(m for m in pair.comparison.metrics if m.metric == "paper_macs")
    counted = (macs.baseline, macs.candidate)
    timed = (metric.baseline.value, metric.candidate.value) if metric else (None, None)
    for accuracy, count, latency_s in zip(pair.accuracies, counted, timed, strict=True):
        yield _Network(accuracy, latency_s, float(count.value or 0), pair.result)


def _figure(position: int, workload: Workload | None, networks: Sequence[_Network]) -> Figure:
    cost = "paper GFLOPs, counted" if workload is None else "latency here (ms, median)"
    title = f"Top-1 error against {'counted cost' if workload is None else f'latency {place_text(workload)}'}"
    points = [_point(network, workload) for network in networks]
    front = pareto_front([(point.x, point.y) for point in points])
    chart = Chart(
        x=Axis(cost, limits=_limits([point.x for point in points])),
        y=Axis("top-1 error, quoted (%)", limits=_limits([point.y for point in points])),
        series=(
            Series("not beaten in both (Pareto front)", "line", tuple(points[index] for index in front)),
            Series("plain", "dot", _of(points, networks, plain=True)),
            Series("with attention", "diamond", _of(points, networks, plain=False)),
        ),
    )
    best = ", ".join(networks[index].name for index in front)
    description = (
        f"One mark per network: {cost} to the right, top-1 error as the paper prints it upwards; lower left "
        f"is better. Not beaten in both by another network shown: {best}."
    )
    table = Table("Networks", _COLUMNS, tuple(map(_row, networks)))
    return Figure(
        figure_key("accuracy", position, "" if workload is None else workload.phase),
        title,
        description,
        chart,
        table,
    )


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Room around the marks for their names."""
    low, high = min(values), max(values)
    margin = _MARGIN * (high - low or abs(high) or 1.0)
    return low - margin, high + margin


def _of(points: Sequence[Point], networks: Sequence[_Network], *, plain: bool) -> tuple[Point, ...]:
    return tuple(
        point
        for point, network in zip(points, networks, strict=True)
        if (network.accuracy.variant == "plain") == plain
    )


def _point(network: _Network, workload: Workload | None) -> Point:
    accuracy = network.accuracy
    x = network.paper_macs / 1e9 if network.latency_s is None else network.latency_s * _MS
    unit = "GFLOPs" if workload is None else "ms"
    label = f"{network.name}: {significant(x, 4)} {unit}, {accuracy.top1_error} % ({accuracy.source})"
    return Point(x, accuracy.top1_error_percent, label, network.name)


_COLUMNS = (
    Column("model", "network"),
    Column("variant", "variant"),
    Column("top1_error_percent", "top-1 error (%)", "right", detail="quoted"),
    Column("top5_error_percent", "top-5 error (%)", "right", detail="quoted"),
    Column("source", "printed in"),
    Column("paper_macs", "paper FLOPs", "right", detail="counted"),
    Column("latency_s", "latency (ms)", "right", detail="here"),
)


def _row(network: _Network) -> Row:
    accuracy, latency_s = network.accuracy, network.latency_s
    return (
        text_cell(accuracy.model),
        text_cell(accuracy.variant),
        Cell(accuracy.top1_error, accuracy.top1_error_percent),
        Cell(accuracy.top5_error or UNKNOWN, float(accuracy.top5_error) if accuracy.top5_error else None),
        text_cell(accuracy.source),
        Cell(format_count(network.paper_macs), int(network.paper_macs)),
        Cell(UNKNOWN) if latency_s is None else Cell(significant(latency_s * _MS, 3), latency_s),
    )
