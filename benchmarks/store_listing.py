"""How long does `sebench list results` take with many stored results?

Fills a directory with copies of a real result, each with its own id, time, network and commit, then runs the
real command: cold (no index), warm, with each filter, and after one more result. Median of a few runs::

    python benchmarks/store_listing.py --results 10000 --output reports/store_listing.md
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
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from sebench.schema import Result
from sebench.store import ResultStore, load_result

TEMPLATES = sorted((Path(__file__).parents[1] / "reports/cpu-amd-epyc/data").glob("*.json"))
MODELS = ("resnet50", "resnet101", "mobilenet_v1", "vgg16_bn", "inception_v3")
VARIANTS = ("se", "se(r=8)", "se(stages=2-4)")
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
LISTINGS: Sequence[tuple[str, str]] = (
    ("everything, as a table", ""),
    ("everything, as JSON", "--format json"),
    ("everything, as CSV", "--format csv"),
    ("newest 20", "--limit 20"),
    ("one model", "--model vgg16_bn"),
    ("one variant", "--variant se(r=8)"),
    ("one commit", "--commit 00000007"),
    ("since a date", "--since 2026-10-30"),
    ("one device", "--device cpu"),
    ("nothing found", "--model resnet5"),
)


def main() -> None:
    """Fill, list, report."""
    arguments = _parse()
    with tempfile.TemporaryDirectory() as folder:
        store = ResultStore(Path(folder))
        templates = [load_result(path) for path in TEMPLATES]
        for number in range(arguments.results):
            store.add(_variation(templates[number % len(templates)], number))
        size_bytes = sum(path.stat().st_size for path in store.paths())
        rows = [("first time, no index", _seconds(store, "")), *_warm(store, arguments.repeats)]
        store.add(_variation(templates[0], arguments.results))
        rows.append(("after one more result", _seconds(store, "--limit 20")))
    text = _report(rows, arguments.results, size_bytes)
    print(text)
    if arguments.output:
        Path(arguments.output).write_text(text + "\n", encoding="utf-8")


def _warm(store: ResultStore, repeats: int) -> list[tuple[str, float]]:
    return [
        (name, statistics.median(_seconds(store, options) for _ in range(repeats)))
        for name, options in LISTINGS
    ]


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
        "--from",
        str(store.directory),
        *options.split(),
    ]
    began_s = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began_s


def _report(rows: Sequence[tuple[str, float]], results: int, size_bytes: int) -> str:
    lines = [
        f"# `sebench list results` with {results} stored results",
        "",
        f"{size_bytes / 2**30:.2f} GiB of files; whole command, start of the interpreter included. "
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}.",
        "",
        "| listing | s |",
        "|---|---:|",
        *(f"| {name} | {seconds:.2f} |" for name, seconds in rows),
    ]
    return "\n".join(lines)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=int, default=10_000, help="how many to store")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each listing")
    parser.add_argument("--output", help="file for the report (Markdown)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
