"""What does a case cost on a Ray cluster that it does not cost on the same machine without one?

The same sweep with and without ``--ray``, in turn and in random order, on a cluster of one node that is this
machine. On pretended devices (tests/workers/steady.py), where nothing but the harness takes time, a short and
a long sweep tell what each case takes from what a sweep takes once; real quick cases show the whole::

    python benchmarks/sweep_ray.py --output reports/sweep_ray.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
NETWORK = "STEP_S = 0.2\nfrom torch import nn\n\n\ndef net():\n    return nn.Conv2d(3, 4, 1)\n"
QUICK_S = 21.0
"""What a quick case aims at."""
FEW, MANY = 2, 22
REAL = ["-m", "cifar_resnet110", "--image-size", "32", "-b", "1", "-b", "8", "--threads", "1"]
# The command whose cases run on a pretended device, here or on a node.
PRETENDED = "from sebench.cli import app; from tests.pretended import steady_host; app(obj=steady_host())"


class Round(NamedTuple):
    """Wall time in seconds of the same sweep without and with Ray."""

    local_s: float
    ray_s: float

    @property
    def ratio(self) -> float:
        """With Ray to without."""
        return self.ray_s / self.local_s


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of pretended devices")
    parser.add_argument("--real-rounds", type=int, default=2, help="of real cases")
    parser.add_argument("--output", help="file for the report (Markdown)")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name, _cluster(Path(name)) as address:
        folder, order = Path(name), random.Random(1)
        (folder / "net.py").write_text(NETWORK, encoding="utf-8")
        (folder / "steady").touch()
        few = list(_rounds(arguments.rounds, _batches(FEW), address, folder, order, pretended=True))
        many = list(_rounds(arguments.rounds, _batches(MANY), address, folder, order, pretended=True))
        real = list(_rounds(arguments.real_rounds, REAL, address, folder, order, pretended=False))
    text = _report(few, many, real, load)
    print(text)
    if arguments.output:
        Path(arguments.output).write_text(text + "\n", encoding="utf-8")


def _batches(count: int) -> list[str]:
    batches = (word for batch in range(1, count + 1) for word in ("-b", str(batch)))
    return ["-m", "net.py:net", "-v", "asis", "--threads", "1", *batches]


def _rounds(
    count: int, words: Sequence[str], address: str, folder: Path, order: random.Random, *, pretended: bool
) -> Iterator[Round]:
    """One more round, which is dropped, fills the cache of counts."""
    for number in range(count + 1):
        times: dict[str | None, float] = {}
        for each in order.sample([None, address], 2):
            times[each] = _timed(words, each, folder, pretended=pretended)
        if number:
            yield Round(times[None], times[address])


def _timed(words: Sequence[str], address: str | None, folder: Path, *, pretended: bool) -> float:
    program = ["-m", "sebench"]
    if pretended:
        program = ["-c", PRETENDED] if address is None else ["-m", "tests.ray_sweep"]
    command = [sys.executable, *program, "sweep", *words, *([] if address is None else ["--ray", address])]
    command += ["--device", "cpu", "--seed", "1", "--quiet", "--name", "sweep", "--restart"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    began_s = time.monotonic()
    subprocess.run(command, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL)
    wall_s = time.monotonic() - began_s
    outcomes = folder / ".sebench" / "results" / "sweeps" / "sweep" / "outcomes"
    statuses = [json.loads(file.read_text())["status"] for file in outcomes.iterdir()]
    if set(statuses) != {"done"}:
        raise SystemExit(f"not all cases are done: {statuses}")
    return wall_s


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    from tests.ray_cluster import RayCluster

    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")  # a node has the same counts as the command
    with RayCluster() as cluster:
        cluster.add("here", num_cpus=os.cpu_count())
        yield cluster.address


def _report(few: list[Round], many: list[Round], real: list[Round], load: float) -> str:
    each_s = [
        ((long.ray_s - short.ray_s) - (long.local_s - short.local_s)) / (MANY - FEW)
        for short, long in zip(few, many, strict=True)
    ]
    per_case_s = statistics.median(each_s)
    once_s = statistics.median(one.ray_s - one.local_s for one in few) - FEW * per_case_s
    shares = [f"{each / QUICK_S:.1%}" for each in (min(each_s), per_case_s, max(each_s))]
    return "\n".join(
        [
            "# What a case costs more on a Ray cluster",
            "",
            "`sebench sweep` with and without `--ray`, in turn, on a cluster of one node, this machine. "
            f"Ray {metadata.version('ray')}, {platform.machine()}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}, "
            f"load average {load:.1f} at the start.",
            "",
            "| | median | least | most |",
            "|---|---:|---:|---:|",
            f"| each case, on pretended devices ({len(each_s)} rounds of {FEW} and {MANY} cases) | "
            f"{1e3 * per_case_s:.0f} ms | {1e3 * min(each_s):.0f} ms | {1e3 * max(each_s):.0f} ms |",
            f"| of the {QUICK_S:g} s that a quick case aims at | {shares[1]} | {shares[0]} | {shares[2]} |",
            f"| each sweep, once | {once_s:.1f} s | | |",
            _real_line(real),
        ]
    )


def _real_line(real: list[Round]) -> str:
    if not real:
        return ""
    ratios = [each.ratio for each in real]
    return (
        f"| wall time of a sweep of 2 real quick cases, with Ray / without ({len(real)} rounds) | "
        f"{statistics.median(ratios):.3f} | {min(ratios):.3f} | {max(ratios):.3f} |"
    )


if __name__ == "__main__":
    main()
