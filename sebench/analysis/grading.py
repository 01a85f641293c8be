"""How far a measured ratio can be trusted: checks on its samples, and the grade that sums them up."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from sebench import statistics
from sebench.analysis.sampled import side_values
from sebench.schema import Block, Finding, Grade, Measurement, OverProcesses, Side
from sebench.units import number_of

# docs/method.md, "Checks and grades"; reports/grades.md has how often the intervals of each grade miss.
NARROW_RATIO = 0.02
TOO_NOISY_RATIO = 0.05
MIN_PROCESSES_FOR_A = 5
# Processes that agree twice as well as their blocks allow do so by chance; the interval is then too narrow.
LUCKY_AGREEMENT = 0.5
MAX_INVALID_RATIO = 0.20
# Work of one thread for 4 ms. On shared machines it varies by 20 % while the ratio does not: it is told, and
# grades nothing.
CANARY_VARIES = 0.05
# A side whose CPU was away for more than a tenth of the time was not running alone.
MIN_CPU_RATIO = 0.90
MIN_TIMER_TICKS = 1000
# Submitting a step takes this part of it or more: the device waits for the host.
LAUNCH_BOUND_RATIO = 0.95

_DISQUALIFYING = frozenset(
    {"not-steady", "no-interval", "too-noisy", "one-sided", "blocks-dropped-many", "interrupted"}
)


def grade(estimate: statistics.RatioEstimate, findings: Iterable[Finding]) -> Grade:
    """A: a narrow interval over fresh processes and no warning; B: usable; C: not to be relied on.

    Args:
        estimate: the ratio with its interval.
        findings: what `latency_findings` and the machine have to say about them.
    """
    findings = tuple(findings)
    codes = {finding.code for finding in findings if finding.severity != "info"}
    if disqualifying(findings) or estimate.ci_low is None:
        return "C"
    narrow = (_half_width(estimate) or 0.0) <= NARROW_RATIO
    narrow = narrow and not any(finding.code == "narrow-by-chance" for finding in findings)
    repeated = estimate.scope == "process" and estimate.processes >= MIN_PROCESSES_FOR_A
    return "A" if narrow and repeated and not codes else "B"


def disqualifying(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that make the grade C."""
    return tuple(f for f in findings if f.severity != "info" and f.code in _DISQUALIFYING)


def canary_variation(measurement: Measurement) -> float | None:
    """Coefficient of variation of the fixed work done once per block; None below two blocks.

    Within a process, then the median over processes: the canary is Python code, whose speed differs a
    little between processes for reasons that are not the machine's.
    """
    variations = [
        statistics.coefficient_of_variation([block.canary_s for block in run.blocks])
        for run in measurement.processes
        if len(run.blocks) > 1
    ]
    return statistics.quartiles(variations).median if variations else None


def latency_findings(
    measurement: Measurement,
    valid: Sequence[Sequence[Block]],
    log_ratios: Sequence[Sequence[float]],
    estimate: statistics.RatioEstimate,
    over: OverProcesses | None = None,
) -> tuple[Finding, ...]:
    """Everything about the samples that a reader of the ratio should know.

    Args:
        measurement: the raw samples.
        valid: the blocks that count, by process.
        log_ratios: one per valid block, by process.
        estimate: their ratio.
        over: what its interval becomes with what is known of other processes.
    """
    blocks = [block for process in valid for block in process]
    checks: tuple[Iterator[Finding], ...] = (
        interval_findings(estimate, over),
        _luck(log_ratios, estimate),
        _dropped(measurement),
        _steadiness(log_ratios),
        _one_sided(valid),
        _order(measurement, blocks, log_ratios),
        _speed(blocks, log_ratios),
        _agreement(blocks, log_ratios, estimate),
        _canary(measurement),
        _resolution(blocks),
        *((_preemption(blocks),) if measurement.workload.device == "cpu" else (_accelerator(blocks),)),
        _compile_times(measurement),
        _quantization(measurement),
    )
    return tuple(finding for check in checks for finding in check)


def interval_findings(
    estimate: statistics.RatioEstimate, over: OverProcesses | None = None
) -> Iterator[Finding]:
    """What a reader should know of an interval: that there is none, how wide it is, what it holds for.

    Args:
        estimate: with or without one.
        over: what it becomes with what is known of other processes.
    """
    if estimate.ci_low is None or estimate.ci_high is None or estimate.ratio is None:
        hint = "measure longer: --effort standard, or a larger --budget"
        yield _warning("no-interval", f"too few blocks: {estimate.reason or 'no interval'}", hint)
        return
    if estimate.ci_low == estimate.ci_high:
        yield _warning("zero-width", "all blocks gave exactly the same ratio: check the clock")
    half_width = _half_width(estimate)
    if half_width is not None and half_width > TOO_NOISY_RATIO:
        message = f"too noisy: the interval reaches {half_width * 100:.1f} % to either side of the ratio"
        yield _warning("too-noisy", message, "reduce other load on the machine, or use --effort rigorous")
    if estimate.scope == "within-process" and not estimate.includes_processes:
        teaches = "" if over else "; it also teaches later quick runs how much that is"
        yield Finding(
            code="within-process",
            severity="info",
            message=f"one process only: {_beyond(over)}",
            hint=f"use --effort standard for an interval over processes{teaches}",
        )


def _beyond(over: OverProcesses | None) -> str:
    """What the interval of one process leaves out."""
    if over is None:
        return "the interval leaves out variation between processes (memory layout)"
    whose = "of this network" if over.same_network else "of other networks on this set-up"
    differ = (
        f"differ by a further {over.sigma_process * 100:.1f} %"
        if over.sigma_process
        else "differ by no more than their blocks explain"
    )
    source = f"SD, from {number_of(over.runs, 'run')}, {number_of(over.processes, 'process')}"
    return (
        f"fresh processes {whose} {differ} ({source}); "
        f"with that, the interval is [{over.ci_low:.3f}, {over.ci_high:.3f}]"
    )


def _luck(log_ratios: Sequence[Sequence[float]], estimate: statistics.RatioEstimate) -> Iterator[Finding]:
    agreement = statistics.agreement(log_ratios) if estimate.scope == "process" else None
    if agreement is not None and agreement < LUCKY_AGREEMENT:
        message = (
            f"the processes vary less than their blocks suggest ({agreement:.1f} of the expected spread): "
            "the interval may be too narrow by chance"
        )
        hint = "measure again, or use --effort rigorous"
        yield Finding(code="narrow-by-chance", severity="info", message=message, hint=hint)


def _half_width(estimate: statistics.RatioEstimate) -> float | None:
    """Of the interval, relative to the ratio; None where there is none."""
    if estimate.ci_low is None or estimate.ci_high is None or estimate.ratio is None:
        return None
    return (estimate.ci_high - estimate.ci_low) / 2 / estimate.ratio


def _dropped(measurement: Measurement) -> Iterator[Finding]:
    blocks = [block for run in measurement.processes for block in run.blocks]
    invalid = [block for block in blocks if block.invalid]
    if not invalid:
        return
    reasons = sorted({reason for block in invalid for reason in block.invalid})
    message = f"{len(invalid)} of {len(blocks)} blocks were excluded as disturbed: {', '.join(reasons)}"
    many = len(invalid) > MAX_INVALID_RATIO * len(blocks)
    yield _warning("blocks-dropped-many" if many else "blocks-dropped", message, "see 'sebench env'")


def _steadiness(log_ratios: Sequence[Sequence[float]]) -> Iterator[Finding]:
    drift = statistics.half_drift(log_ratios)
    if drift is not None and drift.significant:
        message = (
            f"the ratio drifted by {drift.difference * 100:+.2f} % between the halves of the measurement"
        )
        yield _warning("not-steady", message, "let the machine reach a steady state and measure again")


def _one_sided(valid: Sequence[Sequence[Block]]) -> Iterator[Finding]:
    sides = [[side_values(blocks, side) for blocks in valid] for side in _SIDES]
    excess = statistics.unrest_difference(*sides)
    if excess is not None and excess.significant:
        side = "candidate" if excess.difference > 0 else "baseline"
        message = (
            f"the steps of the {side} vary more than those of the other side, by "
            f"{abs(excess.difference) * 100:.0f} points between quartiles: only one side is disturbed"
        )
        yield _warning("one-sided", message, "reduce other load on the machine and measure again")


def _order(
    measurement: Measurement, blocks: Sequence[Block], log_ratios: Sequence[Sequence[float]]
) -> Iterator[Finding]:
    """What one side does to the other: in the order of the blocks, or to the first step after it."""
    if not any(run.discard_steps for run in measurement.processes if run.blocks):
        yield from _carry_over(blocks)
        return
    effect = statistics.order_effect(
        [block.order for block in blocks], [value for process in log_ratios for value in process]
    )
    if effect is not None and effect.significant:
        message = (
            f"ABBA and BAAB blocks differ by {effect.difference * 100:+.2f} %: one side disturbs the other"
        )
        yield _warning("order-effect", message)


def _carry_over(blocks: Sequence[Block]) -> Iterator[Finding]:
    """The two segments in the middle of a block are of one side: the first follows the other side's steps."""
    after_change: dict[str, list[float]] = {"baseline": [], "candidate": []}
    for block in blocks:
        first, second = block.segments[1:3]
        # Of three steps or more the median leaves out the first.
        if len(first.steps_s) < 3:
            change = math.log(first.steps_s[0] / second.steps_s[0]) / len(first.steps_s)
            after_change[first.side].append(change)
    if not min(map(len, after_change.values())):
        return
    moved = statistics.carry_over(after_change["baseline"], after_change["candidate"])
    if moved is not None and moved.significant:
        message = (
            "the first step after a change of side takes longer on one side than on the other,"
            f" which moves the ratio by about {moved.difference * 100:+.2f} %"
        )
        hint = "measure again: a warm-up that shows it leaves such steps out"
        yield _warning("carry-over", message, hint)


def _speed(blocks: Sequence[Block], log_ratios: Sequence[Sequence[float]]) -> Iterator[Finding]:
    levels = [
        sum(math.log(sum(segment.steps_s)) for segment in block.segments) / len(block.segments)
        for block in blocks
    ]
    ratios = [value for process in log_ratios for value in process]
    effect = statistics.speed_effect(ratios, levels) if ratios else None
    if effect is None or not effect.significant:
        return
    more = "more" if effect.difference > 0 else "less"
    yield Finding(
        code="speed-dependent",
        severity="info",
        message=(
            f"the candidate costs {abs(effect.difference) * 100:.1f} % {more} while the machine is slow:"
            " the ratio is that of both states, in the shares in which they were met"
        ),
        hint="measure when the machine is free, or on one without neighbours",
    )


def _agreement(
    blocks: Sequence[Block], log_ratios: Sequence[Sequence[float]], estimate: statistics.RatioEstimate
) -> Iterator[Finding]:
    checks = statistics.cross_checks(
        log_ratios, side_values(blocks, "baseline"), side_values(blocks, "candidate")
    )
    if statistics.estimators_disagree(estimate, checks):
        yield Finding(
            code="estimators-disagree",
            severity="info",
            message=(
                f"other estimates lie outside the interval: pooled {checks.pooled_hodges_lehmann:.4f}, "
                f"medians {checks.ratio_of_medians:.4f}, minima {checks.ratio_of_minima:.4f}"
            ),
        )


def _canary(measurement: Measurement) -> Iterator[Finding]:
    variation = canary_variation(measurement)
    if variation is not None and variation >= CANARY_VARIES:
        yield Finding(
            code="canary-unstable",
            severity="info",
            message=f"a fixed single-thread task timed between the blocks varied by {variation * 100:.1f} %",
            hint="absolute times vary as much; see 'sebench env'",
        )


def _resolution(blocks: Sequence[Block]) -> Iterator[Finding]:
    tick_s = time.get_clock_info("perf_counter").resolution
    shortest_s = min(sum(segment.steps_s) for block in blocks for segment in block.segments)
    if shortest_s < MIN_TIMER_TICKS * tick_s:
        yield _warning(
            "timer-coarse", f"a segment took {shortest_s:.2g} s, the timer ticks every {tick_s:.2g} s"
        )


def _preemption(blocks: Sequence[Block]) -> Iterator[Finding]:
    ratios = [block.cpu_ratio for block in blocks if block.cpu_ratio is not None]
    if ratios and (median := statistics.quartiles(ratios).median) < MIN_CPU_RATIO:
        yield Finding(
            code="cpu-not-used",
            severity="info",
            message=f"the threads were on a CPU for {median * 100:.0f} % of the time",
            hint="fewer --threads, or a network too small for them",
        )


def _accelerator(blocks: Sequence[Block]) -> Iterator[Finding]:
    segments = [segment for block in blocks for segment in block.segments]
    bound = [s for s in segments if s.submit_s and s.submit_s > LAUNCH_BOUND_RATIO * max(s.steps_s)]
    if 2 * len(bound) > len(segments):
        yield Finding(
            code="launch-bound",
            severity="info",
            message="launching a step takes as long as the step: the host is the bottleneck, not the device",
            hint="a larger batch, --runtime compile or --runtime cudagraph",
        )
    states = [state for block in blocks for state in block.device_states]
    if any(state.other_processes for state in states):
        yield _warning("device-shared", "other processes used the device", "measure when it is free")
    if any("power-cap" in state.slowdowns for state in states):
        yield Finding(
            code="power-capped",
            severity="info",
            message="the power limit reduced the clocks, because of the workload itself",
        )


def _quantization(measurement: Measurement) -> Iterator[Finding]:
    """How far quantization went, and which operations the candidate has in float beyond the baseline's."""
    made = measurement.quantized
    if not made:
        return
    told = [
        f"{each.int8_convolutions} of {each.convolutions} convolutions of the {side} in int8,"
        f" {each.difference_from_eager:.2g} of the largest output off float32"
        for side, each in made.items()
    ]
    by_side = {side: Counter(each.float_operations) for side, each in made.items()}
    beyond = by_side.get("candidate", Counter()) - by_side.get("baseline", Counter())
    listed = ", ".join(f"{count} {kind}" for kind, count in beyond.items()) or "nothing"
    beside = f"; in float in the candidate only: {listed}" if len(by_side) == len(_SIDES) else ""
    yield Finding(code="quantized", severity="info", message=f"{'; '.join(told)}{beside}")


def _compile_times(measurement: Measurement) -> Iterator[Finding]:
    exported = measurement.export_s
    if exported:
        took_once = " and ".join(f"{took_s:.1f} s ({side})" for side, took_s in exported.items())
        yield Finding(
            code="export-time",
            severity="info",
            message=f"exporting took {took_once}, once for all processes, which no time above includes",
        )
    took = {
        side: [run.compile_s[side] for run in measurement.processes if side in run.compile_s]
        for side in _SIDES
    }
    said = [
        f"{statistics.quartiles(times).median:.1f} s ({side})"
        for side, times in took.items()
        if times  # a side whose runtime compiles nothing has none
    ]
    if said:
        yield Finding(
            code="compile-time",
            severity="info",
            message=(
                f"{'loading' if exported else 'building'} and compiling took {' and '.join(said)},"
                " which none of the times above includes"
            ),
        )


_SIDES: tuple[Side, Side] = ("baseline", "candidate")


def _warning(code: str, message: str, hint: str | None = None) -> Finding:
    return Finding(code=code, severity="warning", message=message, hint=hint)
