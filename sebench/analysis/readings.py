"""One metric of a stored result, with what it takes to compare it, and which of another's it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from sebench import statistics
from sebench.analysis.comparison import compare
from sebench.analysis.energy import energy_log_ratios
from sebench.analysis.step_metrics import process_log_ratios, process_log_values
from sebench.errors import DataFileError
from sebench.schema import (
    METRICS,
    WORKLOAD_OPTIONS,
    Difference,
    Measurement,
    MetricComparison,
    Result,
    Workload,
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


@dataclass(frozen=True, slots=True)
class Match:
    """One metric on both sides."""

    before: Reading
    after: Reading
    differences: tuple[Difference, ...] = ()
    """Conditions that the two do not share; empty where they may be compared."""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A metric that one side alone has."""

    reading: Reading
    side: Literal["before", "after"]


def match(before: Sequence[Reading], after: Sequence[Reading]) -> tuple[Match | Unmatched, ...]:
    """Every reading once: by metric, in the order of `after`, then what only `before` has.

    Equal conditions belong together. What is left over of a metric is put beside the left-over reading that
    differs least, so that the reader sees what differs.
    """
    names = dict.fromkeys(reading.metric.metric for reading in (*after, *before))
    return tuple(
        found
        for name in names
        for found in _match_metric(
            [reading for reading in before if reading.metric.metric == name],
            [reading for reading in after if reading.metric.metric == name],
        )
    )


def differences(before: Reading, after: Reading) -> tuple[Difference, ...]:
    """The conditions that two readings do not share."""
    old, new = dict(before.conditions), dict(after.conditions)
    return tuple(
        Difference(field=name, before=old.get(name), after=new.get(name))
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    )


def _match_metric(before: Sequence[Reading], after: Sequence[Reading]) -> Iterator[Match | Unmatched]:
    by_conditions = {reading.conditions: reading for reading in before}
    equal = {reading.conditions for reading in after} & by_conditions.keys()
    left = [reading for reading in before if reading.conditions not in equal]
    for new in after:
        if new.conditions in equal:
            yield Match(by_conditions[new.conditions], new)
        elif left:
            nearest = min(left, key=lambda old: len(differences(old, new)))
            left.remove(nearest)
            yield Match(nearest, new, differences(nearest, new))
        else:
            yield Unmatched(new, "after")
    yield from (Unmatched(old, "before") for old in left)
