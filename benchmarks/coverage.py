"""How often does the printed interval contain the truth? Simulated clocks, the library's own functions.

Each cell simulates every step in the order it would be taken, on a machine with one kind of noise: blocks of
ABBA or BAAB whose segments are as short as `sebench` makes them, a random pause before each, and, after every
change of side, a step that does not count. A fast and a slow network are simulated: the segments of one hold
several steps, those of the other one. Noise is multiplicative and common to both sides unless its name says
otherwise, so that the true ratio is known. The intervals are those of `sebench.statistics.estimate_ratio`,
computed for all runs of a cell at once and compared with it in the first runs of every cell. Run:

    python benchmarks/coverage.py --output reports/coverage.md
"""

from __future__ import annotations

import argparse
import math
import platform
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy
from scipy.special import ndtri, stdtrit

import sebench
from sebench.profilers.latency import MAX_PAUSE_S, steps_per_segment
from sebench.runner.measuring.schedule import Prepared, discard_steps
from sebench.schema import TimingPolicy
from sebench.statistics import MIN_PROCESSES, block_log_ratio, estimate_ratio, signed_rank_interval

Floats = npt.NDArray[np.float64]
Sides = npt.NDArray[np.bool_]
Shape = tuple[int, int]
Machine = Callable[[Floats, Floats, Sides], Floats]
"""(start time, undisturbed duration, is candidate) -> elapsed, in s; shapes (repetitions, processes). A call
is one step; where the duration is 0 there is none."""
Builder = Callable[[np.random.Generator, Shape, float], Machine]
"""The last argument is the step of the baseline in s."""

FAST_S, SLOW_S = NETWORKS = (0.005, 0.05)
"""A step of the baseline."""
POLICY = TimingPolicy()
"""How long segments are, and how long a process warms up."""
CANARY_S = 0.001  # after each block
WARM_UPS = 21  # of which more than half decide how many steps after a change of side do not count
WANDER_S = 0.05  # in which a wander keeps 0.9 of its correlation
# What refilling caches takes after a change to the baseline and to the candidate. In stored runs the first
# step that counts was slower than those after it by 0.5 to 0.6 ms where a step takes 4 ms (OpenVINO), 0.3 ms
# at 5 ms and 0.1 to 0.25 ms at 10 ms (ONNX Runtime); from 17 ms on (eager) by nothing that showed.
REFILL_S, REFILL_HALF_S = (0.0012, 0.0015), 0.005
CARRY_OVER = (0.02, 0.03)  # of a step
CHECKED = 10  # runs of each cell, against `estimate_ratio`
PROCESS_SD = 0.004
RATIOS = (1.0, 1.018, 1.10)
FLOOR = 0.93  # at N = 2000 a true 95 % falls below this once in 30000 cells, a true 90 % always


@dataclass(frozen=True)
class Noise:
    """One kind of disturbance. `realistic` was decided before any result was seen, but for one (`PAGE`)."""

    name: str
    machine: Builder
    realistic: bool = True
    process_sd: float = PROCESS_SD
    """Between fresh processes, of the log-ratio; only where a design has several or is calibrated."""
    slow_processes: float = 0.0
    """Chance that a process runs the candidate 3 % slower (an unlucky plan or layout)."""


@dataclass(frozen=True)
class Design:
    """P processes of B blocks; `calibrated` hands the true between-process SD to the estimator."""

    processes: int
    blocks: int
    calibrated: bool = False

    def __str__(self) -> str:
        return f"{self.processes} x {self.blocks}" + (", sigma known" if self.calibrated else "")


REPLICATED = tuple(Design(p, b) for p, b in ((5, 3), (6, 3), (6, 4), (6, 8), (12, 8)))
DESIGNS = (Design(1, 12), Design(1, 12, calibrated=True), *REPLICATED)
FEW = tuple(Design(p, b, known) for p, b in ((2, 6), (3, 4), (4, 3)) for known in (False, True))
FEW_NOISES = ("independent 1 %", "independent 1 %, process 1 %", "AR(1) 0.9", "neighbour x 1.3")


def jitter(rng: np.random.Generator, shape: Shape, sd: float = 0.005) -> Floats:
    """Normal in the log; lies under most other noises, for no clock repeats itself exactly."""
    return rng.lognormal(0, sd, shape)


def independent(sd: float) -> Builder:
    """Jitter alone."""
    return lambda rng, shape, _: lambda t, ideal, side: ideal * jitter(rng, shape, sd)


def skewed(rng: np.random.Generator, shape: Shape, _: float) -> Machine:
    """Always late, sometimes much: 1 + lognormal with median 2 %."""
    return lambda t, ideal, side: ideal * (1 + np.exp(math.log(0.02) + rng.standard_normal(shape)))


def spikes(chance: float) -> Builder:
    """Some steps last 1 + Pareto(1.5) times as long (infinite variance)."""
    return lambda rng, shape, _: (
        lambda t, ideal, side: (
            ideal * jitter(rng, shape) * np.where(rng.random(shape) < chance, 1 + rng.pareto(1.5, shape), 1)
        )
    )


def autoregressive(rng: np.random.Generator, shape: Shape, _: float) -> Machine:
    """A slow wander of 3 %, correlated 0.9 over 50 ms: from one step of a slow network to the next."""
    state = 0.03 * rng.standard_normal(shape)

    def elapsed(t: Floats, ideal: Floats, side: Sides) -> Floats:
        kept = 0.9 ** (ideal / WANDER_S)
        state[...] = kept * state + 0.03 * np.sqrt(1 - kept**2) * rng.standard_normal(shape)
        return ideal * np.exp(state) * jitter(rng, shape)

    return elapsed


def neighbour(rng: np.random.Generator, shape: Shape, step_s: float) -> Machine:
    """Another tenant comes and goes: x 1.3 while it is there, mean dwell 0.5 to 5 s by process."""
    busy = rng.random(shape) < 0.5
    dwell_s = np.exp(rng.uniform(math.log(0.5), math.log(5), shape))
    parts = math.ceil(step_s / 0.02)  # of a step, each followed by a possible change of state

    def elapsed(t: Floats, ideal: Floats, side: Sides) -> Floats:
        share, change = np.zeros(shape), -np.expm1(-ideal / parts / dwell_s)
        for _ in range(parts):
            share += busy / parts
            busy[...] ^= rng.random(shape) < change
        return ideal * (1 + 0.3 * share) * jitter(rng, shape)

    return elapsed


def bimodal(rng: np.random.Generator, shape: Shape, _: float) -> Machine:
    """The clock sits at one of two levels 8 % apart, drawn anew for each step."""
    return lambda t, ideal, side: ideal * np.where(rng.random(shape) < 0.5, 1.08, 1) * jitter(rng, shape)


def over_time(factor: Callable[[Floats], Floats]) -> Builder:
    """A deterministic course, start time -> factor."""
    return lambda rng, shape, _: lambda t, ideal, side: ideal * factor(t) * jitter(rng, shape)


def sawtooth(rng: np.random.Generator, shape: Shape, _: float) -> Machine:
    """CPU quota: slowness climbs to + 30 % and resets every 100 ms; a step feels its mean."""
    phase_s = rng.uniform(0, 0.1, shape)

    def integral(x: Floats) -> Floats:
        whole: Floats = np.floor(x)
        return whole / 2 + (x - whole) ** 2 / 2

    def elapsed(t: Floats, ideal: Floats, side: Sides) -> Floats:
        start, end = (t + phase_s) / 0.1, (t + phase_s + ideal) / 0.1
        mean = (integral(end) - integral(start)) / np.maximum(end - start, 1e-9)
        return ideal * (1 + 0.3 * mean) * jitter(rng, shape)

    return elapsed


def heteroscedastic(rng: np.random.Generator, shape: Shape, _: float) -> Machine:
    """The candidate is six times as noisy as the baseline: 3 % against 0.5 %."""
    return lambda t, ideal, side: ideal * np.exp(np.where(side, 0.03, 0.005) * rng.standard_normal(shape))


def additive(rng: np.random.Generator, shape: Shape, step_s: float) -> Machine:
    """Jitter of 1 % of the baseline in seconds, the same for both sides."""
    return lambda t, ideal, side: ideal + 0.01 * step_s * rng.standard_normal(shape)


def interrupts(rng: np.random.Generator, shape: Shape, step_s: float) -> Machine:
    """Added time, always positive, mean 2 % of the baseline: the ratio of the times is not the true ratio."""
    return lambda t, ideal, side: ideal + rng.exponential(0.02 * step_s, shape)


def carry_over(rng: np.random.Generator, shape: Shape, _: float) -> Machine:
    """A change to the baseline costs 1.2 ms, to the candidate 1.5 ms; half of it within 5 ms."""
    last, left_s = np.full(shape, 2), np.zeros(shape)

    def elapsed(t: Floats, ideal: Floats, side: Sides) -> Floats:
        left_s[...] = np.where(side == last, left_s, np.where(side, *REFILL_S[::-1]))
        last[...] = side
        paid_s = left_s * -np.expm1(-math.log(2) * ideal / REFILL_HALF_S)
        left_s[...] -= paid_s
        return (ideal + paid_s) * jitter(rng, shape)

    return elapsed


def carry_over_by_steps(rng: np.random.Generator, shape: Shape, _: float) -> Machine:
    """The first step after a change is slower by 2 or 3 %, by half of it the next, however long steps are."""
    last, excess = np.full(shape, 2), np.zeros(shape)

    def elapsed(t: Floats, ideal: Floats, side: Sides) -> Floats:
        faded = np.where(side == last, excess / 2, np.where(side, *CARRY_OVER[::-1]))
        excess[...] = np.where(ideal > 0, faded, excess)
        last[...] = side
        return ideal * (1 + excess) * jitter(rng, shape)

    return elapsed


def everything(rng: np.random.Generator, shape: Shape, step_s: float) -> Machine:
    """Wander, spikes and warm-up at once."""
    wander, spike = autoregressive(rng, shape, step_s), spikes(0.05)(rng, shape, step_s)
    return lambda t, ideal, side: spike(t, wander(t, ideal, side) * (1 + 0.3 * np.exp(-t)), side)


_NOISES = (
    Noise("independent 1 %", independent(0.01)),
    Noise("independent 1 %, process 0.3 %", independent(0.01), process_sd=0.003),
    Noise("independent 1 %, process 1 %", independent(0.01), process_sd=0.01),
    Noise("skewed (lognormal)", skewed),
    Noise("spikes Pareto(1.5) in 5 %", spikes(0.05)),
    Noise("AR(1) 0.9", autoregressive),
    Noise("neighbour x 1.3", neighbour),
    Noise("bimodal clock", bimodal),
    Noise("exponential warm-up", over_time(lambda t: 1 + 0.3 * np.exp(-t))),
    Noise("linear drift 1 %/s", over_time(lambda t: 1 + 0.01 * t)),
    Noise("quota sawtooth 100 ms", sawtooth),
    Noise("candidate six times as noisy", heteroscedastic),
    Noise("additive, symmetric", additive),
    Noise("wander + spikes + warm-up", everything),
    Noise("carry-over of 1.2 and 1.5 ms", carry_over),
    Noise("spikes Pareto(1.5) in 30 %", spikes(0.30), realistic=False),
    Noise("additive, one-sided", interrupts, realistic=False),
    Noise("carry-over of steps", carry_over_by_steps, realistic=False),
    Noise("one process in ten 3 % slower", independent(0.01), realistic=False, slow_processes=0.1),
)
NOISES = {noise.name: noise for noise in _NOISES}


def discarded(rng: np.random.Generator, noise: Noise, *, ratio: float, step_s: float) -> int:
    """How many steps after a change of side do not count, as most warm-ups find."""
    machine, now = noise.machine(rng, (WARM_UPS, 1), step_s), np.zeros((WARM_UPS, 1))
    cycles = math.ceil(POLICY.warmup_busy_s / (2 * step_s * (1 + ratio)))
    times = np.empty((WARM_UPS, cycles, 4))
    for slot in range(4 * cycles):
        side = np.full((WARM_UPS, 1), slot % 4 >= 2)
        took_s = machine(now, step_s * np.where(side, ratio, 1.0), side)
        now = now + took_s
        times[:, slot // 4, slot % 4] = took_s[:, 0]
    step = {"baseline": step_s, "candidate": step_s * ratio}
    after_change = (
        {"baseline": run[:, 0] - run[:, 1], "candidate": run[:, 2] - run[:, 3]}
        for run in np.log(times[:, 1:])
    )
    found = [discard_steps(POLICY, "cpu", Prepared(step, 0.0, seen)) for seen in after_change]
    return sorted(found)[WARM_UPS // 2]


def segment_times(
    rng: np.random.Generator, noise: Noise, sides: Sides, *, ratio: float, sd: float, step_s: float
) -> Floats:
    """Median step of each segment in the order of `sides`, shape (repetitions, P, segments)."""
    shape = (sides.shape[0], sides.shape[1])
    slow = rng.random(shape) < noise.slow_processes
    effect = sd * rng.standard_normal(shape) + 0.03 * (slow - noise.slow_processes) * (sd > 0)  # mean 0
    machine, now, taken = noise.machine(rng, shape, step_s), np.zeros(shape), np.empty(sides.shape)
    count = steps_per_segment({"baseline": step_s}, POLICY)
    times = np.empty((*shape, count))
    left_out = discarded(np.random.default_rng(rng.integers(2**32)), noise, ratio=ratio, step_s=step_s)
    for slot in range(sides.shape[2]):
        side = sides[:, :, slot]
        ideal = step_s * np.where(side, ratio * np.exp(effect), 1.0)
        changed = side != sides[:, :, slot - 1] if slot % 4 else np.ones(shape, dtype=bool)
        if slot % 4 == 0:
            now += rng.uniform(0, MAX_PAUSE_S, shape) + (CANARY_S if slot else 0)
        for _ in range(left_out):
            now += np.where(changed, machine(now, np.where(changed, ideal, 0.0), side), 0.0)
        for step in range(count):
            times[:, :, step] = machine(now, ideal, side)
            now += times[:, :, step]
        taken[:, :, slot] = median(times)
    return taken


def median(values: Floats) -> Floats:
    """Along the last axis; NumPy's own takes several times as long."""
    size = values.shape[-1]
    parts = np.partition(values, ((size - 1) // 2, size // 2), axis=-1)
    middle: Floats = (parts[..., (size - 1) // 2] + parts[..., size // 2]) / 2
    return middle


def simulate(
    noise: Noise, design: Design, ratio: float, repetitions: int, seed: int, *, step_s: float = SLOW_S
) -> Floats:
    """Log-ratios of one cell, shape (repetitions, P, B); the same arguments give the same numbers."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{noise.name}|{design}|{ratio}|{step_s}".encode())])
    baab = rng.random((repetitions, design.processes, design.blocks)) < 0.5  # a fair coin per block
    sides = baab[..., None] ^ np.array([False, True, True, False])
    sd = noise.process_sd if design.processes > 1 or design.calibrated else 0.0
    taken = segment_times(rng, noise, sides.reshape(*baab.shape[:2], -1), ratio=ratio, sd=sd, step_s=step_s)
    logs = np.log(taken).reshape(*baab.shape, 4)
    abba = (logs[..., 1] + logs[..., 2] - logs[..., 0] - logs[..., 3]) / 2
    effects: Floats = np.where(baab, -abba, abba)
    first = "BAAB" if baab[0, 0, 0] else "ABBA"
    np.testing.assert_allclose(effects[0, 0, 0], block_log_ratio(first, taken[0, 0, :4].tolist()), atol=1e-12)
    return effects


# --- the estimator, for all runs of a cell at once --------------------------------------------------------


def walsh_averages(values: Floats) -> Floats:
    """Of the last axis."""
    first, second = np.triu_indices(values.shape[-1])
    averages: Floats = (values[..., first] + values[..., second]) / 2
    return averages


@lru_cache
def signed_rank(size: int) -> int:
    """Which smallest and largest Walsh average of `size` values are the limits, as the library has it."""
    sample = np.random.default_rng(size).standard_normal(size)
    limits = signed_rank_interval(sample)
    if limits is None:
        raise SystemExit(f"{size} blocks have no interval")
    return int(np.searchsorted(np.sort(walsh_averages(sample)), limits.low)) + 1


def intervals(effects: Floats, sigma: float | None) -> Floats:
    """Low limit, estimate and high limit of the log-ratio, shape (repetitions, 3).

    Raises:
        AssertionError: `estimate_ratio` finds something else.
    """
    repetitions, processes, _ = effects.shape
    if processes >= MIN_PROCESSES or (processes > 1 and sigma is None):
        estimates = median(walsh_averages(effects))
        center = estimates.mean(axis=1)
        error = estimates.std(axis=1, ddof=1) / math.sqrt(processes)
        below = above = float(stdtrit(processes - 1, 0.975)) * error
    else:
        walsh = np.sort(walsh_averages(effects.reshape(repetitions, -1)), axis=1)
        k = signed_rank(effects[0].size)
        center = median(walsh)
        extra = float(ndtri(0.975)) * (sigma or 0.0) / math.sqrt(processes)
        below, above = np.hypot(center - walsh[:, k - 1], extra), np.hypot(walsh[:, -k] - center, extra)
    found = np.stack([center - below, center, center + above], axis=1)
    for limits, blocks in zip(found[:CHECKED], effects.tolist(), strict=False):
        said = estimate_ratio(blocks, sigma_process=sigma)
        same = np.array([said.ci_low, said.ratio, said.ci_high], dtype=np.float64)
        np.testing.assert_allclose(np.exp(limits), same, rtol=1e-12)
    return found


@dataclass(frozen=True)
class Cell:
    """What one cell showed."""

    noise: Noise
    design: Design
    ratio: float
    step_s: float
    coverage: float
    half_width: float
    """Median over the repetitions, relative to the estimate."""
    method: str


def measure(
    noise: Noise, design: Design, ratio: float, repetitions: int, seed: int, *, step_s: float = SLOW_S
) -> Cell:
    """Coverage and width of the headline interval in one cell."""
    sigma = noise.process_sd if design.calibrated else None
    effects = simulate(noise, design, ratio, repetitions, seed, step_s=step_s)
    limits = np.exp(intervals(effects, sigma))
    covered = (limits[:, 0] <= ratio) & (ratio <= limits[:, 2])
    half_width = np.median((limits[:, 2] - limits[:, 0]) / 2 / limits[:, 1])
    method = estimate_ratio(effects[0].tolist(), sigma_process=sigma).method
    return Cell(noise, design, ratio, step_s, float(covered.mean()), float(half_width), method)


def sequential_times(noise: Noise, ratio: float, repetitions: int, seed: int) -> tuple[Floats, Floats]:
    """All of A, then all of B: 24 segments each in one process; log times, shape (repetitions, 24)."""
    rng = np.random.default_rng([seed, zlib.crc32(f"sequential|{noise.name}|{ratio}".encode())])
    sides = np.broadcast_to(np.arange(48) >= 24, (repetitions, 1, 48))
    logs = np.log(segment_times(rng, noise, sides, ratio=ratio, sd=0.0, step_s=SLOW_S))[:, 0]
    return logs[:, :24], logs[:, 24:]


def welch_coverage(a: Floats, b: Floats, truth: float) -> float:
    """Two-sample t interval on log times (Welch)."""
    va, vb = a.var(axis=1, ddof=1) / a.shape[1], b.var(axis=1, ddof=1) / b.shape[1]
    df = (va + vb) ** 2 / (va**2 / (a.shape[1] - 1) + vb**2 / (b.shape[1] - 1))
    error = b.mean(axis=1) - a.mean(axis=1) - truth
    return float((np.abs(error) <= stdtrit(df, 0.975) * np.sqrt(va + vb)).mean())


def mann_whitney_coverage(a: Floats, b: Floats, truth: float) -> float:
    """Shift interval that inverts the U test (normal approximation, n = m = 24)."""
    n = a.shape[1]
    k = math.floor(n * n / 2 - ndtri(0.975) * math.sqrt(n * n * (2 * n + 1) / 12))
    shifts = np.sort((b[:, :, None] - a[:, None, :]).reshape(a.shape[0], -1), axis=1)
    return float(((shifts[:, k - 1] <= truth) & (truth <= shifts[:, -k])).mean())


def pooled_t_coverage(effects: Floats, truth: float) -> float:
    """All blocks of all processes as if they were independent."""
    d = effects.reshape(effects.shape[0], -1)
    half = stdtrit(d.shape[1] - 1, 0.975) * d.std(axis=1, ddof=1) / math.sqrt(d.shape[1])
    return float((np.abs(d.mean(axis=1) - truth) <= half).mean())


def bootstrap_coverage(effects: Floats, truth: float) -> float:
    """Percentile bootstrap (2000 resamples) of the mean over the processes' estimates."""
    m = median(walsh_averages(effects))
    picks = np.random.default_rng(0).integers(0, m.shape[1], (2000, m.shape[1]))
    low, high = np.array([np.quantile(row[picks].mean(axis=1), [0.025, 0.975]) for row in m]).T
    return float(((low <= truth) & (truth <= high)).mean())


class Rival(NamedTuple):
    """A common method, the conditions it was tried under, and the headline under the same noise."""

    method: str
    conditions: str
    coverage: float
    ours: float


def naive(repetitions: int, seed: int, ratio: float = 1.018) -> Iterator[Rival]:
    """Methods that the field uses and the library does not."""
    truth = math.log(ratio)
    for name in ("linear drift 1 %/s", "exponential warm-up", "AR(1) 0.9", "neighbour x 1.3"):
        a, b = sequential_times(NOISES[name], ratio, repetitions, seed)
        ours = measure(NOISES[name], Design(1, 12), ratio, repetitions, seed).coverage
        where = f"{name}, 24 + 24 segments"
        yield Rival("all A, then all B; Welch t", where, welch_coverage(a, b, truth), ours)
        yield Rival("all A, then all B; U test", where, mann_whitney_coverage(a, b, truth), ours)
    unlike, several = "independent 1 %, process 1 %", (*FEW[::2], Design(6, 8))
    trials = [("t over pooled blocks", pooled_t_coverage, unlike, design) for design in several]
    trials.append(("percentile bootstrap of processes", bootstrap_coverage, "independent 1 %", Design(5, 3)))
    for method, coverage, name, design in trials:
        effects = simulate(NOISES[name], design, ratio, repetitions, seed)
        ours = measure(NOISES[name], design, ratio, repetitions, seed).coverage
        yield Rival(method, f"{name}, {design}", coverage(effects, truth), ours)


def row(cells: list[Cell]) -> str:
    """One noise and design; one coverage per true ratio."""
    one = cells[len(cells) // 2]
    shown = [f"**{c.coverage:.3f}**" if c.coverage < FLOOR else f"{c.coverage:.3f}" for c in cells]
    kind = "realistic" if one.noise.realistic else "extreme"
    columns = (one.noise.name, kind, str(one.design), *shown, f"{one.half_width * 100:.2f}", one.method)
    return f"| {' | '.join(columns)} |"


PAGE = """# Coverage of the 95 % interval

{made}.
Made by `python benchmarks/coverage.py --output reports/coverage.md`: simulated steps, in the order they would
be taken, and the intervals of `sebench.statistics.estimate_ratio`. Standard error of a coverage of 0.95:
{error:.4f}. Steps of the baseline take {networks}: segments of {steps} steps. Whether steps after a change
of side count is decided as in a measurement, by simulated warm-ups of one second; one decision per cell, that
of the majority of {warm_ups}.

Realistic cells: {count}; below {floor}: **{low}**; mean {mean:.3f}; lowest {worst.coverage:.3f}
({worst.noise.name}, {worst.design}, ratio {worst.ratio:g}, steps of {worst.step_s:g} s).
Which noises are "extreme" was fixed before any ran, but for "carry-over of steps": it was called realistic
until it was seen that stored runs lose their carry-over within some 5 ms of running, not within some steps.

## The headline

Share of runs whose interval contains the true ratio (bold: below {floor}); median half-width in % at ratio
1.018. Processes differ by {sd} (standard deviation of the log-ratio) unless the name says otherwise. One
process without known sigma is asked for its own ratio only, as its scope `within-process` says.

{headlines}

## Two to four processes

Ratio 1.018. They get the t interval, or the widened signed-rank one where sigma is known.

{few}

## Methods that are not used, and why

Ratio 1.018, steps of {slow_ms:g} ms.

| method | conditions | its coverage | the headline's |
|---|---|---|---|
{rivals}
"""


HEADLINE = "| noise | kind | P x B | ratio 1 | ratio 1.018 | ratio 1.1 | half-width | method |"
FEW_HEAD = "| noise | kind | P x B | coverage | half-width | method |"


def by_network(groups: list[list[Cell]], head: str) -> str:
    """A table for each network."""
    tables = []
    for step_s in NETWORKS:
        rows = [row(group) for group in groups if group[0].step_s == step_s]
        title = f"### Steps of {step_s * 1e3:g} ms"
        tables.append("\n".join([title, "", head, "|---" * (head.count("|") - 1) + "|", *rows]))
    return "\n\n".join(tables)


def page(cells: list[list[Cell]], few: list[list[Cell]], rivals: list[Rival], made: str, n: int) -> str:
    """The whole report; `made` says when and with what, `n` the runs per cell."""
    realistic = [cell for group in cells for cell in group if cell.noise.realistic]
    counts = [steps_per_segment({"baseline": step_s}, POLICY) for step_s in NETWORKS]
    return PAGE.format(
        made=made,
        error=math.sqrt(0.95 * 0.05 / n),
        warm_ups=WARM_UPS,
        networks=" and ".join(f"{step_s * 1e3:g} ms" for step_s in NETWORKS),
        steps=" and ".join(map(str, counts)),
        slow_ms=SLOW_S * 1e3,
        floor=FLOOR,
        sd=PROCESS_SD,
        count=len(realistic),
        low=sum(cell.coverage < FLOOR for cell in realistic),
        mean=np.mean([cell.coverage for cell in realistic]),
        worst=min(realistic, key=lambda cell: cell.coverage),
        headlines=by_network(cells, HEADLINE),
        few=by_network(few, FEW_HEAD),
        rivals="\n".join(
            f"| {r.method} | {r.conditions} | {r.coverage:.3f} | {r.ours:.3f} |" for r in rivals
        ),
    )


def main() -> int:
    """Exit code 1 where a realistic cell under-covers or a rival does not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file (default: standard output)")
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20240)
    options = parser.parse_args()
    n, seed, started = options.repetitions, options.seed, time.monotonic()
    headlines = [(x, d, s) for s in NETWORKS for x in NOISES.values() for d in DESIGNS]
    cells = [[measure(x, d, r, n, seed, step_s=s) for r in RATIOS] for x, d, s in headlines]
    few = [
        [measure(NOISES[name], d, RATIOS[1], n, seed, step_s=s)]
        for s in NETWORKS
        for name in FEW_NOISES
        for d in FEW
    ]
    rivals = list(naive(n, seed))
    made = (
        f"{datetime.now(UTC):%Y-%m-%d}, sebench {sebench.__version__}, Python {platform.python_version()}, "
        f"numpy {np.__version__}, scipy {scipy.__version__}; {n} runs per cell, seed {seed}, "
        f"{time.monotonic() - started:.0f} s on one core"
    )
    text = page(cells, few, rivals, made, n)
    options.output.write_text(text, encoding="utf-8") if options.output else print(text)
    missed = [c for group in (*cells, *few) for c in group if c.noise.realistic and c.coverage < FLOOR]
    toothless = [rival for rival in rivals if rival.coverage >= FLOOR]
    print(f"{len(missed)} realistic cells below {FLOOR}, {len(toothless)} rivals not below", file=sys.stderr)
    return 1 if missed or toothless else 0


if __name__ == "__main__":
    sys.exit(main())
