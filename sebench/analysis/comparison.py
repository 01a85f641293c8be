"""A stored result to a comparison: exact metrics from the counts, sampled ones from the raw samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from sebench import statistics
from sebench.analysis.costs import Totals, totals
from sebench.analysis.energy import energy_metrics
from sebench.analysis.grading import grade, latency_findings
from sebench.analysis.memory import memory_metrics, saved_by_stage, saved_metric
from sebench.analysis.metrics import interval_of, ratio_of, unavailable
from sebench.analysis.sampled import (
    READS,
    Read,
    differences,
    log_ratios,
    metrics_of,
    valid_by_process,
)
from sebench.analysis.spread import over_processes
from sebench.analysis.step_metrics import percentile_metrics, throughput_metric
from sebench.schema import (
    METRICS,
    Block,
    Comparison,
    Finding,
    Grade,
    Interval,
    Measurement,
    MetricComparison,
    Origin,
    Quantity,
    Ratio,
    Result,
    Side,
    StaticCost,
    fingerprint,
)

_COUNTS: Mapping[str, Callable[[Totals], int]] = {
    "params": lambda cost: cost.params,
    "macs": lambda cost: cost.macs,
    "paper_macs": lambda cost: cost.paper_macs,
    "flops": lambda cost: cost.flops,
    "bytes": lambda cost: cost.moved_bytes,
}
"""How the totals of a network give a metric."""


def compare(result: Result) -> Comparison:
    """Everything that can be said about one pair.

    Args:
        result: exact costs and raw samples of the pair.

    Returns:
        One row per metric; sampled metrics carry a ratio with a confidence interval, scope and grade.
    """
    costs = [cost for cost in (result.baseline_cost, result.candidate_cost) if cost is not None]
    machine = result.environment.findings
    # Workloads are measured one after the other: an interruption is one of the last.
    whole, last = result.measurements[:-1], result.measurements[-1:]
    interruptions = tuple(finding for finding in result.findings if finding.code == "interrupted")
    comparison = Comparison(
        model=result.pair.model,
        baseline=result.pair.baseline_name,
        candidate=result.pair.candidate_name,
        metrics=(
            *_static_metrics(result),
            *(metric for measurement in whole for metric in _sampled_metrics(measurement, machine)),
            *(
                metric
                for measurement in last
                for metric in _sampled_metrics(measurement, (*machine, *interruptions))
            ),
            *((saved_metric(result.saved),) if result.saved else ()),
            *(metric for measurement in result.memory for metric in memory_metrics(measurement)),
            *(metric for measurement in result.energy for metric in energy_metrics(measurement)),
        ),
        saved_by_stage=saved_by_stage(result.saved) if result.saved else (),
        uncounted=tuple(dict.fromkeys(op for cost in costs for op in cost.uncounted)),
        findings=result.findings,
    )
    return _without_advice(comparison) if comparison.is_interrupted else comparison


def _without_advice(comparison: Comparison) -> Comparison:
    """What to do about too few samples is known to whoever has interrupted the measurement."""
    metrics = tuple(
        replace(
            metric,
            findings=tuple(
                replace(finding, hint=None) if finding.code in _OF_TOO_LITTLE else finding
                for finding in metric.findings
            ),
        )
        for metric in comparison.metrics
    )
    return replace(comparison, metrics=metrics)


_OF_TOO_LITTLE = frozenset({"no-interval", "too-noisy", "fewer-processes", "within-process"})


def latency_metric(measurement: Measurement, machine: Sequence[Finding]) -> MetricComparison:
    """The first row that `compare` gives for a measurement, without working out the others.

    Args:
        measurement: raw samples.
        machine: findings of the environment, which the grade depends on.
    """
    return next(_sampled_metrics(measurement, machine))


def exact_ratios(costs: Mapping[Side, StaticCost]) -> dict[str, float]:
    """Candidate / baseline of every count, by metric; without those that are 0 in the baseline.

    Args:
        costs: by side; with one of them there is no ratio.
    """
    if len(costs) < 2:
        return {}
    baseline, candidate = totals(costs["baseline"]), totals(costs["candidate"])
    return {name: read(candidate) / read(baseline) for name, read in _COUNTS.items() if read(baseline)}


def running_ratio(measurement: Measurement) -> statistics.RatioEstimate | None:
    """The ratio as far as it is known; None before the first valid block."""
    ratios = log_ratios(valid_by_process(measurement))
    return statistics.estimate_ratio(ratios, confidence=measurement.policy.confidence) if ratios else None


def _static_metrics(result: Result) -> list[MetricComparison]:
    if result.baseline_cost is None or result.candidate_cost is None:
        return list(_not_counted(result))
    baseline, candidate = totals(result.baseline_cost), totals(result.candidate_cost)
    return [_exact(metric, read(baseline), read(candidate)) for metric, read in _COUNTS.items()]


def _not_counted(result: Result) -> Iterator[MetricComparison]:
    """Rows of a pair of which at most one side could be counted."""
    reason = "; ".join(dict.fromkeys(result.not_counted.values())) or "it was not counted"
    known = [None if cost is None else totals(cost) for cost in (result.baseline_cost, result.candidate_cost)]
    for name, read in _COUNTS.items():
        baseline, candidate = (Quantity(value=None if side is None else read(side)) for side in known)
        missing = unavailable(name, None, reason)
        yield replace(missing, baseline=baseline, candidate=candidate)


def _exact(metric: str, baseline: int, candidate: int) -> MetricComparison:
    ratio = candidate / baseline if baseline else None
    difference = candidate - baseline
    return MetricComparison(
        metric=metric,
        unit=METRICS[metric].unit,
        exact=True,
        baseline=Quantity(value=baseline),
        candidate=Quantity(value=candidate),
        difference=Interval(estimate=difference, ci_low=difference, ci_high=difference),
        ratio=Ratio(estimate=ratio, ci_low=ratio, ci_high=ratio, method="exact"),
        grade="A",
        reason=None if baseline else "the baseline is zero, so there is no ratio",
    )


def _sampled_metrics(measurement: Measurement, machine: Sequence[Finding]) -> Iterator[MetricComparison]:
    """The headline with its findings, then what else the same samples tell."""
    valid = valid_by_process(measurement)
    if not valid:
        yield _unavailable(measurement)
        return
    ratios = log_ratios(valid)
    estimate = statistics.estimate_ratio(
        ratios, confidence=measurement.policy.confidence, sigma_process=measurement.sigma_process
    )
    over = over_processes(measurement, estimate)
    findings = (*measurement.findings, *latency_findings(measurement, valid, ratios, estimate, over))
    graded = grade(estimate, (*machine, *findings))
    latency = replace(
        _sampled_metric("latency", measurement, valid, graded), findings=findings, over_processes=over
    )
    yield latency
    for name in metrics_of(valid):
        if name != "latency":
            yield _sampled_metric(name, measurement, valid, graded)
    yield throughput_metric(measurement, latency)
    yield from percentile_metrics(measurement, machine, findings)
    yield from _gradient_metric(measurement)


def _gradient_metric(measurement: Measurement) -> Iterator[MetricComparison]:
    """What data-parallel ranks average in a step; nothing where there is one rank."""
    for found in [run.gradient_bytes for run in measurement.processes if run.gradient_bytes][:1]:
        metric = _exact("gradient_bytes", found["baseline"], found["candidate"])
        yield replace(metric, workload=measurement.workload)


def _sampled_metric(
    name: str, measurement: Measurement, valid: Sequence[Sequence[Block]], graded: Grade
) -> MetricComparison:
    read, confidence, sigma = READS[name], measurement.policy.confidence, measurement.sigma_process
    candidate = _quantity(valid, read, "candidate")
    estimate = statistics.estimate_ratio(log_ratios(valid, read), confidence=confidence, sigma_process=sigma)
    difference = statistics.estimate_difference(
        differences(valid, read),
        confidence=confidence,
        # d(B - A) = B d(ln B/A)
        sigma_process_s=None if sigma is None or candidate.value is None else sigma * candidate.value,
    )
    return MetricComparison(
        metric=name,
        unit=METRICS[name].unit,
        exact=False,
        workload=measurement.workload,
        baseline=_quantity(valid, read, "baseline"),
        candidate=candidate,
        difference=interval_of(difference),
        ratio=ratio_of(estimate),
        grade=graded,
        reason=estimate.reason,
    )


def _quantity(valid: Sequence[Sequence[Block]], read: Read, side: Side) -> Quantity:
    values = [
        value
        for blocks in valid
        for block in blocks
        for segment in block.segments
        if segment.side == side
        for value in read(segment)
    ]
    quartiles = statistics.quartiles(values)
    return Quantity(value=quartiles.median, q1=quartiles.q1, q3=quartiles.q3, n=len(values))


def _unavailable(measurement: Measurement) -> MetricComparison:
    errors = [run.error for run in measurement.processes if run.error]
    errors += [_text(finding) for finding in measurement.findings if finding.severity == "error"]
    reason = errors[0] if errors else _nothing_valid(measurement)
    missing = Finding(code="not-measured", severity="error", message=reason)
    return unavailable(
        measurement.metric,
        measurement.workload,
        reason,
        (*measurement.findings, missing),
    )


def _text(finding: Finding) -> str:
    return f"{finding.message}; {finding.hint}" if finding.hint else finding.message


def _nothing_valid(measurement: Measurement) -> str:
    blocks = sum(len(run.blocks) for run in measurement.processes)
    if blocks:
        return f"all {blocks} blocks were disturbed from outside (steal, throttling or clock jumps)"
    return "nothing was measured"


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
