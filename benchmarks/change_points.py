"""How often does a trend show a change point where nothing changed, and how often does it find a step?

Simulates histories of n commits. A commit's log-ratio has a standard error of 1, estimated from six
processes; between sessions the level itself scatters by 0, 1 or 3 times as much. A step of so many standard
deviations of a commit lies in the middle; it is found if a change point is there or one commit beside it::

    python benchmarks/change_points.py --runs 5000
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from sebench.statistics import change_points, series_noise

LENGTHS = (6, 8, 10, 15, 20, 30, 50, 100)
BETWEEN = (0.0, 1.0, 3.0)
STEPS = (2.0, 3.0, 4.0, 6.0)
PROCESSES = 6


def main() -> None:
    """Print the two tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5000)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    draw = np.random.default_rng(options.seed)
    print(f"Change points where there is none, {options.runs} runs each\n")
    print(_row("n", [f"between x {between:g}" for between in BETWEEN]))
    print(_row("---", ["---"] * len(BETWEEN)))
    for length in LENGTHS:
        print(_row(length, [f"{_rate(draw, length, b, 0.0, options.runs):.3f}" for b in BETWEEN]))
    print("\nSteps found, no noise between sessions\n")
    print(_row("n", [f"step {step:g}" for step in STEPS]))
    print(_row("---", ["---"] * len(STEPS)))
    for length in LENGTHS:
        print(_row(length, [f"{_rate(draw, length, 0.0, s, options.runs):.3f}" for s in STEPS]))


def _rate(draw: np.random.Generator, length: int, between: float, step: float, runs: int) -> float:
    """Share of histories with a change point; with a step, of those with one where it is."""
    hits = 0
    for _ in range(runs):
        scatter = math.hypot(1, between)
        values = draw.normal(0, scatter, length) + step * scatter * (np.arange(length) >= length // 2)
        errors = np.sqrt(draw.chisquare(PROCESSES - 1, length) / (PROCESSES - 1))
        found = change_points(values, series_noise(values, errors))
        hits += any(not step or abs(place - length // 2) <= 1 for place in found)
    return hits / runs


def _row(first: object, rest: list[str]) -> str:
    return f"| {first} | {' | '.join(rest)} |"


if __name__ == "__main__":
    main()
