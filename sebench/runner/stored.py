"""Stored results as a listing: which, and the latency ratio of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from sebench.analysis.metrics import unavailable
from sebench.errors import SebenchError
from sebench.schema import (
    Finding,
    LatencySummary,
    ListedResult,
    Measurement,
    Result,
    ResultListing,
)
from sebench.store import Contents, Criterion, Derivation, ResultStore, sources_digest

# Everything a ratio and its grade depend on, and the layout of the value that is kept.
_SOURCES = ("analysis", "statistics", "schema")


def list_results(
    store: ResultStore,
    contents: Contents,
    wanted: Sequence[Criterion] = (),
    *,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda left: None,
) -> ResultListing:
    """The newest results that meet all conditions, each with its latency ratios.

    Args:
        store: where they are.
        contents: of the store.
        wanted: conditions.
        limit: how many at most; None for all.
        progress: told how many ratios are left to work out; they are kept, so mostly there are none.

    Raises:
        DataFileError: a file went while it was listed.
    """
    shown = contents.select(wanted, newest=limit)
    ratios = store.derive(shown, _latency(), latency_summaries, progress=progress)
    return ResultListing(
        directory=str(store.directory),
        results=tuple(
            ListedResult(summary=summary, latency=latency)
            for summary, latency in zip(shown, ratios, strict=True)
        ),
        skipped=contents.skipped,
    )


def latency_summaries(result: Result) -> tuple[LatencySummary, ...]:
    """The latency ratio of each workload of a result; one that cannot be had says why."""
    machine = result.environment.findings
    return tuple(_latency_summary(measurement, machine) for measurement in result.measurements)


def _latency_summary(measurement: Measurement, machine: Sequence[Finding]) -> LatencySummary:
    from sebench.analysis.comparison import latency_metric  # noqa: PLC0415 - slow, and seldom needed

    try:
        metric = latency_metric(measurement, machine)
    except (SebenchError, ArithmeticError, LookupError, ValueError) as error:
        # Samples may be well-formed and yet make no sense; one such file must not end a listing.
        reason = f"the samples are inconsistent: {error}"
        metric = unavailable(measurement.metric, measurement.workload, reason)
    return LatencySummary(
        workload=measurement.workload,
        baseline_s=metric.baseline.value,
        candidate_s=metric.candidate.value,
        ratio=metric.ratio,
        grade=metric.grade,
        status=metric.status,
        reason=metric.reason,
    )


@cache
def _latency() -> Derivation[tuple[LatencySummary, ...]]:
    return Derivation(key="latency", version=sources_digest(*_SOURCES), type=tuple[LatencySummary, ...])
