"""Names of series: the same for the same thing measured again, and different for everything else."""

from __future__ import annotations

from collections.abc import Sequence

from sebench.reporting.counts import spec_text
from sebench.schema import WORKLOAD_OPTIONS, Comparison, MetricComparison, Pair, Result, Workload


def workload_name(workload: Workload) -> str:
    """E.g. ``cpu inference 1x3x224x224 float32, 2 threads``; what is as usual is left out."""
    shape = "x".join(map(str, workload.input_shape))
    threads = f"{workload.threads} thread{'' if workload.threads == 1 else 's'}"
    # First names of fields rather than words: what a series is called must outlive better words for it.
    unusual = [
        f"{option.stored_name}={option.value(workload)}"
        for option in WORKLOAD_OPTIONS
        if not option.always and not option.is_usual(workload)
    ]
    return ", ".join((f"{workload.device} {workload.phase} {shape} {workload.dtype}", threads, *unusual))


def pair_name(pair: Pair) -> str:
    """E.g. ``resnet50 plain -> resnet50 se``, with whatever else sets the networks apart."""
    return f"{spec_text(pair.baseline)} -> {spec_text(pair.candidate)}"


def series_name(comparison: Comparison, metric: MetricComparison) -> str:
    """The pair under the workload of `metric`; what is exact goes with the pair's first workload."""
    pair = f"{comparison.model}: {comparison.baseline} -> {comparison.candidate}"
    workload = metric.workload or next((m.workload for m in comparison.metrics if m.workload), None)
    return f"{pair}, {workload_name(workload)}" if workload else pair


def latest(results: Sequence[Result]) -> tuple[tuple[Result, ...], tuple[Result, ...]]:
    """The results that still say something, and those whose every series was measured again later.

    Returns:
        Both oldest first.
    """
    ordered = sorted(results, key=lambda result: (result.created_at, result.id))
    seen: set[tuple[Pair, Workload | None]] = set()
    kept: list[Result] = []
    superseded: list[Result] = []
    for result in reversed(ordered):
        workloads = [measurement.workload for measurement in result.measurements]
        series = {(result.pair, workload) for workload in workloads or (None,)}
        (superseded if series <= seen else kept).append(result)
        seen |= series
    return tuple(reversed(kept)), tuple(reversed(superseded))
