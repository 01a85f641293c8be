"""How long finding the sites of a network takes, against one forward pass of it on this CPU.

Finding is all that `sebench count --sites` does beside counting: a recording of the network on meta tensors,
and the search in it. Both are done in turn on the same network, in random order, so that slow drifts of the
machine meet both alike; a ratio is taken within its round. Each network has the input that it was measured
with in a table like tests/data/gates.csv, batch 1; rows of libraries that are not installed are left out.

Run, on a machine that does nothing else: python benchmarks/sites.py --output reports/sites.md
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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from sebench.counters import record
from sebench.profilers.environment import capture_environment
from sebench.statistics.intervals import signed_rank_interval
from sebench.surgery.sites import find_sites

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "tests" / "data" / "gates.csv"
SCRIPT = ROOT / "scripts" / "gates.py"


class Measured(NamedTuple):
    """Times of one network, one entry per round."""

    library: str
    model: str
    shape: tuple[int, ...]
    ops: int
    first_s: float
    """Of recording the network and finding its gates, the first time."""
    forward_s: list[float]
    finding_s: list[float]

    @property
    def label(self) -> str:
        """For a row."""
        return f"{self.library} {self.model}"

    @property
    def ratios(self) -> list[float]:
        """Finding to forward pass."""
        return [found / ran for found, ran in zip(self.finding_s, self.forward_s, strict=True)]


def outcomes(gates: Any, table: Path, libraries: list[str], models: list[str]) -> Iterator[Any]:  # noqa: ANN401 - of a script
    """Build the networks of a table, one after the other, and look for their gates for the first time."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        library = row["library"].split()[0]
        if (libraries and library not in libraries) or (models and row["model"] not in models):
            continue
        outcome = gates.examine(row)
        if outcome.module is not None:
            yield outcome


def _script() -> Any:  # noqa: ANN401 - a module by its path
    spec = importlib.util.spec_from_file_location("gates", SCRIPT)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["gates"] = module
    spec.loader.exec_module(module)
    return module


def measure(outcome: Any, rounds: int, order: random.Random) -> Measured:  # noqa: ANN401 - of a script
    """Time both in each round, in random order; one more round warms up and is dropped."""
    network: nn.Module = outcome.module.eval()
    shape: tuple[int, ...] = outcome.shape
    batch = torch.randn(shape)

    def forward() -> object:
        with torch.inference_mode():
            return network(batch)

    def finding() -> object:
        return find_sites(record(network, shape))

    times: dict[Callable[[], object], list[float]] = {forward: [], finding: []}
    for _ in range(rounds + 1):
        for work in order.sample([forward, finding], 2):
            begun_s = time.perf_counter()
            work()
            times[work].append(time.perf_counter() - begun_s)
    return Measured(
        library=outcome.row["library"].split()[0],
        model=outcome.row["model"],
        shape=shape,
        ops=len(record(network, shape).ops),
        first_s=outcome.find_s,
        forward_s=times[forward][1:],
        finding_s=times[finding][1:],
    )


def line_of(measured: Measured) -> str:
    """One row of the table."""
    logs = [math.log(ratio) for ratio in measured.ratios]
    limits = signed_rank_interval(logs)
    interval = "-" if limits is None else f"{math.exp(limits.low):.2f} .. {math.exp(limits.high):.2f}"
    return (
        f"| {measured.label} | {'x'.join(map(str, measured.shape))} | {measured.ops} "
        f"| {statistics.median(measured.forward_s) * 1e3:.1f} "
        f"| {statistics.median(measured.finding_s) * 1e3:.1f} | {measured.first_s * 1e3:.0f} "
        f"| {math.exp(statistics.median(logs)):.2f} | {interval} |"
    )


def ratio_of(measured: Measured) -> float:
    """The median of its rounds."""
    return statistics.median(measured.ratios)


def report(all_measured: list[Measured], versions: str, rounds: int, seed: int) -> str:
    """The page, the largest ratio first."""
    ordered = sorted(all_measured, key=ratio_of, reverse=True)
    above = sum(ratio_of(measured) >= 1 for measured in ordered)
    lines = [
        "# Finding sites against one forward pass",
        "",
        f"Batch 1, {rounds} interleaved rounds, seed {seed}; {datetime.now(UTC):%Y-%m-%d}, "
        f"{capture_environment().cpu.get('model')}, {torch.get_num_threads()} threads of {os.cpu_count()} "
        f"CPUs; Python {platform.python_version()}, torch {torch.__version__}, {versions}.",
        "",
        f"Finding is quicker in {len(ordered) - above} of {len(ordered)} networks"
        + (f"; the largest ratio is {ratio_of(ordered[0]):.2f} ({ordered[0].label})." if above else "."),
        "",
        "`ratio`: finding to forward pass in the same round, median and 95 % signed-rank interval. `first`: "
        "the first time, once, when ops are priced that no network before had; it ends when the gates are "
        "known. `finding` also says which site and stage each op belongs to, so that `first` can be smaller. "
        "`ops`: calls recorded.",
        "",
        "| network | input | ops | forward, ms | finding, ms | first, ms | ratio | interval |",
        "|---|---|---:|---:|---:|---:|---:|---|",
        *map(line_of, ordered),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse the command line, run, print and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "table", type=Path, nargs="?", default=TABLE, help="CSV with the columns of tests/data/gates.csv"
    )
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
    gates = _script()
    all_measured = []
    for outcome in outcomes(gates, options.table, options.library, options.model):
        all_measured.append(measure(outcome, options.rounds, order))
        print(line_of(all_measured[-1]), flush=True)
    libraries = dict.fromkeys(measured.library for measured in all_measured)
    versions = ", ".join(f"{library} {gates.version_of(library)}" for library in libraries)
    text = report(all_measured, versions, options.rounds, options.seed)
    print(text, end="")
    if options.output:
        options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
