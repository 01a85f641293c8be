"""One metric of one stored result, with what it takes to compare it with the same metric of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from msgspec.structs import asdict

from sebench import statistics
from sebench.analysis.comparison import compare
from sebench.analysis.sampled import SAMPLED, log_ratios, log_times, valid_by_process
from sebench.errors import DataFileError
from sebench.schema import MetricComparison, Origin, Result, Workload, fingerprint

Conditions = tuple[tuple[str, Any], ...]
"""Names and values of everything that must be equal before two figures of a metric may be compared."""


@dataclass(frozen=True)
class Reading:
    """A metric as one result has it."""

    result: Result
    metric: MetricComparison

    @cached_property
    def workload(self) -> Workload | None:
        """What the figure holds for; None where it was counted per image."""
        if self.metric.metric == "saved_bytes" and self.result.saved:
            return self.result.saved.workload
        return self.metric.workload

    @cached_property
    def conditions(self) -> Conditions:
        """The whole workload, or what a count depends on."""
        if self.workload is not None:
            return tuple(asdict(self.workload).items())
        cost = self.result.candidate_cost
        return (("input_shape", cost.input_shape), ("dtype", cost.dtype), ("phase", cost.phase))

    @cached_property
    def log_ratios(self) -> tuple[float, ...]:
        """Estimate of each process, ln(candidate / baseline); empty for what is not sampled in blocks."""
        blocks = self._blocks
        return statistics.process_estimates(log_ratios(blocks, SAMPLED[self.metric.metric])) if blocks else ()

    @cached_property
    def candidate_log_times(self) -> tuple[float, ...]:
        """Estimate of each process, ln of the candidate's seconds per step; empty likewise."""
        if not (blocks := self._blocks):
            return ()
        return statistics.process_estimates(log_times(blocks, "candidate", SAMPLED[self.metric.metric]))

    @cached_property
    def _blocks(self) -> list[Any]:
        if self.metric.metric not in SAMPLED or self.metric.status != "ok":
            return []
        found = (m for m in self.result.measurements if m.workload == self.metric.workload)
        return [blocks for measurement in found for blocks in valid_by_process(measurement)]


def readings(result: Result) -> Iterator[Reading]:
    """All metrics of one result."""
    return (Reading(result, metric) for metric in compare(result).metrics)


def newest_first(results: Iterable[Result]) -> list[Result]:
    """Results by date of measurement.

    Raises:
        DataFileError: one has no readable date.
    """
    return sorted(results, key=measured_at, reverse=True)


def measured_at(result: Result) -> datetime:
    """When a result was measured, in UTC.

    Raises:
        DataFileError: its date cannot be read.
    """
    try:
        read = datetime.fromisoformat(result.created_at)
    except ValueError as error:
        raise DataFileError(
            f"result {result.id} has no readable date: {result.created_at!r}", hint="measure again"
        ) from error
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def origin(result: Result) -> Origin:
    """What a reader needs to know of where figures come from."""
    git = result.environment.git
    return Origin(
        id=result.id,
        created_at=result.created_at,
        commit=git.get("commit"),
        dirty=git.get("dirty"),
        sebench=result.sebench,
        torch=result.environment.versions.get("torch"),
        fingerprint=fingerprint(result.environment),
    )
