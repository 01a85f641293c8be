"""One pair of networks on several machines: where attention costs most, and whether that is shown."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from sebench import statistics
from sebench.analysis.comparison import latency_metric, origin
from sebench.analysis.readings import newest_first
from sebench.analysis.sampled import log_ratios, valid_by_process
from sebench.analysis.set_ups import set_up_names
from sebench.schema import (
    NOTHING_SAID,
    WORKLOAD_OPTIONS,
    Measurement,
    MetricComparison,
    Origin,
    Pair,
    Ratio,
    Result,
    Value,
    Workload,
    WorkloadRequest,
    allows,
    fingerprint,
)

OF_THE_MACHINE = ("device", "threads")
"""What may differ between machines that are compared: the rest of the workload is the same."""
_CONFIDENCE = 0.95
METHOD = "welch-t over processes"
_CALIBRATED = "normal, calibrated between processes"


class MachineRow(Value, frozen=True, kw_only=True):
    """The newest result of one set-up."""

    machine: str
    """The set-up by name."""
    workload: Workload
    """Device and threads are this machine's own."""
    latency: MetricComparison
    origin: Origin
    older: int = 0
    """Further results of the same set-up and workload, which are not looked at."""
    highest_over_this: Ratio | None = None
    """The highest ratio of the table over this one; None of the highest itself. Its confidence is corrected
    for all pairs of machines; limits of None where the two cannot be compared."""
    reason: str | None = None
    """Why they cannot."""

    @property
    def is_shown_lower(self) -> bool:
        """Whether this machine is shown to pay less than the one with the highest ratio."""
        found = self.highest_over_this
        return found is not None and found.ci_low is not None and found.ci_low > 1


class Across(Value, frozen=True, kw_only=True):
    """A pair under one workload on the machines where it was measured."""

    pair: Pair
    rows: tuple[MachineRow, ...]
    """The highest ratio first."""

    @property
    def is_decided(self) -> bool:
        """Whether the first machine is shown to pay more than every other."""
        return len(self.rows) > 1 and all(row.is_shown_lower for row in self.rows[1:])


@dataclass(frozen=True, slots=True)
class _Found:
    result: Result
    measurement: Measurement
    latency: MetricComparison


def across(results: Iterable[Result], *, workloads: WorkloadRequest = NOTHING_SAID) -> tuple[Across, ...]:
    """Pairs and workloads by the machines that measured them.

    Set-ups are told apart by their fingerprints and are never pooled. Of one set-up and workload the newest
    result with a ratio counts.

    Args:
        results: stored ones, of any machines.
        workloads: which to consider.

    Returns:
        One entry per pair and workload, in the order of the newest results; those of one machine too.
    """
    ordered = newest_first(results)
    names = set_up_names(result.environment for result in ordered)
    tables: dict[Hashable, dict[Hashable, list[_Found]]] = {}
    for found in (found for result in ordered for found in _figures(result, workloads)):
        workload = found.measurement.workload
        own = tuple(getattr(workload, name) for name in OF_THE_MACHINE)
        same = (origin(found.result).fingerprint, *own)
        tables.setdefault(_key(found), {}).setdefault(same, []).append(found)
    return tuple(_across(list(machines.values()), names) for machines in tables.values())


def _figures(result: Result, workloads: WorkloadRequest) -> Iterator[_Found]:
    for measurement in result.measurements:
        if allows(workloads, measurement.workload):
            latency = latency_metric(measurement, result.environment.findings)
            if latency.status == "ok" and latency.ratio.estimate:
                yield _Found(result, measurement, latency)


def _key(found: _Found) -> Hashable:
    workload = found.measurement.workload
    shared = (option.field for option in WORKLOAD_OPTIONS if option.field not in OF_THE_MACHINE)
    return (found.result.pair, *(getattr(workload, name) for name in shared))


def _across(machines: Sequence[Sequence[_Found]], names: Mapping[str, str]) -> Across:
    """The machines of one table; of each its results, newest first."""
    highest_first = sorted(machines, key=lambda found: found[0].latency.ratio.estimate or 0.0, reverse=True)
    pairs = len(machines) * (len(machines) - 1) // 2
    confidence = 1 - (1 - _CONFIDENCE) / max(1, pairs)
    highest = highest_first[0][0]
    rows = (
        MachineRow(
            machine=names[fingerprint(found[0].result.environment)],
            workload=found[0].measurement.workload,
            latency=found[0].latency,
            origin=origin(found[0].result),
            older=len(found) - 1,
        )
        for found in highest_first
    )
    return Across(
        pair=highest.result.pair,
        rows=tuple(
            row if found[0] is highest else _compared(row, highest, found[0], confidence)
            for row, found in zip(rows, highest_first, strict=True)
        ),
    )


def _compared(row: MachineRow, highest: _Found, other: _Found, confidence: float) -> MachineRow:
    """The row with the highest ratio over its own: two measurements that know nothing of each other."""
    ratios = [found.latency.ratio for found in (highest, other)]
    limits, method = _limits(highest, other, confidence)
    if limits is not None and "C" in (highest.latency.grade, other.latency.grade):
        limits, method = None, "a grade of C"
    quotient = Ratio(
        estimate=(ratios[0].estimate or math.nan) / (ratios[1].estimate or math.nan),
        ci_low=math.exp(limits.low) if limits else None,
        ci_high=math.exp(limits.high) if limits else None,
        confidence=confidence,
        method=method if limits else "quotient",
        scope="process" if limits else None,
        processes=sum(ratio.processes for ratio in ratios),
        blocks=sum(ratio.blocks for ratio in ratios),
    )
    return replace(row, highest_over_this=quotient, reason=None if limits else method)


def _limits(
    highest: _Found, other: _Found, confidence: float
) -> tuple[statistics.ConfidenceLimits | None, str]:
    """Of the logarithm of the ratio of ratios, and how they were found; or why there are none."""
    blocks = [log_ratios(valid_by_process(found.measurement)) for found in (highest, other)]
    estimates = [statistics.process_estimates(each) for each in blocks]
    if min(map(len, estimates)) > 1:
        return statistics.welch_difference(estimates[1], estimates[0], confidence).limits, METHOD
    evidence = [
        statistics.evidence(each, sigma_process=found.measurement.sigma_process)
        for each, found in zip(blocks, (highest, other), strict=True)
    ]
    if evidence[0] is None or evidence[1] is None:
        return None, "one process, whose interval leaves out variation between processes"
    return statistics.contrast(evidence[0], evidence[1]).limits(confidence), _CALIBRATED
