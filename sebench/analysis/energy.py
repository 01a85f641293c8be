"""Energy of a pair as metrics: gross per step and per image, and net of the idle power."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from sebench import statistics
from sebench.analysis.metrics import interval_of, ratio_of, unavailable
from sebench.schema import (
    METRICS,
    EnergyMeasurement,
    EnergyRun,
    EnergyWindow,
    Finding,
    Grade,
    MetricComparison,
    Quantity,
    Side,
)

CONFIDENCE = 0.95
OTHER_CPU_RATIO = 0.05
"""Others that use a twentieth of this process's CPU time move the figure by about as much as SE does."""
_MIN_PROCESSES_FOR_A = 5
_COVERS = {"nvml": "the whole board", "rapl": "the CPU of the whole machine"}
Read = Callable[[EnergyRun, EnergyWindow], float]
"""Joules of one window of a process, per step or per image."""


def energy_metrics(measurement: EnergyMeasurement) -> Iterator[MetricComparison]:
    """Gross energy per step first, which is the headline; then per image and net of idle, where there is any.

    Args:
        measurement: windows of some processes, or the reason why there are none.
    """
    reason = _missing(measurement)
    if reason is not None:
        yield unavailable("energy", measurement.workload, reason)
        return
    findings = tuple(_findings(measurement))
    yield _metric("energy", measurement, findings)
    yield _metric("energy_per_image", measurement)
    if _has_net(measurement):
        yield _metric("net_energy", measurement)


def energy_log_ratios(measurement: EnergyMeasurement, metric: str) -> list[list[float]]:
    """One log-ratio per block of a metric of `energy_metrics`, grouped by process; images cancel out."""
    return _by_block(measurement, _READS[metric](measurement), statistics.block_log_ratio)


def is_measured(measurement: EnergyMeasurement) -> bool:
    """Whether there is energy to compare: windows of processes that all finished, of a counter that moved."""
    return _missing(measurement) is None


def _missing(measurement: EnergyMeasurement) -> str | None:
    errors = [run.error for run in measurement.processes if run.error]
    if measurement.reason or errors:
        return measurement.reason or errors[0]
    windows = [window for run in measurement.processes for window in _windows(run)]
    if not windows:
        return "nothing was measured"
    return None if all(w.energy_joules > 0 for w in windows) else "the energy counter did not move"


def _windows(run: EnergyRun) -> list[EnergyWindow]:
    return [window for block in run.blocks for window in block.windows]


def _gross(run: EnergyRun, window: EnergyWindow) -> float:
    return window.energy_joules / window.steps


def _net(run: EnergyRun, window: EnergyWindow) -> float:
    """0 where the idle power is not known, which no measured energy is."""
    if run.idle_w is None:
        return 0.0
    return (window.energy_joules - run.idle_w * window.duration_s) / window.steps


def _per_image(measurement: EnergyMeasurement) -> Read:
    images = measurement.workload.batch_size
    return lambda run, window: _gross(run, window) / images


_READS: Mapping[str, Callable[[EnergyMeasurement], Read]] = {
    "energy": lambda _: _gross,
    "energy_per_image": _per_image,
    "net_energy": lambda _: _net,
}
"""How the windows of a measurement give a metric."""


def _has_net(measurement: EnergyMeasurement) -> bool:
    return all(_net(run, window) > 0 for run in measurement.processes for window in _windows(run))


def _metric(
    name: str, measurement: EnergyMeasurement, findings: tuple[Finding, ...] = ()
) -> MetricComparison:
    read = _READS[name](measurement)
    ratios = _by_block(measurement, read, statistics.block_log_ratio)
    estimate = statistics.estimate_ratio(ratios, confidence=CONFIDENCE)
    differences = _by_block(measurement, read, statistics.block_difference)
    difference = statistics.estimate_difference(differences, confidence=CONFIDENCE)
    return MetricComparison(
        metric=name,
        unit=METRICS[name].unit,
        exact=False,
        workload=measurement.workload,
        baseline=_quantity(measurement, read, "baseline"),
        candidate=_quantity(measurement, read, "candidate"),
        difference=interval_of(difference),
        ratio=ratio_of(estimate),
        grade=_grade(estimate, measurement),
        reason=estimate.reason,
        findings=findings,
    )


def _by_block(
    measurement: EnergyMeasurement, read: Read, effect: Callable[[str, Sequence[float]], float]
) -> list[list[float]]:
    return [
        [effect(block.order, [read(run, window) for window in block.windows]) for block in run.blocks]
        for run in measurement.processes
    ]


def _quantity(measurement: EnergyMeasurement, read: Read, side: Side) -> Quantity:
    values = [
        read(run, window) for run in measurement.processes for window in _windows(run) if window.side == side
    ]
    found = statistics.quartiles(values)
    return Quantity(value=found.median, q1=found.q1, q3=found.q3, n=len(values))


def _grade(estimate: statistics.RatioEstimate, measurement: EnergyMeasurement) -> Grade:
    if estimate.ci_low is None or _others(measurement) > OTHER_CPU_RATIO:
        return "C"
    repeated = estimate.scope == "process" and estimate.processes >= _MIN_PROCESSES_FOR_A
    return "A" if repeated else "B"


def _others(measurement: EnergyMeasurement) -> float:
    return max((run.other_cpu_ratio or 0.0 for run in measurement.processes), default=0.0)


def _findings(measurement: EnergyMeasurement) -> Iterator[Finding]:
    idle = [run.idle_w for run in measurement.processes if run.idle_w is not None]
    counter = measurement.counter or ""
    listed = f" ({', '.join(measurement.zones)})" if measurement.zones else ""
    power = f"; {statistics.quartiles(idle).median:.1f} W when idle" if idle else ""
    yield Finding(
        code="energy-counter",
        severity="info",
        message=f"energy is that of {_covers(counter)}, read from {counter.upper()}{listed}{power}",
    )
    if not _has_net(measurement):
        yield Finding(
            code="energy-near-idle",
            severity="info",
            message="the steps took no more power than the idle machine: there is no energy net of idle",
        )
    others = _others(measurement)
    if others > OTHER_CPU_RATIO:
        yield Finding(
            code="energy-shared",
            severity="warning",
            message=f"other processes used {100 * others:.0f} % of this one's CPU time, included in it",
            hint="stop other work and measure again",
        )


def _covers(counter: str) -> str:
    names: Mapping[str, str] = _COVERS
    return names.get(counter, "the device")
