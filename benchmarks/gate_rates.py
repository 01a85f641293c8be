"""How often does the gate fail what is fine, and catch what is not? Simulated, the library's own functions.

Every invocation measures P fresh processes of B blocks; what stays inconclusive is extended once; a repeated
invocation pools all samples so far, as `sebench check` does. Noise: blocks 1 %, processes 0.5 % unless said
otherwise. Run:

    python benchmarks/gate_rates.py --output reports/gate.md
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

import sebench
from sebench import statistics

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
    samples: list[list[list[float]]],
    log_ratios: Sequence[float],
    draw: Draw,
    attempt: int,
) -> tuple[list[statistics.Verdict], bool]:
    """One invocation over all metrics; adds to `samples`, which hold what earlier ones measured."""

    def measure() -> None:
        for metric, log_ratio in enumerate(log_ratios):
            samples[metric].extend(draw(rng, log_ratio) for _ in range(PROCESSES))

    measure()
    first = verdicts(samples, attempt, look=1)
    if "inconclusive" not in first:
        return first, False
    measure()
    second = verdicts(samples, attempt, look=2)
    return [
        later if earlier == "inconclusive" else earlier for earlier, later in zip(first, second, strict=True)
    ], True


def verdicts(
    samples: Sequence[Sequence[Sequence[float]]], attempt: int, *, look: int
) -> list[statistics.Verdict]:
    """The decisions of one look, as `sebench.analysis.gate.decide` takes them."""
    confidence = statistics.look_confidence(attempt, look)
    found = [statistics.evidence(blocks) for blocks in samples]
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
        samples: list[list[list[float]]] = [[] for _ in log_ratios]
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


def report(runs: int, seed: int) -> str:
    """The table as Markdown."""
    started_s = time.monotonic()
    lines = [
        f"| {question} | {noise} | {found['failed']:.4f} | {found['inconclusive']:.4f} "
        f"| {found['passed']:.4f} | {found['extended']:.2f} |"
        for question, noise, log_ratios, until_green in cells()
        for found in [rates(log_ratios, DRAWS[noise], runs, seed, until_green=until_green)]
    ]
    took_s = time.monotonic() - started_s
    return "\n".join(
        (
            "# Verdicts of the gate",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, sebench {sebench.__version__}; {runs} gates per row, seed",
            f"{seed}, {took_s:.0f} s on one core. Made by",
            "`python benchmarks/gate_rates.py --output reports/gate.md`:",
            "simulated block ratios through `sebench.statistics`, limit 1.05, 6 processes of 6 blocks, one",
            "extension by 6 more. Standard error of a share of 0.025: "
            f"{math.sqrt(0.025 * 0.975 / runs):.4f}.",
            f"Half-width of the 95 % interval before the extension: {half_width() * 100:.2f} %.",
            "",
            "| true ratio | noise | failed | inconclusive | passed | extended |",
            "|---|---|---|---|---|---|",
            *lines,
            "",
        )
    )


def main() -> None:
    """Simulate and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20_240)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    asked.output.write_text(report(asked.runs, asked.seed), encoding="utf-8")
    print(asked.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
