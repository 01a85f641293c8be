"""Is anything lost or measured twice when a sweep is killed? SIGKILL at random moments, then one `--resume`.

The networks are small and their times pretended (tests/workers/steady.py), so a case takes as long as its
processes take to start; the command, the store and everything else is real::

    python benchmarks/sweep_kills.py --output reports/sweep_kills.md
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sebench.store import ResultStore
from sebench.store.sweeps import SweepBook

ROOT = Path(__file__).parents[1]
NETWORKS = "from torch import nn\n\n\ndef {name}():\n    return nn.Conv2d(3, 4, 1)\n"


@dataclass(frozen=True, slots=True)
class Survived:
    """What was there in the end."""

    cases: int
    kills: int
    finished_at_kills: tuple[int, ...]
    """Cases with an outcome after each kill."""
    seconds: float
    lost: int
    """Cases without a result in the end."""
    twice: int
    """Results of a case beyond its first."""
    repeated: int
    """Cases whose outcome changed after it was first written."""


def main() -> None:
    """Kill, resume, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=5, help="times 8 is the number of cases")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", help="file for the report (Markdown)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        survived = killed_sweep(
            Path(folder), networks=arguments.networks, kills=arguments.kills, seed=arguments.seed
        )
    text = _report(survived, arguments.seed)
    print(text)
    if arguments.output:
        Path(arguments.output).write_text(text + "\n", encoding="utf-8")
    sys.exit(1 if survived.lost or survived.twice or survived.repeated else 0)


def killed_sweep(
    folder: Path, *, networks: int, kills: int, seed: int, python: str = sys.executable
) -> Survived:
    """Kill a sweep of 8 cases per network again and again, and go on with it as often.

    Args:
        folder: an empty one, to work in.
        networks: how many.
        kills: how many times it is killed while it runs; fewer where it was done before.
        seed: of the moments.
        python: the interpreter.

    Raises:
        RuntimeError: the command failed without having been killed.
    """
    names = [f"net{number}" for number in range(networks)]
    for name in names:
        (folder / f"{name}.py").write_text(NETWORKS.format(name=name), encoding="utf-8")
    cases, rng, began_s = 8 * networks, random.Random(seed), time.monotonic()
    starting_s, case_s = _paces(folder, python)
    book = SweepBook(folder / "results", "killed")
    first: dict[str, str | None] = {}
    finished: list[int] = []
    # Anywhere in the sweep, but so that it is not done before the last one.
    for reached in sorted(rng.randrange(cases - 2) for _ in range(kills)):
        done = finished[-1] if finished else 0
        delay_s = rng.uniform(0, starting_s if reached <= done else case_s)
        if not _killed(folder, names, max(reached, done), delay_s, python):
            break
        finished.append(_note(book, first))
    _run(folder, names, python)
    _note(book, first)
    sweep = book.read()
    results = Counter(path.stem[-12:] for path in ResultStore(book.directory).paths())
    return Survived(
        cases=len(sweep.cases),
        kills=len(finished),
        finished_at_kills=tuple(finished),
        seconds=time.monotonic() - began_s,
        lost=sum(results[case.id] == 0 for case in sweep.cases),
        twice=sum(count - 1 for count in results.values()),
        repeated=sum(first[outcome.id] != outcome.result for outcome in sweep.outcomes),
    )


def _note(book: SweepBook, first: dict[str, str | None]) -> int:
    """Remember the first result of each case; how many have an outcome."""
    outcomes = book.read().outcomes if book.exists else ()
    finished = [outcome for outcome in outcomes if outcome.status != "pending"]
    for outcome in finished:
        first.setdefault(outcome.id, outcome.result)
    return len(finished)


def _paces(folder: Path, python: str) -> tuple[float, float]:
    """Seconds that the command takes besides its cases, and those of a case."""
    began_s = time.monotonic()
    _run(folder, ["net0"], python, "paces")
    whole_s, began_s = time.monotonic() - began_s, time.monotonic()
    _run(folder, ["net0"], python, "paces")
    starting_s = time.monotonic() - began_s
    return starting_s, (whole_s - starting_s) / 8


def _command(names: Sequence[str], python: str, results: str) -> list[str]:
    models = [word for name in names for word in ("-m", f"{name}.py:{name}")]
    axes = "-v se -v eca -b 1 -b 2 --threads 1 --threads 2 --device cpu --seed 1"
    return [
        *(python, "-m", "tests.pretended", "sweep", *models, *axes.split()),
        *("--name", "killed", "--save", results, "--resume", "-o", os.devnull, "--quiet"),
    ]


def _environ(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")}


def _run(folder: Path, names: Sequence[str], python: str, results: str = "results") -> None:
    done = subprocess.run(
        _command(names, python, results),
        cwd=folder,
        env=_environ(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"sebench sweep ended with {done.returncode}: {done.stderr}")


def _killed(folder: Path, names: Sequence[str], reached: int, delay_s: float, python: str) -> bool:
    """Start it, wait for so many outcomes and then some, and kill it; False where it had ended before."""
    process = subprocess.Popen(
        _command(names, python, "results"),
        cwd=folder,
        env=_environ(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    outcomes = folder / "results" / "sweeps" / "killed" / "outcomes"
    while process.poll() is None and reached > len(list(outcomes.glob("*.json"))):
        time.sleep(0.002)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=delay_s)
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def _report(survived: Survived, seed: int) -> str:
    at_kills = survived.finished_at_kills
    lines = [
        "# A sweep that is killed",
        "",
        f"`sebench sweep` of {survived.cases} cases (small networks whose times are pretended), killed by "
        f"SIGKILL {survived.kills} times at random moments (seed {seed}) and started again with `--resume` "
        f"each time, then once to its end. {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}, {survived.seconds:.0f} s.",
        "",
        "| | |",
        "|---|---:|",
        f"| cases | {survived.cases} |",
        f"| kills | {survived.kills} |",
        f"| cases without a result in the end | {survived.lost} |",
        f"| results beyond one per case | {survived.twice} |",
        f"| finished cases that were measured again | {survived.repeated} |",
        "",
        f"Cases that were finished at each kill: {', '.join(map(str, at_kills))}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
