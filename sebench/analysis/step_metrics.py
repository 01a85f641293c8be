"""Percentiles of single steps, and images per second: what the times of steps say beside their ratio."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sebench import statistics
from sebench.analysis.grading import grade, interval_findings
from sebench.analysis.metrics import interval_of, ratio_of
from sebench.analysis.sampled import READS, differences, log_ratios, log_times, valid_blocks, valid_by_process
from sebench.schema import METRICS, Finding, Measurement, MetricComparison, ProcessRun, Quantity, Ratio, Side

_SIDES: tuple[Side, Side] = ("baseline", "candidate")


@dataclass(frozen=True, slots=True)
class _Steps:
    """All single steps of one process that count, by side."""

    baseline: npt.NDArray[np.float64]
    candidate: npt.NDArray[np.float64]
    blocks: int


def throughput_metric(measurement: Measurement, latency: MetricComparison) -> MetricComparison:
    """Images per second: batch size over latency, so that the ratio is the inverse of the latency's.

    Args:
        measurement: raw samples.
        latency: its row, with a figure.
    """
    images = measurement.workload.batch_size
    candidate = _rate(latency.candidate, images)
    sigma = measurement.sigma_process
    difference = statistics.estimate_difference(
        differences(valid_by_process(measurement), to=lambda step_s: images / step_s),
        confidence=measurement.policy.confidence,
        # sigma is relative: of a rate it is the same share as of a time, in the unit of the rate.
        sigma_process_s=None if sigma is None or candidate.value is None else sigma * candidate.value,
    )
    return MetricComparison(
        metric="throughput",
        unit=METRICS["throughput"].unit,
        exact=False,
        workload=measurement.workload,
        baseline=_rate(latency.baseline, images),
        candidate=candidate,
        difference=interval_of(difference),
        ratio=_inverse(latency.ratio),
        grade=latency.grade,
        reason=latency.reason,
    )


def percentile_metrics(
    measurement: Measurement, machine: Sequence[Finding], findings: Sequence[Finding]
) -> Iterator[MetricComparison]:
    """Percentiles that every process shows: that has enough single steps of both sides.

    No process is left out for having few steps, because it has few where steps are slow.

    Args:
        measurement: raw samples.
        machine: findings of the environment, which the grade depends on.
        findings: those on the latency, on which it depends as well.
    """
    steps = _single_steps(measurement)
    for name, metric in METRICS.items():
        if metric.percent is not None and _suffice(steps, metric.percent):
            yield _percentile_metric(name, metric.percent, measurement, steps, (*machine, *findings))


def process_log_ratios(measurement: Measurement, name: str) -> tuple[float, ...]:
    """One ln(candidate / baseline) per process, of a sampled metric that is read off the times of steps."""
    percent = METRICS[name].percent
    if percent is not None:
        return tuple(math.log(new / old) for old, new in _shown_percentiles(measurement, percent))
    if name == "throughput":
        return tuple(-value for value in process_log_ratios(measurement, "latency"))
    return statistics.process_estimates(log_ratios(valid_by_process(measurement), READS[name]))


def process_log_values(measurement: Measurement, name: str) -> tuple[float, ...]:
    """Logarithm of the candidate's own value per process, in the metric's unit."""
    percent = METRICS[name].percent
    if percent is not None:
        return tuple(math.log(new) for _, new in _shown_percentiles(measurement, percent))
    if name == "throughput":
        images = math.log(measurement.workload.batch_size)
        return tuple(images - value for value in process_log_values(measurement, "latency"))
    return statistics.process_estimates(log_times(valid_by_process(measurement), "candidate", READS[name]))


# --- throughput -----------------------------------------------------------------------------------------


def _rate(time: Quantity, images: int) -> Quantity:
    """The slow quarter of the steps is the low quartile of the rate."""
    value, q1, q3 = (None if each is None else images / each for each in (time.value, time.q3, time.q1))
    return Quantity(value=value, q1=q1, q3=q3, n=time.n)


def _inverse(ratio: Ratio) -> Ratio:
    estimate, low, high = (
        None if each is None else 1 / each for each in (ratio.estimate, ratio.ci_high, ratio.ci_low)
    )
    return Ratio(
        estimate=estimate,
        ci_low=low,
        ci_high=high,
        confidence=ratio.confidence,
        method=ratio.method,
        scope=ratio.scope,
        processes=ratio.processes,
        blocks=ratio.blocks,
    )


# --- percentiles ----------------------------------------------------------------------------------------


def _percentile_metric(
    name: str, percent: int, measurement: Measurement, steps: Sequence[_Steps], findings: Sequence[Finding]
) -> MetricComparison:
    confidence, blocks = measurement.policy.confidence, sum(process.blocks for process in steps)
    pairs = _percentiles(steps, percent)
    estimate = statistics.percentile_ratio(
        [math.log(new / old) for old, new in pairs], confidence=confidence, blocks=blocks
    )
    difference = statistics.percentile_difference(
        [new - old for old, new in pairs], confidence=confidence, blocks=blocks
    )
    baseline, candidate = (_pooled(steps, percent, side) for side in _SIDES)
    return MetricComparison(
        metric=name,
        unit=METRICS[name].unit,
        exact=False,
        workload=measurement.workload,
        baseline=baseline,
        candidate=candidate,
        difference=interval_of(difference),
        ratio=ratio_of(estimate),
        grade=grade(estimate, (*findings, *interval_findings(estimate))),
        reason=estimate.reason,
    )


def _pooled(steps: Sequence[_Steps], percent: int, side: Side) -> Quantity:
    """The percentile of all steps of a side."""
    values = np.concatenate([getattr(process, side) for process in steps])
    return Quantity(value=statistics.percentile(values, percent), n=values.size)


def _percentiles(steps: Sequence[_Steps], percent: int) -> list[tuple[float, float]]:
    """Of each process: the baseline's and the candidate's."""
    return [
        (statistics.percentile(each.baseline, percent), statistics.percentile(each.candidate, percent))
        for each in steps
    ]


def _shown_percentiles(measurement: Measurement, percent: int) -> list[tuple[float, float]]:
    """Likewise; nothing where a process has too few steps."""
    steps = _single_steps(measurement)
    return _percentiles(steps, percent) if _suffice(steps, percent) else []


def _suffice(steps: Sequence[_Steps], percent: int) -> bool:
    needed = statistics.needed_steps(percent)
    return bool(steps) and all(min(each.baseline.size, each.candidate.size) >= needed for each in steps)


def _single_steps(measurement: Measurement) -> list[_Steps]:
    """By process that has blocks that count.

    A process has none where its segments hold means over several steps: an accelerator's steps are not timed
    one by one.
    """
    return [_of_process(run) for run in measurement.processes if valid_blocks(run)]


def _of_process(run: ProcessRun) -> _Steps:
    blocks = valid_blocks(run)
    segments = [segment for block in blocks for segment in block.segments]
    single = all(len(segment.steps_s) == run.steps_per_segment for segment in segments)
    baseline, candidate = (
        np.array([s for segment in segments if single and segment.side == side for s in segment.steps_s])
        for side in _SIDES
    )
    return _Steps(baseline, candidate, len(blocks))
