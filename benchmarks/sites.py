"""How long finding the gates of a network takes, against one forward pass of it on this CPU.

Both are done in turn on the same network, in random order, so that slow drifts of the machine meet both
alike; a ratio is taken within its round. Finding is all that `sebench count --sites` does beside counting: a
recording of the network on meta tensors, and the search in it. The first round warms up and is dropped.

Networks and their inputs are those of a table with the columns of tests/data/gates.csv; rows of libraries
that are not installed are left out.

Run: python benchmarks/sites.py tests/data/gates.csv --rounds 9 --output reports/sites.md
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import math
import os
import platform
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from sebench.counters import record
from sebench.statistics.intervals import signed_rank_interval
from sebench.surgery.gates import find_gates

SCRIPT = Path(__file__).parents[1] / "scripts" / "gates.py"


class Measured(NamedTuple):
    """Times of one network, one entry per round."""

    label: str
    forward_s: list[float]
    finding_s: list[float]

    @property
    def ratios(self) -> list[float]:
        """Finding to forward pass."""
        return [found / ran for found, ran in zip(self.finding_s, self.forward_s, strict=True)]


def networks(
    table: Path, libraries: list[str], models: list[str]
) -> Iterator[tuple[str, nn.Module, tuple[int, ...]]]:
    """Build the networks of a table, one after the other."""
    gates = _script()
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        library = row["library"].split()[0]
        if (libraries and library not in libraries) or (models and row["model"] not in models):
            continue
        outcome = gates.examine(row)
        if outcome.module is not None:
            yield f"{library} {row['model']}", outcome.module, outcome.shape


def _script() -> Any:  # noqa: ANN401 - a module by its path
    spec = importlib.util.spec_from_file_location("gates", SCRIPT)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["gates"] = module
    spec.loader.exec_module(module)
    return module


def measure(
    label: str, network: nn.Module, shape: tuple[int, ...], rounds: int, order: random.Random
) -> Measured:
    """Time both in each round, in random order."""
    batch = torch.randn(shape)
    network.eval()

    def forward() -> object:
        with torch.inference_mode():
            return network(batch)

    def finding() -> object:
        return find_gates(record(network, shape))

    times: dict[Callable[[], object], list[float]] = {forward: [], finding: []}
    for _ in range(rounds + 1):
        for work in order.sample([forward, finding], 2):
            begun_s = time.perf_counter()
            work()
            times[work].append(time.perf_counter() - begun_s)
    return Measured(label, times[forward][1:], times[finding][1:])


def line_of(measured: Measured) -> str:
    """One row of the table."""
    logs = [math.log(ratio) for ratio in measured.ratios]
    limits = signed_rank_interval(logs)
    interval = "-" if limits is None else f"{math.exp(limits.low):.2f} .. {math.exp(limits.high):.2f}"
    return (
        f"| {measured.label} | {statistics.median(measured.forward_s) * 1e3:.1f} "
        f"| {statistics.median(measured.finding_s) * 1e3:.1f} "
        f"| {math.exp(statistics.median(logs)):.2f} | {interval} |"
    )


def report(all_measured: list[Measured], rounds: int, seed: int) -> str:
    """The page."""
    medians = [statistics.median(measured.ratios) for measured in all_measured]
    below = sum(ratio < 1 for ratio in medians)
    worst = max(zip(medians, all_measured, strict=True), key=lambda pair: pair[0], default=None)
    lines = [
        f"Finding gates against one forward pass, batch 1, {rounds} interleaved rounds, seed {seed}; "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}.",
        "",
        f"Finding is quicker in {below} of {len(all_measured)} networks"
        + (f"; the largest ratio is {worst[0]:.2f} ({worst[1].label})." if worst else "."),
        "",
        "`ratio`: finding to forward pass in the same round, median and 95 % signed-rank interval.",
        "",
        "| network | forward, ms | finding, ms | ratio | interval |",
        "|---|---|---|---|---|",
        *map(line_of, all_measured),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse the command line, run, print and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="CSV with the columns of tests/data/gates.csv")
    parser.add_argument("--library", action="append", default=[], help="only its rows; repeatable")
    parser.add_argument("--rounds", type=int, default=9, help="timed rounds per network (at least 6)")
    parser.add_argument("--threads", type=int, help="of the forward pass; default: as torch has it")
    parser.add_argument("--model", action="append", default=[], help="only this network; repeatable")
    parser.add_argument("--seed", type=int, default=0, help="of the order within rounds")
    parser.add_argument("--output", type=Path, help="also write the Markdown here")
    options = parser.parse_args()
    if options.rounds < 6:
        parser.error("--rounds must be at least 6: there is no interval otherwise")
    warnings.simplefilter("ignore")
    if options.threads:
        torch.set_num_threads(options.threads)
    order = random.Random(options.seed)
    all_measured = []
    for label, network, shape in networks(options.table, options.library, options.model):
        all_measured.append(measure(label, network, shape, options.rounds, order))
        print(line_of(all_measured[-1]), flush=True)
    text = report(all_measured, options.rounds, options.seed)
    print(text, end="")
    if options.output:
        options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
