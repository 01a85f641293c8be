"""How do listings and reports grow with what is stored? `sebench list results` and `sebench report`, run.

Fills a directory with results, each with its own id, time, network and commit, made of real ones, then runs
the real command: as the first that reads the directory, then with the index, then after one more result.
With ``--against`` an older version of sebench does the same in turn, on the same files with an index of its own::

    python benchmarks/store_listing.py --against v0.1 --output reports/store_listing.md

The machine may be shared: CPU time (user and system) stands beside wall time, and ratios are of CPU time.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace

from sebench.schema import Environment, Result, StaticCost
from sebench.store import load_result
from sebench.store.index import INDEX_NAME

ROOT = Path(__file__).parents[1]
TEMPLATES = sorted((ROOT / "reports/cpu-amd-epyc/data").glob("*.json"))
MODELS = ("resnet50", "resnet101", "mobilenet_v1", "vgg16_bn", "inception_v3")
VARIANTS = ("se", "se(r=8)", "se(stages=2-4)", "eca")
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
FIRST, ONE_MORE = "first listing, one model", "one model, after one more result"
LISTINGS: Sequence[tuple[str, str]] = (
    ("one model and variant", "--model vgg16_bn --variant se(r=8) --limit 50"),
    ("one commit", "--commit 00000007"),
    ("one commit, JSON", "--commit 00000007 --format json"),
    ("newest 20", "--limit 20"),
    ("last day", f"--since {NEWEST - timedelta(days=1):%Y-%m-%d}"),
    ("nothing found", "--model resnet5"),
)
FORMATS = ("table", "html", "markdown", "json")
_ID, _TIME, _COMMIT = (f"placeholder{number}" for number in range(3))
_FEW_OPS = 12


@dataclass(frozen=True, slots=True)
class Side:
    """One version of sebench, and its own directory of the same files."""

    tree: Path
    directory: Path


@dataclass(frozen=True, slots=True)
class Spent:
    """What one command took."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """One command on one directory, run by each side in turn."""

    results: int
    command: str
    now: tuple[Spent, ...]
    before: tuple[Spent, ...]
    """Empty where there is nothing to compare with."""


def main() -> None:
    """Fill, run, report."""
    arguments = _parse()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder, _tree(arguments.against) as old:
        trees = (ROOT,) if old is None else (ROOT, old)
        listings = [
            row
            for count in arguments.results
            for row in _listings(Path(folder) / f"list-{count}", count, trees, arguments.repeats)
        ]
        reports = [
            row
            for count in arguments.reports
            for row in _reports(Path(folder) / f"report-{count}", count, trees, arguments.repeats)
        ]
    text = _report(listings, reports, arguments)
    print(text)
    if arguments.output:
        Path(arguments.output).write_text(text + "\n", encoding="utf-8")


# --- commands ---------------------------------------------------------------------------------------------


def _listings(folder: Path, count: int, trees: Sequence[Path], repeats: int) -> Iterator[Row]:
    options = LISTINGS[0][1]
    sides = _filled(folder, count, trees, small=True)
    yield _row(count, FIRST, sides, lambda side: _listed(side, options), 1)
    for name, filters in LISTINGS:
        yield _row(count, name, sides, lambda side, filters=filters: _listed(side, filters), repeats)
    late = iter(range(count, count + repeats))

    def one_more() -> None:
        file = folder / "late.json"
        number = next(late)
        file.write_bytes(_content(_template(small=True), number))
        for side in sides:
            os.link(file, side.directory / f"{_id(number)}.json")
        file.unlink()

    yield _row(count, ONE_MORE, sides, lambda side: _listed(side, options), repeats, before_each=one_more)
    shutil.rmtree(folder)


def _reports(folder: Path, count: int, trees: Sequence[Path], repeats: int) -> Iterator[Row]:
    sides = _filled(folder, count, trees, small=False)
    for side in sides:
        _listed(side, "--limit 1")
    for each in FORMATS:
        output = folder / f"report.{each}"

        def made(side: Side, each: str = each, output: Path = output) -> Spent:
            return _spent(side, f"report --results {side.directory} --format {each} -o {output} --quiet")

        yield _row(count, each, sides, made, repeats)
    shutil.rmtree(folder)


def _row(
    count: int,
    command: str,
    sides: Sequence[Side],
    run: Callable[[Side], Spent],
    repeats: int,
    *,
    before_each: Callable[[], None] = lambda: None,
) -> Row:
    found: list[list[Spent]] = [[] for _ in sides]
    for _ in range(repeats):
        before_each()
        for side, spent in zip(sides, found, strict=True):
            spent.append(run(side))
    now, *before = map(tuple, found)
    print(f"{count} {command}: {now[-1].wall_s:.2f} s", file=sys.stderr)
    return Row(count, command, now, before[0] if before else ())


def _listed(side: Side, options: str) -> Spent:
    return _spent(side, f"list results --results {side.directory} {options}")


def _spent(side: Side, arguments: str) -> Spent:
    """Of the whole command, the start of the interpreter included."""
    began_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "sebench", *arguments.split()],
        cwd=side.directory.parent,
        env={**os.environ, "PYTHONPATH": str(side.tree)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"sebench {arguments}: exit code {process.returncode}")
    return Spent(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


@contextmanager
def _tree(commit: str | None) -> Iterator[Path | None]:
    """An older version of sebench, beside this one."""
    if commit is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ("git", "-C", str(ROOT), "worktree")
        subprocess.run([*git, "add", "--detach", str(tree), commit], check=True, capture_output=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True, capture_output=True)


# --- files ------------------------------------------------------------------------------------------------


def _filled(folder: Path, count: int, trees: Sequence[Path], *, small: bool) -> list[Side]:
    """A directory of `count` results for each tree; the files are the same, the indices are not."""
    sides = [Side(tree, folder / f"side-{place}" / "results") for place, tree in enumerate(trees)]
    for side in sides:
        side.directory.mkdir(parents=True)
    template = _template(small=small)
    for number in range(count):
        path = sides[0].directory / f"{_id(number)}.json"
        path.write_bytes(_content(template, number))
        for side in sides[1:]:
            os.link(path, side.directory / path.name)
    for side in sides:  # compiles, and reads the packages into memory
        _spent(side, "list results --results .")
        (side.directory.parent / INDEX_NAME).unlink(missing_ok=True)
    return sides


def _template(*, small: bool) -> Callable[[int], bytes]:
    """Files of real results with their place names left open, for each network and variant."""
    stored = [load_result(path) for path in TEMPLATES]
    known: dict[tuple[int, int, int], bytes] = {}

    def template(number: int) -> bytes:
        kind = (number % len(stored), number % len(MODELS), number // len(MODELS) % len(VARIANTS))
        if kind not in known:
            found = _quick(stored[kind[0]]) if small else stored[kind[0]]
            known[kind] = _file(_open(found, MODELS[kind[1]], VARIANTS[kind[2]]))
        return known[kind]

    return template


def _quick(result: Result) -> Result:
    """As of a small network measured in one process, so that a hundred thousand fit on a disk."""
    measured = tuple(
        replace(measurement, processes=measurement.processes[:1]) for measurement in result.measurements
    )
    costs = (result.baseline_cost, result.candidate_cost)
    baseline, candidate = (cost and _few(cost) for cost in costs)
    return replace(result, measurements=measured, baseline_cost=baseline, candidate_cost=candidate)


def _few(cost: StaticCost) -> StaticCost:
    return replace(cost, ops=cost.ops[:_FEW_OPS], sites=cost.sites[:_FEW_OPS])


def _open(result: Result, model: str, variant: str) -> Result:
    pair = result.pair
    git = {"commit": _COMMIT, "dirty": False, "branch": "main"}
    environment: Environment = replace(result.environment, git=git)
    return replace(
        result,
        id=_ID,
        created_at=_TIME,
        pair=replace(
            pair,
            baseline=replace(pair.baseline, model=model),
            candidate=replace(pair.candidate, model=model, variant=variant),
        ),
        environment=environment,
    )


def _file(result: Result) -> bytes:
    return msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n"


def _content(template: Callable[[int], bytes], number: int) -> bytes:
    return (
        template(number)
        .replace(_ID.encode(), _id(number).encode(), 1)
        .replace(_TIME.encode(), _moment(number).isoformat(timespec="seconds").encode(), 1)
        .replace(_COMMIT.encode(), f"{number // 10:08x}{'0' * 32}".encode(), 1)
    )


def _id(number: int) -> str:
    return f"{_moment(number):%Y%m%dT%H%M%S%fZ}-{MODELS[number % len(MODELS)]}-plain-se-{number:06x}"


def _moment(number: int) -> datetime:
    return NEWEST - timedelta(minutes=10 * number)


# --- report -----------------------------------------------------------------------------------------------


def _report(listings: Sequence[Row], reports: Sequence[Row], arguments: argparse.Namespace) -> str:
    small, large = (_mean_kib(small=small) for small in (True, False))
    against = f" Before: {arguments.against}." if arguments.against else ""
    lines = [
        "# How reading grows with what is stored",
        "",
        "Whole commands, start of the interpreter included; medians of "
        f"{arguments.repeats} runs{' in turn' if arguments.against else ''} (one where it says first). The "
        "machine is shared, so CPU time (user and system) stands beside wall time, and ratios are of CPU "
        f"time, with their smallest and largest value.{against} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}.",
        "",
        "## `sebench list results`",
        "",
        f"Files have {small:.0f} KiB on average, as of small networks measured in one process. The "
        " first listing finds no index, so it reads all of them (from the page cache).",
        "",
        *_table(listings, "listing"),
        "",
        "## `sebench report`",
        "",
        f"Of files of {large:.0f} KiB on average, as stored by `--effort standard`, to a file of the format.",
        "",
        *_table(reports, "format"),
    ]
    return "\n".join(lines)


def _table(rows: Sequence[Row], what: str) -> Iterator[str]:
    compared = any(row.before for row in rows)
    former = " before: wall (s) | CPU (s) | peak (MB) | CPU, before / now |" if compared else ""
    yield f"| results | {what} | wall (s) | CPU (s) | peak (MB) |{former}"
    yield "|---:|---|---:|---:|---:|" + ("---:|---:|---:|---:|" if compared else "")
    for row in rows:
        cells = [f"{row.results}", row.command, *_figures(row.now)]
        if row.before:
            ratios = [old.cpu_s / new.cpu_s for new, old in zip(row.now, row.before, strict=True)]
            spread = f" ({min(ratios):.1f} to {max(ratios):.1f})" if len(ratios) > 1 else ""
            cells += [*_figures(row.before), f"{statistics.median(ratios):.1f}{spread}"]
        yield f"| {' | '.join(cells)} |"


def _figures(spent: Sequence[Spent]) -> Iterator[str]:
    yield f"{statistics.median(one.wall_s for one in spent):.2f}"
    yield f"{statistics.median(one.cpu_s for one in spent):.2f}"
    yield f"{max(one.peak_bytes for one in spent) / 1e6:.0f}"


def _mean_kib(*, small: bool) -> float:
    template = _template(small=small)
    return statistics.mean(len(_content(template, number)) for number in range(140)) / 1024


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--results", type=int, nargs="*", default=[1_000, 10_000, 100_000], help="how many to list"
    )
    parser.add_argument("--reports", type=int, nargs="*", default=[100, 1_000], help="how many to report")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each command")
    parser.add_argument("--against", metavar="COMMIT", help="also run this version of sebench, in turn")
    parser.add_argument("--folder", help="where to put the files; default: the usual temporary folder")
    parser.add_argument("--output", help="file for the report (Markdown)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
