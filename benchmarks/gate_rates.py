"""How often does the gate fail what is fine, and catch what is not? Simulated, the library's own functions.

Every invocation measures P fresh processes of B blocks; what stays inconclusive is extended once; a repeated
invocation pools all samples so far, as `sebench check` does. Two tables: block ratios through
`sebench.statistics` (noise: blocks 1 %, processes 0.5 % unless said otherwise), and segment times under every
noise of the coverage study and under bursty neighbours through `sebench.analysis.gate`, grades included. Run:

    python benchmarks/gate_rates.py --output reports/gate.md
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import platform
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import scipy
from scipy.special import stdtrit

import sebench
from sebench import statistics
from sebench.analysis.gate import answer, decide
from sebench.analysis.question import Answer, Question
from sebench.schema import (
    Block,
    Check,
    Environment,
    Measurement,
    ModelSpec,
    Pair,
    ProcessRun,
    Reason,
    Result,
    Segment,
    StaticCost,
    TimingPolicy,
    Workload,
)

PROCESSES, BLOCKS = 6, 6
SIGMA_BLOCK, SIGMA_PROCESS = 0.010, 0.005
LIMIT = 1.05
MAX_ATTEMPTS = 20
Draw = Callable[[np.random.Generator, float], list[float]]
"""(random numbers, log-ratio) -> log-ratios of the blocks of one fresh process."""


@dataclass(frozen=True)
class Outcome:
    """What one invocation, or the repetition of it, came to."""

    verdict: statistics.Verdict
    extended: bool


def normal(rng: np.random.Generator, log_ratio: float) -> list[float]:
    """Independent noise of blocks and processes."""
    return list(rng.normal(log_ratio + rng.normal(0, SIGMA_PROCESS), SIGMA_BLOCK, BLOCKS))


def heavy_tailed(rng: np.random.Generator, log_ratio: float) -> list[float]:
    """Blocks with 5 % spikes of either sign (Pareto 1.5), processes as Student-t with 3 degrees."""
    spikes = rng.pareto(1.5, BLOCKS) * 0.05 * rng.choice((-1, 1), BLOCKS) * (rng.random(BLOCKS) < 0.05)
    process = log_ratio + rng.standard_t(3) * SIGMA_PROCESS / math.sqrt(3)
    return list(process + rng.normal(0, SIGMA_BLOCK, BLOCKS) + spikes)


def unlucky(rng: np.random.Generator, log_ratio: float) -> list[float]:
    """One process in ten runs the candidate 3 % slower throughout."""
    return normal(rng, log_ratio + (0.03 if rng.random() < 0.1 else 0.0))


DRAWS: dict[str, Draw] = {"normal": normal, "heavy tails": heavy_tailed, "unlucky processes": unlucky}


def invoke(
    rng: np.random.Generator,
    samples: list[list[float]],
    log_ratios: Sequence[float],
    draw: Draw,
    attempt: int,
) -> tuple[list[statistics.Verdict], bool]:
    """One invocation over all metrics; adds to `samples`, the estimates of processes of earlier ones too."""

    def measure() -> None:
        for metric, log_ratio in enumerate(log_ratios):
            blocks = [draw(rng, log_ratio) for _ in range(PROCESSES)]
            samples[metric].extend(map(statistics.hodges_lehmann, blocks))

    measure()
    first = verdicts(samples, attempt, look=1)
    if "inconclusive" not in first:
        return first, False
    measure()
    second = verdicts(samples, attempt, look=2)
    return [
        later if earlier == "inconclusive" else earlier for earlier, later in zip(first, second, strict=True)
    ], True


def verdicts(samples: Sequence[Sequence[float]], attempt: int, *, look: int) -> list[statistics.Verdict]:
    """The decisions of one look, as `sebench.analysis.gate.decide` takes them."""
    confidence = statistics.look_confidence(attempt, look)
    found = [statistics.process_evidence(estimates) for estimates in samples]
    adjusted = statistics.holm([each.p_value(math.log(LIMIT)) for each in found if each])
    return [
        statistics.decide(each, LIMIT, confidence=confidence, adjusted_p=p)
        for each, p in zip(found, adjusted, strict=True)
        if each
    ]


def rates(
    log_ratios: Sequence[float], draw: Draw, runs: int, seed: int, *, until_green: bool = False
) -> dict[str, float]:
    """Shares of the verdicts on the whole gate (the worst of its metrics), and of extended runs."""
    counts = {"passed": 0, "failed": 0, "inconclusive": 0, "extended": 0}
    for run in range(runs):
        rng = np.random.default_rng((seed, run))
        samples: list[list[float]] = [[] for _ in log_ratios]
        for attempt in range(1, (MAX_ATTEMPTS if until_green else 1) + 1):
            found, extended = invoke(rng, samples, log_ratios, draw, attempt)
            if set(found) == {"passed"}:
                break
        worst = next(status for status in ("failed", "inconclusive", "passed") if status in found)
        counts[worst] += 1
        counts["extended"] += extended
    return {name: count / runs for name, count in counts.items()}


def half_width() -> float:
    """Expected 95 % half-width of P processes of normal noise, as a log-ratio."""
    # The Hodges-Lehmann estimate of a few normal blocks has about the variance of their mean / 0.955.
    sigma = math.hypot(SIGMA_PROCESS, SIGMA_BLOCK / math.sqrt(0.955 * BLOCKS))
    return float(stdtrit(PROCESSES - 1, 0.975)) * sigma / math.sqrt(PROCESSES)


def cells() -> Iterator[tuple[str, str, list[float], bool]]:
    """(question, noise, log-ratios of the metrics, repeated until green?)."""
    margin, width = math.log(LIMIT), half_width()
    for noise in DRAWS:
        yield "no change", noise, [0.0], False
        yield "at the margin", noise, [margin], False
    yield "margin + 1 half-width", "normal", [margin + width], False
    yield "margin + 1.36 half-widths", "normal", [margin + 1.36 * width], False
    yield "margin + 2 half-widths", "normal", [margin + 2 * width], False
    yield "margin + 5 points", "normal", [math.log(LIMIT + 0.05)], False
    yield "four metrics, no change", "normal", [0.0] * 4, False
    yield "four metrics, all at the margin", "normal", [margin] * 4, False
    yield "repeated until green, at the margin", "normal", [margin], True
    yield "repeated until green, margin + 1.36 half-widths", "normal", [margin + 1.36 * width], True
    yield "repeated until green, no change", "normal", [0.0], True


# --- noise in segment times, and the grade it gets ------------------------------------------------------


def load_coverage_study() -> ModuleType:
    """`coverage.py` beside this file. By path: `coverage` is also a package that test runners import."""
    name = "benchmarks_coverage"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("coverage.py"))
    if spec is None or spec.loader is None:
        raise SystemExit("coverage.py is missing")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STUDY = load_coverage_study()


def bursts(dwell_s: float, *, baseline: float, candidate: float, share: float = 1 / 3) -> Any:  # noqa: ANN401
    """A neighbour there for a share of the time, `dwell_s` at a time; it slows the sides by these factors."""

    def machine(rng: np.random.Generator, shape: tuple[int, int], _: float) -> Any:  # noqa: ANN401
        there = rng.random(shape) < share
        away_s = dwell_s * (1 - share) / share

        def elapsed(t: Any, ideal: Any, side: Any) -> Any:  # noqa: ANN401
            present = np.zeros(shape)
            for _ in range(4):  # quarters of a step, each followed by a possible change of state
                present += there / 4
                leaves = -np.expm1(-ideal / 4 / np.where(there, dwell_s, away_s))
                there[...] ^= rng.random(shape) < leaves
            slower = np.where(side, candidate, baseline) - 1
            return ideal * (1 + slower * present) * STUDY.jitter(rng, shape)

        return elapsed

    return machine


def whole_processes(candidate: float, share: float) -> Any:  # noqa: ANN401
    """A neighbour that slows the candidate alone, and then for the whole life of a process."""

    def machine(rng: np.random.Generator, shape: tuple[int, int], _: float) -> Any:  # noqa: ANN401
        factor = np.where(rng.random(shape) < share, candidate, 1.0)
        return lambda t, ideal, side: ideal * np.where(side, factor, 1) * STUDY.jitter(rng, shape)

    return machine


BURSTS = tuple(
    STUDY.Noise(f"neighbour in bursts: {name}", builder, realistic=False)
    for name, builder in (
        ("x 2, 0.1 s", bursts(0.1, baseline=2, candidate=2)),
        ("x 2, 1 s", bursts(1, baseline=2, candidate=2)),
        ("x 3, 1 s", bursts(1, baseline=3, candidate=3)),
        ("candidate x 2, baseline x 1.5, 1 s", bursts(1, baseline=1.5, candidate=2)),
        ("candidate alone x 1.5, 0.1 s", bursts(0.1, baseline=1, candidate=1.5)),
        ("candidate alone x 1.5, 1 s", bursts(1, baseline=1, candidate=1.5)),
        ("candidate alone x 1.5, 5 s", bursts(5, baseline=1, candidate=1.5)),
        ("candidate alone x 1.5, one process in three", whole_processes(1.5, 1 / 3)),
    )
)
"""One third of the time. Where it slows the sides unequally, the ratio of the times is not the true ratio."""

WORKLOAD = Workload(input_shape=(1, 3, 224, 224), threads=2)
QUESTION = Question(
    kind="factories",
    model="net",
    baseline="old",
    candidate="new",
    metric="latency",
    limit=LIMIT,
    workload=WORKLOAD,
)
COST = StaticCost(input_shape=(1, 3, 224, 224), params=1, buffers=0)


def result(sides: Any, taken: Any) -> Result:  # noqa: ANN401
    """What is stored of some processes; both arguments of shape (P, segments)."""
    runs = tuple(
        ProcessRun(
            process=number,
            seed=number,
            build_order=("baseline", "candidate"),
            steps_per_segment=1,
            prepare_s=0.0,
            blocks=tuple(
                Block(
                    order="BAAB" if of_candidate[first] else "ABBA",
                    canary_s=0.004,
                    segments=tuple(
                        Segment(side="candidate" if candidate else "baseline", steps_s=(time_s,))
                        for candidate, time_s in zip(
                            of_candidate[first : first + 4], times_s[first : first + 4], strict=True
                        )
                    ),
                )
                for first in range(0, len(times_s), 4)
            ),
        )
        for number, (of_candidate, times_s) in enumerate(zip(sides.tolist(), taken.tolist(), strict=True))
    )
    pair = Pair(baseline=ModelSpec(model="old"), candidate=ModelSpec(model="new"))
    environment = Environment(cpu={}, memory={}, platform={}, load={}, versions={}, variables={})
    return Result(
        id="simulated",
        created_at="2026-01-01T00:00:00+00:00",
        sebench=sebench.__version__,
        seed=0,
        pair=pair,
        environment=environment,
        baseline_cost=COST,
        candidate_cost=COST,
        measurements=(Measurement(workload=WORKLOAD, policy=TimingPolicy(), processes=runs),),
    )


@dataclass(frozen=True)
class Judged:
    """The check of one gate at its last look: as its samples are graded, and as if they had grade C."""

    first: Answer
    """What the planned processes say, before any extension."""
    graded: Check
    doubted: Check


def judge(rounds: Sequence[Result]) -> Judged:
    """The gate on the first round, and on all of them where that leaves it open (each variant by itself)."""
    found: dict[bool, Check] = {}
    first = answer(QUESTION, rounds[:1])
    for look in range(1, len(rounds) + 1):
        asked = first if look == 1 else answer(QUESTION, rounds[:look])
        for as_c in (False, True):
            if as_c not in found or found[as_c].status == "inconclusive":
                doubted = asked.doubt or Reason(code="grade-c", message="grade C")
                weighed = replace(asked, doubt=doubted) if as_c else asked
                (found[as_c],) = decide([weighed], attempt=1, look=look)
        if all(check.status != "inconclusive" for check in found.values()):
            break
    return Judged(first=first, graded=found[False], doubted=found[True])


def gates(noise: Any, ratio: float, runs: int, seed: int) -> Iterator[Judged]:  # noqa: ANN401
    """Gates of two rounds under one noise; the same arguments give the same gates."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{noise.name}|{ratio}".encode())])
    baab = rng.random((runs, 2 * PROCESSES, BLOCKS)) < 0.5
    sides = (baab[..., None] ^ np.array([False, True, True, False])).reshape(runs, 2 * PROCESSES, -1)
    taken = STUDY.segment_times(rng, noise, sides, ratio=ratio, sd=noise.process_sd, step_s=STUDY.SLOW_S)
    for of_candidate, times_s in zip(sides, taken, strict=True):
        yield judge(
            [
                result(of_candidate[first : first + PROCESSES], times_s[first : first + PROCESSES])
                for first in (0, PROCESSES)
            ]
        )


def noise_row(noise: Any, at_limit: Sequence[Judged], runs: int, seed: int) -> str:  # noqa: ANN401
    """What becomes of a ratio at the limit and of `runs` at each of those far beyond it."""
    graded_c = share(each.graded.grade == "C" for each in at_limit)
    failed = share(each.graded.status == "failed" for each in at_limit)
    failed_as_c = share(each.doubted.status == "failed" for each in at_limit)
    far = [share(each.doubted.status == "failed" for each in gates(noise, r, runs, seed)) for r in FAR]
    columns = (f"{graded_c:.2f}", f"{failed:.4f}", f"{failed_as_c:.4f}", *(f"{found:.2f}" for found in far))
    kind = "realistic" if noise.realistic else "extreme"
    return f"| {noise.name} | {kind} | {' | '.join(columns)} |"


def misses(gates_at_limit: Sequence[Judged]) -> Iterator[str]:
    """By grade, how often the 95 % interval of the planned processes does not hold the true ratio."""
    for grade in "ABC":
        found = [each.first.ratio for each in gates_at_limit if each.first.grade == grade]
        missed = sum(not (r.ci_low or 0) <= LIMIT <= (r.ci_high or math.inf) for r in found)
        shown = f"{missed / len(found) * 100:.1f} %" if found else ""
        yield f"| {grade} | {len(found) / len(gates_at_limit):.2f} | {missed} of {len(found)} | {shown} |"


def share(outcomes: Iterable[bool]) -> float:
    """Of those that are true."""
    found = list(outcomes)
    return sum(found) / len(found)


def report(runs: int, noisy_runs: int, seed: int) -> str:
    """The tables as Markdown."""
    started_s = time.monotonic()
    lines = [
        f"| {question} | {noise} | {found['failed']:.4f} | {found['inconclusive']:.4f} "
        f"| {found['passed']:.4f} | {found['extended']:.2f} |"
        for question, noise, log_ratios, until_green in cells()
        for found in [rates(log_ratios, DRAWS[noise], runs, seed, until_green=until_green)]
    ]
    noises, far_runs = (*STUDY.NOISES.values(), *BURSTS), max(1, noisy_runs // 10)
    at_limit = {noise: list(gates(noise, LIMIT, noisy_runs, seed)) for noise in noises}
    noisy = [noise_row(noise, found, far_runs, seed) for noise, found in at_limit.items()]
    worst = max(share(each.doubted.status == "failed" for each in found) for found in at_limit.values())
    realistic = [each for noise, found in at_limit.items() if noise.realistic for each in found]
    return PAGE.format(
        made=f"{datetime.now(UTC):%Y-%m-%d}, sebench {sebench.__version__}, Python "
        f"{platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}; seed\n{seed}, "
        f"{time.monotonic() - started_s:.0f} s on one core",
        runs=runs,
        noisy_runs=noisy_runs,
        far_runs=far_runs,
        misses="\n".join(misses(realistic)),
        half_width=half_width() * 100,
        lines="\n".join(lines),
        far=" | ".join(f"x {ratio:g}, as C" for ratio in FAR),
        noisy="\n".join(noisy),
        worst=worst,
    )


FAR = (1.2, 1.5, 2.3)
PAGE = """# Verdicts of the gate

{made}. Made by
`python benchmarks/gate_rates.py --runs {runs} --noisy-runs {noisy_runs} --output reports/gate.md`:
limit 1.05, 6 processes of 6 blocks, one
extension by 6 more. Standard error of a share of 0.025 in 2000 gates: 0.0035.

## By size of the change

Simulated block ratios through `sebench.statistics`; {runs} gates per row. Half-width of the 95 %
interval before the extension: {half_width:.2f} %.

| true ratio | noise | failed | inconclusive | passed | extended |
|---|---|---|---|---|---|
{lines}

## By noise, with grades

Simulated segment times, in the order they would be taken, through `sebench.analysis.gate`: every noise
of [coverage.md](coverage.md), and neighbours that come in bursts, one third of the time. {noisy_runs}
gates per row at the limit, {far_runs} at ratios far beyond it. "As C" is what fails if the samples have
grade C, whatever grade they really get: in every process, but for one in ten, even the candidate's
fastest segment is beyond the limit, held against the baseline's slow quarter.

| noise | kind | grade C | at the limit: failed | at the limit: failed as C | {far} |
|---|---|---|---|---|---|---|---|
{noisy}

Failed as C at the limit, over all rows: {worst:.4f} at most. Where the neighbour slows one side more
than the other, the ratio of the times is not the ratio that the networks have alone; "at the limit" is
the latter.

## How often the interval of a grade misses

The 95 % intervals of the six planned processes under all realistic noises of the table above, together.

| grade | share of gates | intervals that miss | in percent |
|---|---|---|---|
{misses}
"""


def main() -> None:
    """Simulate and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--noisy-runs", type=int, default=1000, help="gates per row of the second table")
    parser.add_argument("--seed", type=int, default=20_240)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    asked.output.write_text(report(asked.runs, asked.noisy_runs, asked.seed), encoding="utf-8")
    print(asked.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
