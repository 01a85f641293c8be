"""Does a session that waits disturb the one that is timed? A network against itself, in each runtime.

Both sides of each pair are the same network from the same file, so the interval of their ratio should hold 1.
Every pair is measured alone, and with an idle session of another runtime alive in the same process, which has
just run once before each block. CPU time that is burnt while nothing is asked for is told too, in ms per 0.2 s.
Run it alone on the machine::

    python benchmarks/runtimes_aa.py --model resnet50 --blocks 40
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path
from random import Random

import torch

from sebench import models
from sebench.profilers.cpu import CpuDevice
from sebench.profilers.device import Step
from sebench.profilers.inputs import OwnInput, make_source
from sebench.profilers.runtimes import FILE_RUNTIMES
from sebench.schema import ModelSpec, Runtime, Workload
from sebench.statistics import paired_ratio

WAIT_S = 0.2
SEED = 1


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", default="resnet50")
    arguments.add_argument("--blocks", type=int, default=40)
    arguments.add_argument("--steps", type=int, default=5, help="per segment")
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = arguments.parse_args()
    print("| runtime | idle session | A/A ratio | 95 % interval | holds 1 | burnt while waiting (ms) |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as root:
        files = {name: _exported(name, options.model, options.threads, Path(root)) for name in FILE_RUNTIMES}
        for name in FILE_RUNTIMES:
            others = [other for other in FILE_RUNTIMES if other != name]
            for idle in (None, *others):
                print(_row(name, idle, files, options), flush=True)


def _workload(name: Runtime, model: str, threads: int) -> Workload:
    size = models.source_of(model).input_size(model)
    return Workload(input_shape=(1, *size), runtime=name, threads=threads)


def _exported(name: Runtime, model: str, threads: int, root: Path) -> Path:
    folder = root / name
    folder.mkdir()
    workload = _workload(name, model, threads)
    module = models.build(models.resolve(ModelSpec(model=model)), seed=SEED).module
    FILE_RUNTIMES[name].export(module, _input(workload), workload, folder)
    return folder


def _input(workload: Workload) -> OwnInput:
    source = make_source(workload, seed=SEED)
    return OwnInput(lambda: source, "cpu")


def _row(
    name: Runtime, idle: Runtime | None, files: dict[Runtime, Path], options: argparse.Namespace
) -> str:
    def step(runtime: Runtime) -> Step:
        workload = _workload(runtime, options.model, options.threads)
        return FILE_RUNTIMES[runtime].load(files[runtime], _input(workload), workload).run

    first, second = step(name), step(name)
    waiting = None if idle is None else step(idle)
    device = CpuDevice()
    with device.quiet():
        ratios = _log_ratios(device, (first, second), waiting, options)
        burnt_ms = 1e3 * _burnt_s(waiting or first)
    found = paired_ratio([ratios])
    low, high = math.exp(found.low), math.exp(found.high)
    return (
        f"| {name} | {idle or 'none'} | {math.exp(found.estimate):.4f} | {low:.4f} to {high:.4f} |"
        f" {'yes' if low <= 1 <= high else 'no'} | {burnt_ms:.1f} |"
    )
