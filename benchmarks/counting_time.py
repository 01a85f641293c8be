"""How long a first count takes, against another checkout: fresh processes, with no count kept from earlier.

Both checkouts run each command once a round, in a random order; a ratio is taken within its round. CPU time
(user and system, children included) is what to look at on a machine that others use as well.

Run: python benchmarks/counting_time.py --against ../other-checkout --rounds 8 --output counting_time.md
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from sebench.statistics import hodges_lehmann, signed_rank_interval

COMMANDS = ("count -m resnet50", "verify", "table all")
HERE = Path(__file__).parents[1]


class Spent(NamedTuple):
    """What a command took."""

    wall_s: float
    cpu_s: float


def run(tree: Path, command: str) -> tuple[Spent, bytes]:
    """One run of a checkout's own code with an empty cache, and what it printed."""
    with tempfile.TemporaryDirectory() as empty:
        environ = {**os.environ, "PYTHONPATH": str(tree), "XDG_CACHE_HOME": empty}
        before, begun_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        arguments = [sys.executable, "-m", "sebench", *command.split()]
        done = subprocess.run(arguments, cwd=empty, env=environ, capture_output=True, check=True)
        wall_s, after = time.perf_counter() - begun_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Spent(wall_s, cpu_s), done.stdout


def measure(command: str, other: Path, rounds: int, order: random.Random) -> tuple[list[Spent], list[Spent]]:
    """Both checkouts in rounds, after one run of each that is not timed; they must print the same.

    Raises:
        SystemExit: they do not.
    """
    trees = (HERE, other)
    if len({run(tree, command)[1] for tree in trees}) > 1:
        raise SystemExit(f"sebench {command} prints something else in {other}")
    spent: dict[Path, list[Spent]] = {tree: [] for tree in trees}
    for _ in range(rounds):
        for tree in order.sample(trees, 2):
            spent[tree].append(run(tree, command)[0])
    return spent[HERE], spent[other]


def interval(ratios: list[float]) -> str:
    """Hodges-Lehmann of the log-ratios, with its signed-rank interval where there are rounds enough."""
    logs = [math.log(ratio) for ratio in ratios]
    limits = signed_rank_interval(logs)
    said = "" if limits is None else f" [{math.exp(limits.low):.3f}, {math.exp(limits.high):.3f}]"
    return f"{math.exp(hodges_lehmann(logs)):.3f}{said}"


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, required=True, help="another checkout of sebench")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", action="append", help=f"repeatable; default: {', '.join(COMMANDS)}")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    order, other = random.Random(options.seed), options.against.resolve()
    lines = [
        "# First counts",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} CPUs, Python "
        f"{platform.python_version()}, torch {version('torch')}; {options.rounds} rounds, "
        "ratios (this checkout / the other) within rounds: Hodges-Lehmann with an interval of 95 % or more.",
        "",
        "| command | s here | s there | wall ratio | CPU s here | CPU s there | CPU ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for command in options.command or COMMANDS:
        here, there = measure(command, other, options.rounds, order)
        cells = []
        for kind in ("wall_s", "cpu_s"):
            ours, theirs = ([getattr(each, kind) for each in side] for side in (here, there))
            cells += [f"{statistics.median(ours):.2f}", f"{statistics.median(theirs):.2f}"]
            cells.append(interval([one / two for one, two in zip(ours, theirs, strict=True)]))
        lines.append(f"| `sebench {command}` | {' | '.join(cells)} |")
    text = "\n".join(lines) + "\n"
    options.output.write_text(text, encoding="utf-8") if options.output else print(text)


if __name__ == "__main__":
    main()
