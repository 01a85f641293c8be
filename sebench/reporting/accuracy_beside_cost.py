"""Accuracy beside latency: what a millisecond buys, with the paper's own figures marked as quoted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sebench.paper.accuracy import quoted_accuracy
from sebench.reporting.accuracy import interval_text, share_text
from sebench.reporting.document import Cell, Column, Row, Table, text_cell
from sebench.schema import Accuracy, Comparison, MetricComparison, NetworkAccuracy, image_text
from sebench.units import significant

_MS = 1e3
_COLUMNS = (
    Column("network", "network", pinned=True),
    Column("weights", "weights", role="data"),
    Column("top1", "top-1", "right", detail="interval"),
    Column("latency_s", "latency (ms)", "right"),
    Column("top1_points_per_ms", "points per ms", "right"),
    Column("quoted_top1", "paper (quoted)", "right"),
)
_NOTES = (
    "points per ms: per cent of images right, over milliseconds per step divided by the images in it",
    "paper (quoted): 100 % minus the single-crop top-1 error that the paper prints; it is not measured here",
)


def network_sides(comparison: Comparison) -> tuple[tuple[str, str | None], tuple[str, str | None]]:
    """Model and variant of both sides; of a network of its own any variant."""
    names = comparison.baseline, comparison.candidate
    if comparison.of_two_networks:
        return (names[0], None), (names[1], None)
    return (comparison.model, names[0]), (comparison.model, names[1])


def accuracy_of(accuracy: Accuracy, side: tuple[str, str | None]) -> NetworkAccuracy | None:
    """What is known of one side of a pair; None where nothing is."""
    model, variant = side
    fitting = (each for each in accuracy.models if each.model == model and variant in (None, each.variant))
    return next(fitting, None)


def beside_cost(
    comparisons: Sequence[Comparison], accuracy: Accuracy, *, as_published: Sequence[bool]
) -> Table:
    """A row for each side of each pair and workload whose latency is known.

    Args:
        comparisons: what was measured.
        accuracy: of the same networks.
        as_published: whether both networks of a pair are as the paper built them; only then it is quoted.
    """
    rows = [
        _row(comparison, metric, place, accuracy, published=published)
        for comparison, published in zip(comparisons, as_published, strict=True)
        for metric in _latencies(comparison)
        for place in (0, 1)
    ]
    return Table(f"accuracy on {accuracy.images.folder}, beside latency", _COLUMNS, tuple(rows), _NOTES)


def accuracy_records(comparison: Comparison, accuracy: Accuracy, *, published: bool) -> list[dict[str, Any]]:
    """The same for the JSON of one pair."""
    keys = [column.key for column in _COLUMNS[1:]]
    found = []
    for metric in _latencies(comparison):
        for place, side in enumerate(("baseline", "candidate")):
            cells = _row(comparison, metric, place, accuracy, published=published)[1:]
            values = dict(zip(keys, (cell.value for cell in cells), strict=True))
            found.append({"side": side, "input": _input(metric), **values})
    return found


def _latencies(comparison: Comparison) -> Iterator[MetricComparison]:
    for metric in comparison.metrics:
        if metric.metric == "latency" and metric.status == "ok" and metric.workload is not None:
            yield metric


def _input(metric: MetricComparison) -> str:
    return "" if metric.workload is None else image_text(metric.workload)


def _row(
    comparison: Comparison, metric: MetricComparison, place: int, accuracy: Accuracy, *, published: bool
) -> Row:
    side = network_sides(comparison)[place]
    known = accuracy_of(accuracy, side)
    share = None if known is None else known.top1
    seconds = (metric.baseline, metric.candidate)[place].value
    batch = 1 if metric.workload is None else metric.workload.batch_size
    quoted = quoted_accuracy(side[0], side[1] or "") if published else None
    right = None if share is None or share.estimate is None else share.estimate
    per_ms = None if right is None or not seconds else 100 * right / (seconds * _MS / batch)
    top1 = None if quoted is None else 1 - quoted.top1_error_percent / 100
    name = side[0] if side[1] is None else f"{side[0]} {side[1]}"
    weights = None if known is None else known.weights
    return (
        text_cell(f"{name} ({weights})" if weights else name),
        Cell(weights or "", weights),
        Cell("-")
        if share is None
        else Cell(share_text(share), right, interval_text(share.ci_low, share.ci_high)),
        Cell("-" if seconds is None else significant(seconds * _MS, 4), seconds),
        Cell("-" if per_ms is None else significant(per_ms, 4), per_ms),
        Cell("" if top1 is None else f"{100 * top1:.2f} %", top1),
    )


def missing(accuracy: Accuracy, sides: Mapping[tuple[str, str], None]) -> str | None:
    """Why a file says nothing of some networks; None where it knows one of them."""
    known = {(each.model, each.variant) for each in accuracy.models}
    if known & sides.keys():
        return None
    listed = ", ".join(f"{model} {variant}" for model, variant in sorted(known))
    return f"it has {listed}"
