"""What does the index of stored results save? `sebench list results` with it and without, run in turn.

Fills a directory with copies of real results, each with its own id, time, network and commit, then runs the
real command: with the index in place, after it was deleted (so that all files are read, and the index is made
anew), and after one more result::

    python benchmarks/store_listing.py --output reports/store_listing.md
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from sebench.schema import Result
from sebench.store import ResultStore, load_result
from sebench.store.index import INDEX_NAME

TEMPLATES = sorted((Path(__file__).parents[1] / "reports/cpu-amd-epyc/data").glob("*.json"))
MODELS = ("resnet50", "resnet101", "mobilenet_v1", "vgg16_bn", "inception_v3")
VARIANTS = ("se", "se(r=8)", "se(stages=2-4)")
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
LISTINGS: Sequence[tuple[str, str]] = (
    ("everything", ""),
    ("newest 20", "--limit 20"),
    ("one model", "--model vgg16_bn"),
    ("one commit", "--commit 00000007"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One listing of one directory; medians in seconds, of runs in turn."""

    results: int
    listing: str
    with_index_s: float
    without_s: float
    ratios: tuple[float, ...]
    """Without over with, of each pair of runs."""


def main() -> None:
    """Fill, list, report."""
    arguments = _parse()
    rows: list[Row] = []
    for results in arguments.results:
        with tempfile.TemporaryDirectory() as folder:
            store = ResultStore(Path(folder))
            templates = [load_result(path) for path in TEMPLATES]
            for number in range(results):
                store.add(_variation(templates[number % len(templates)], number))
            rows += [_row(store, results, listing, arguments.repeats) for listing in LISTINGS]
    text = _report(rows, arguments.repeats)
    print(text)
    if arguments.output:
        Path(arguments.output).write_text(text + "\n", encoding="utf-8")


def _row(store: ResultStore, results: int, listing: tuple[str, str], repeats: int) -> Row:
    name, options = listing
    without, with_index = [], []
    for _ in range(repeats):
        (store.directory / INDEX_NAME).unlink(missing_ok=True)
        without.append(_seconds(store, options))
        with_index.append(_seconds(store, options))
    ratios = tuple(slow / fast for slow, fast in zip(without, with_index, strict=True))
    return Row(results, name, statistics.median(with_index), statistics.median(without), ratios)


def _variation(template: Result, number: int) -> Result:
    moment = NEWEST - timedelta(minutes=10 * number)
    pair = template.pair
    model, variant = MODELS[number % len(MODELS)], VARIANTS[number // len(MODELS) % len(VARIANTS)]
    git = {"commit": f"{number // 10:08x}" + "0" * 32, "dirty": number % 3 == 0, "branch": "main"}
    return replace(
        template,
        id=f"{moment:%Y%m%dT%H%M%S%fZ}-{model}-plain-se-{number:06x}",
        created_at=moment.isoformat(timespec="seconds"),
        pair=replace(
            pair,
            baseline=replace(pair.baseline, model=model),
            candidate=replace(pair.candidate, model=model, variant=variant),
        ),
        environment=replace(template.environment, git=git),
    )


def _seconds(store: ResultStore, options: str) -> float:
    """Wall time of the whole command."""
    command = [
        sys.executable,
        "-m",
        "sebench",
        "list",
        "results",
        "--results",
        str(store.directory),
        *options.split(),
    ]
    began_s = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began_s


def _report(rows: Sequence[Row], repeats: int) -> str:
    lines = [
        "# What the index of stored results saves",
        "",
        "`sebench list results`, whole command, start of the interpreter included; medians of "
        f"{repeats} runs in turn, the ratio with its smallest and largest value. Without the index all files "
        f"are read, and it is made anew. {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}.",
        "",
        "| results | listing | with (s) | without (s) | without / with |",
        "|---:|---|---:|---:|---:|",
        *(
            f"| {row.results} | {row.listing} | {row.with_index_s:.2f} | {row.without_s:.2f} | "
            f"{statistics.median(row.ratios):.1f} ({min(row.ratios):.1f} to {max(row.ratios):.1f}) |"
            for row in rows
        ),
    ]
    return "\n".join(lines)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--results", type=int, nargs="+", default=[100, 1_000, 10_000], help="how many to store, one by one"
    )
    parser.add_argument("--repeats", type=int, default=5, help="pairs of runs of each listing")
    parser.add_argument("--output", help="file for the report (Markdown)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
