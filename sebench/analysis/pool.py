"""All samples that answer one question: of one workload, of every attempt, by fresh process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from msgspec import structs

from sebench import statistics
from sebench.analysis.energy import energy_log_ratios, energy_metrics, is_measured
from sebench.analysis.grading import disqualifying, grade, latency_findings
from sebench.analysis.metrics import ratio_of
from sebench.analysis.sampled import (
    READS,
    log_ratios,
    log_times,
    valid_by_process,
    worst_cases,
)
from sebench.schema import (
    METRICS,
    Block,
    EnergyMeasurement,
    Finding,
    Grade,
    Measurement,
    Ratio,
    Result,
    Workload,
)

T = TypeVar("T", Measurement, EnergyMeasurement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What all attempts together measured of one metric, without processes whose samples do not count."""

    workload: Workload
    """As it was measured: a batch that did not fit is emulated by smaller ones."""
    log_ratios: tuple[tuple[float, ...], ...]
    """One per block, by fresh process."""
    log_times: tuple[tuple[float, ...], ...] = ()
    """Logarithm of the candidate's own seconds, likewise; empty for energy."""
    worst_cases: tuple[float, ...] = ()
    """`sebench.statistics.worst_case` of each fresh process; none of energy, which others may add to."""
    sigma_process: float | None = None
    """Calibrated standard deviation between fresh processes, as known at the latest measurement."""
    ratio: Ratio
    grade: Grade
    """Of all samples together."""
    findings: tuple[Finding, ...]
    """About them, as `sebench.analysis.comparison.compare` has them about one measurement."""
    disqualifying: tuple[Finding, ...]
    """Those for which the grade is C."""
    latest: Result
    """The last result that samples came from."""

    @property
    def processes(self) -> int:
        """Fresh processes with samples."""
        return len(self.log_ratios)

    @property
    def evidence(self) -> statistics.Evidence | None:
        """None where variation between processes is unknown."""
        return statistics.evidence(self.log_ratios, sigma_process=self.sigma_process)


def pool(results: Sequence[Result], metric: str, workload: Workload) -> Pool | None:
    """The samples of `metric`; those of an emulated batch are not pooled with those of a native one.

    Which of the two: as the latest measurement with samples ran it. One without any, because its time was
    spent or its worker did not start, says nothing about that.

    Args:
        results: of one pair and set-up, oldest first.
        metric: one that a limit on samples may be set on.
        workload: as it was asked for.

    Returns:
        None where there are no samples.
    """
    of_energy = METRICS[metric].source == "energy"
    return _energy(results, workload) if of_energy else _timed(results, metric, workload)


def is_same_load(found: Workload, asked: Workload) -> bool:
    """Equal, but for micro-batches, which the measurement chose for both sides alike."""
    return found == asked or (found.emulated and structs.replace(found, micro_batch_size=None) == asked)


def _timed(results: Sequence[Result], metric: str, workload: Workload) -> Pool | None:
    read = READS[metric]
    found = _of_latest_load(
        ((result, measurement) for result in results for measurement in result.measurements),
        workload,
        lambda measurement: bool(_with_metric(measurement, metric)),
    )
    if not found:
        return None
    latest, last = found[-1]
    sigma = _sigma_process(results, last.workload)
    # One measurement with the processes of all runs, graded as a whole: the verdict rests on all of them.
    whole = structs.replace(
        last,
        processes=tuple(chain.from_iterable(each.processes for _, each in found)),
        findings=_unique(each.findings for _, each in found),
        sigma_process=sigma,
    )
    findings, graded, doubts = _judged(whole, _unique(result.environment.findings for result, _ in found))
    blocks = _with_metric(whole, metric)
    ratios = log_ratios(blocks, read)
    return Pool(
        workload=whole.workload,
        log_ratios=tuple(map(tuple, ratios)),
        log_times=tuple(map(tuple, log_times(blocks, "candidate", read))),
        worst_cases=tuple(worst_cases(blocks, read)),
        sigma_process=sigma,
        ratio=ratio_of(statistics.estimate_ratio(ratios, sigma_process=sigma)),
        grade=graded,
        findings=findings,
        disqualifying=doubts,
        latest=latest,
    )


def _judged(
    whole: Measurement, machine: Iterable[Finding]
) -> tuple[tuple[Finding, ...], Grade, tuple[Finding, ...]]:
    """Findings, grade, and what makes it C; by the latency, whose samples all other times are parts of."""
    valid = valid_by_process(whole)
    ratios = log_ratios(valid)
    estimate = statistics.estimate_ratio(ratios, sigma_process=whole.sigma_process)
    findings = (*whole.findings, *latency_findings(whole, valid, ratios, estimate))
    everything = (*machine, *findings)
    return findings, grade(estimate, everything), disqualifying(everything)


def _energy(results: Sequence[Result], workload: Workload) -> Pool | None:
    found = _of_latest_load(
        ((result, measurement) for result in results for measurement in result.energy), workload, is_measured
    )
    if not found:
        return None
    latest, last = found[-1]
    whole = structs.replace(last, processes=tuple(chain.from_iterable(each.processes for _, each in found)))
    metric = next(energy_metrics(whole))
    return Pool(
        workload=whole.workload,
        log_ratios=tuple(map(tuple, filter(None, energy_log_ratios(whole, "energy")))),
        ratio=metric.ratio,
        grade=metric.grade or "C",
        findings=metric.findings,
        disqualifying=tuple(finding for finding in metric.findings if finding.severity == "warning"),
        latest=latest,
    )


def _of_latest_load(
    measurements: Iterable[tuple[Result, T]], asked: Workload, has_samples: Callable[[T], bool]
) -> list[tuple[Result, T]]:
    found = [
        (result, measurement)
        for result, measurement in measurements
        if is_same_load(measurement.workload, asked) and has_samples(measurement)
    ]
    return [each for each in found if each[1].workload == found[-1][1].workload]


def _with_metric(measurement: Measurement, metric: str) -> list[tuple[Block, ...]]:
    """The blocks that count, by fresh process; only of processes that have the metric."""
    read = READS[metric]
    return [
        blocks
        for blocks in valid_by_process(measurement)
        if all(read(segment) for block in blocks for segment in block.segments)
    ]


def _sigma_process(results: Sequence[Result], workload: Workload) -> float | None:
    known = [
        measurement.sigma_process
        for result in results
        for measurement in result.measurements
        if measurement.workload == workload and measurement.sigma_process is not None
    ]
    return known[-1] if known else None


def _unique(groups: Iterable[Iterable[Finding]]) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(groups)))
