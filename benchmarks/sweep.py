"""What does `sebench sweep` cost besides what it measures? Time in which no worker process runs, by cases.

On pretended devices (tests/workers/steady.py) for growth, and real cases for the share of the wall time::

    python benchmarks/sweep.py --output reports/sweep_cost.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
NETWORK = "from torch import nn\n\n\ndef {name}():\n    return nn.Conv2d(3, 4, 1)\n"
QUICK_S = 21.0
"""What a quick case aims at."""
# The command with a stop-watch on its worker processes: their own time is not the harness's.
TIMED = """
import json, sys, time
from pathlib import Path
from sebench.cli import app
from sebench.runner.workers import child

alive_s, workers, began = 0.0, 0, {}
init, kill = child.Child.__init__, child.Child.kill

def timed_init(self, *args, **kwargs):
    global workers
    began[id(self)] = time.monotonic()
    workers += 1
    init(self, *args, **kwargs)

def timed_kill(self):
    global alive_s
    kill(self)
    if id(self) in began:
        alive_s += time.monotonic() - began.pop(id(self))

child.Child.__init__, child.Child.kill = timed_init, timed_kill
report, pretended = Path(sys.argv.pop(1)), sys.argv.pop(1) == "pretended"
host = None
if pretended:
    from tests.pretended import steady_host
    host = steady_host()
try:
    app(obj=host)
finally:
    report.write_text(json.dumps({"alive_s": alive_s, "workers": workers}))
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One sweep; seconds of wall time."""

    name: str
    cases: int
    wall_s: float
    alive_s: float
    """In which a worker process ran; never two at a time."""
    workers: int

    @property
    def harness_s(self) -> float:
        """In which none did."""
        return self.wall_s - self.alive_s


def main() -> None:
    """Sweep, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, nargs="+", default=[10, 40, 160], help="of pretended devices")
    parser.add_argument("--no-real", action="store_true", help="leave out the twelve real cases")
    parser.add_argument("--output", help="file for the report (Markdown)")
    arguments = parser.parse_args()
    rows = [pretended(cases) for cases in arguments.cases]
    if not arguments.no_real:
        rows.append(real())
    text = _report(rows)
    print(text)
    if arguments.output:
        Path(arguments.output).write_text(text + "\n", encoding="utf-8")


def pretended(cases: int) -> Row:
    """A sweep on pretended devices; half of the cases differ by network, half by batch."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        networks = [f"net{number}" for number in range(max(1, cases // 10))]
        for network in networks:
            (folder / f"{network}.py").write_text(NETWORK.format(name=network), encoding="utf-8")
        models = [word for each in networks for word in ("-m", f"{each}.py:{each}")]
        batches = [word for batch in range(1, 11) for word in ("-b", str(batch))]
        return _timed("pretended", [*models, *batches, "--threads", "1"], folder)


def real() -> Row:
    """Twelve real cases: three small networks, two batches, one and two threads."""
    models = "-m mobilenet_v1 -m cifar_resnet110 -m shufflenet_v1_g3 --image-size 32"
    axes = "-b 1 -b 8 --threads 1 --threads 2"
    with tempfile.TemporaryDirectory() as folder:
        return _timed("real", [*models.split(), *axes.split()], Path(folder))


def _timed(name: str, words: Sequence[str], folder: Path) -> Row:
    said = folder / "said.json"
    command = [
        *(sys.executable, "-c", TIMED, str(said), name, "sweep", *words, "-v", "se"),
        *("--device", "cpu", "--seed", "1", "--format", "json", "-o", str(folder / "sweep.json"), "--quiet"),
    ]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")}
    began_s = time.monotonic()
    subprocess.run(command, cwd=folder, env=environ, check=True, stdin=subprocess.DEVNULL)
    wall_s = time.monotonic() - began_s
    cases = json.loads((folder / "sweep.json").read_text())["cases"]
    if any(case["status"] != "done" for case in cases):
        raise SystemExit(f"not all cases are done: {cases}")
    alive = json.loads(said.read_text())
    return Row(name, len(cases), wall_s, alive["alive_s"], alive["workers"])


def _report(rows: Sequence[Row]) -> str:
    lines = [
        "# What a sweep costs besides what it measures",
        "",
        "`sebench sweep`, whole command, start of the interpreter and counting included. *harness* is the "
        "time in which no worker process ran. On pretended devices a case is over as soon as its processes "
        f"have started, so their share is also given of the {QUICK_S:g} s that a quick case aims at. "
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{datetime.now(UTC):%Y-%m-%d}.",
        "",
        "| cases | processes | wall (s) | harness (s) | per case (ms) | of the wall time | of quick cases |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(_line(row) for row in rows),
    ]
    grown = [row for row in rows if row.name == "pretended"]
    if len(grown) > 1:
        few, many = grown[0], grown[-1]
        each_s = (many.harness_s - few.harness_s) / (many.cases - few.cases)
        lines += [
            "",
            f"From {few.cases} to {many.cases} cases each one more adds {1000 * each_s:.0f} ms of harness.",
        ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    quick_s = QUICK_S * row.cases
    return (
        f"| {row.cases} {row.name} | {row.workers} | {row.wall_s:.1f} | {row.harness_s:.1f} | "
        f"{1000 * row.harness_s / row.cases:.0f} | {row.harness_s / row.wall_s:.1%} | "
        f"{row.harness_s / quick_s if row.name == 'pretended' else row.harness_s / row.wall_s:.2%} |"
    )


if __name__ == "__main__":
    main()
