"""A stored result to a comparison: exact metrics from the counts, sampled ones from the raw samples."""

from __future__ import annotations

import statistics as stdlib_statistics
from collections.abc import Callable, Sequence

from sebench import statistics
from sebench.analysis.costs import Totals, totals
from sebench.analysis.grading import grade, latency_findings
from sebench.schema import (
    Block,
    Comparison,
    Finding,
    Interval,
    Measurement,
    MetricComparison,
    ProcessRun,
    Quantity,
    Ratio,
    Result,
    Side,
)

# metric, unit, how to read it off the totals
_STATIC: tuple[tuple[str, str, Callable[[Totals], int]], ...] = (
    ("params", "1", lambda cost: cost.params),
    ("macs", "MAC", lambda cost: cost.macs),
    ("paper_macs", "MAC", lambda cost: cost.paper_macs),
    ("flops", "FLOP", lambda cost: cost.flops),
    ("bytes", "B", lambda cost: cost.moved_bytes),
)


def compare(result: Result) -> Comparison:
    """Everything that can be said about one pair.

    Args:
        result: exact costs and raw samples of the pair.

    Returns:
        One row per metric; sampled metrics carry a ratio with a confidence interval, scope and grade.
    """
    baseline, candidate = totals(result.baseline_cost), totals(result.candidate_cost)
    return Comparison(
        model=result.pair.baseline.model,
        baseline=result.pair.baseline.variant,
        candidate=result.pair.candidate.variant,
        metrics=(
            *_static_metrics(baseline, candidate),
            *(
                _sampled_metric(measurement, result.environment.findings)
                for measurement in result.measurements
            ),
        ),
        uncounted=tuple(dict.fromkeys((*result.baseline_cost.uncounted, *result.candidate_cost.uncounted))),
        findings=result.findings,
    )


def valid_blocks(run: ProcessRun) -> tuple[Block, ...]:
    """The blocks that count: of a process that finished, and free of external interference."""
    return () if run.error else tuple(block for block in run.blocks if not block.invalid)


def valid_by_process(measurement: Measurement) -> list[tuple[Block, ...]]:
    """The blocks that count, grouped by process; processes without any are left out."""
    return [blocks for run in measurement.processes if (blocks := valid_blocks(run))]


def running_headline(measurement: Measurement) -> statistics.Headline | None:
    """The ratio as far as it is known; None before the first valid block."""
    ratios = _log_ratios(valid_by_process(measurement))
    return statistics.headline(ratios, confidence=measurement.policy.confidence) if ratios else None


def _log_ratios(valid: Sequence[Sequence[Block]]) -> list[list[float]]:
    """One log-ratio per block, grouped by process."""
    return [[_block_ratio(block) for block in blocks] for blocks in valid]


def _block_ratio(block: Block) -> float:
    return statistics.block_log_ratio(block.order, _segment_values(block))


def _block_difference(block: Block) -> float:
    return statistics.block_difference(block.order, _segment_values(block))


def _segment_values(block: Block) -> list[float]:
    # The median keeps one preempted step from standing for its segment; it drops no segment.
    return [stdlib_statistics.median(segment.steps_s) for segment in block.segments]


def _static_metrics(baseline: Totals, candidate: Totals) -> list[MetricComparison]:
    return [_exact(metric, unit, read(baseline), read(candidate)) for metric, unit, read in _STATIC]


def _exact(metric: str, unit: str, baseline: int, candidate: int) -> MetricComparison:
    ratio = candidate / baseline if baseline else None
    difference = candidate - baseline
    return MetricComparison(
        metric=metric,
        unit=unit,
        exact=True,
        baseline=Quantity(value=baseline),
        candidate=Quantity(value=candidate),
        difference=Interval(estimate=difference, ci_low=difference, ci_high=difference),
        ratio=Ratio(estimate=ratio, ci_low=ratio, ci_high=ratio, method="exact"),
        grade="A",
        reason=None if baseline else "the baseline is zero, so there is no ratio",
    )


def _sampled_metric(measurement: Measurement, machine: Sequence[Finding]) -> MetricComparison:
    valid = valid_by_process(measurement)
    if not valid:
        return _unavailable(measurement)
    ratios = _log_ratios(valid)
    confidence = measurement.policy.confidence
    headline = statistics.headline(ratios, confidence=confidence)
    difference = statistics.difference_headline(
        [[_block_difference(block) for block in blocks] for blocks in valid], confidence=confidence
    )
    findings = (*measurement.findings, *latency_findings(measurement, valid, ratios, headline))
    return MetricComparison(
        metric=measurement.metric,
        unit=measurement.unit,
        exact=False,
        workload=measurement.workload,
        baseline=_quantity(valid, "baseline"),
        candidate=_quantity(valid, "candidate"),
        difference=Interval(
            estimate=difference.estimate, ci_low=difference.ci_low, ci_high=difference.ci_high
        ),
        ratio=Ratio(
            estimate=headline.ratio,
            ci_low=headline.ci_low,
            ci_high=headline.ci_high,
            confidence=headline.confidence,
            method=headline.method,
            scope=headline.scope,
            processes=headline.processes,
            blocks=headline.blocks,
        ),
        grade=grade(measurement, headline, (*machine, *findings)),
        reason=headline.reason,
        findings=findings,
    )


def _quantity(valid: Sequence[Sequence[Block]], side: Side) -> Quantity:
    steps = [
        step
        for blocks in valid
        for block in blocks
        for segment in block.segments
        if segment.side == side
        for step in segment.steps_s
    ]
    quartiles = statistics.quartiles(steps)
    return Quantity(value=quartiles.median, q1=quartiles.q1, q3=quartiles.q3, n=len(steps))


def _unavailable(measurement: Measurement) -> MetricComparison:
    errors = [run.error for run in measurement.processes if run.error]
    reason = errors[-1] if errors else _nothing_valid(measurement)
    return MetricComparison(
        metric=measurement.metric,
        unit=measurement.unit,
        exact=False,
        workload=measurement.workload,
        baseline=Quantity(value=None),
        candidate=Quantity(value=None),
        difference=Interval(estimate=None),
        ratio=Ratio(estimate=None, method="none"),
        grade="C",
        status="unavailable",
        reason=reason,
        findings=(
            *measurement.findings,
            Finding(code="not-measured", severity="error", message=reason),
        ),
    )


def _nothing_valid(measurement: Measurement) -> str:
    blocks = sum(len(run.blocks) for run in measurement.processes)
    if blocks:
        return f"all {blocks} blocks were disturbed from outside (steal, throttling or clock jumps)"
    return "nothing was measured"
