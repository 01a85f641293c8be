"""One metric of one stored result, with what it takes to compare it with the same metric of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sebench import statistics
from sebench.analysis.comparison import compare
from sebench.analysis.energy import energy_log_ratios
from sebench.analysis.step_metrics import process_log_ratios, process_log_values
from sebench.errors import DataFileError
from sebench.schema import (
    METRICS,
    WORKLOAD_OPTIONS,
    Measurement,
    MetricComparison,
    Origin,
    Result,
    Workload,
    fingerprint,
    moment,
)


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
    def conditions(self) -> tuple[tuple[str, Any], ...]:
        """What must be equal before two figures of the metric may be compared, by name.

        That is the whole workload, or what of it a count depends on.
        """
        if self.workload is not None:
            return tuple((option.field, getattr(self.workload, option.field)) for option in WORKLOAD_OPTIONS)
        cost = self.result.candidate_cost
        if cost is None:
            return ()
        return (("input_shape", cost.input_shape), ("dtype", cost.dtype), ("phase", cost.phase))

    @cached_property
    def log_ratios(self) -> tuple[float, ...]:
        """Estimate of each process, ln(candidate / baseline); empty for what is not sampled in blocks."""
        name = self.metric.metric
        if self.metric.status != "ok":
            return ()
        if METRICS[name].source == "measurements" and not self.metric.exact:
            return tuple(value for timed in self._timed for value in process_log_ratios(timed, name))
        if METRICS[name].source == "energy":
            found = (energy for energy in self.result.energy if energy.workload == self.workload)
            blocks = (process for energy in found for process in energy_log_ratios(energy, name))
            return statistics.process_estimates(list(blocks))
        return ()

    @cached_property
    def candidate_logs(self) -> tuple[float, ...]:
        """Estimate of each process, ln of the candidate's own value; of times of steps alone, else empty."""
        name = self.metric.metric
        if METRICS[name].source != "measurements" or self.metric.exact or self.metric.status != "ok":
            return ()
        return tuple(value for timed in self._timed for value in process_log_values(timed, name))

    @cached_property
    def _timed(self) -> list[Measurement]:
        return [timed for timed in self.result.measurements if timed.workload == self.metric.workload]


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
        return moment(result.created_at)
    except ValueError as error:
        raise DataFileError(
            f"result {result.id} has no readable date: {result.created_at!r}", hint="measure again"
        ) from error


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
