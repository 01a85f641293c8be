"""Does a session that waits disturb the one that is timed? A network against itself, in each runtime.

Both sides of a pair are the same network, loaded twice from one file, so the interval of their ratio should
hold 1. Each runtime is measured alone, with an idle session of the other runtime alive in the same process,
and with one that has run right before each segment of the candidate, which is when threads that spin would
take the processor away. CPU time that the waiting session burns in 0.2 s is told too. Run it alone on the
machine::

    python benchmarks/runtimes_aa.py --model resnet50 --blocks 60
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from sebench import models
from sebench.profilers.cpu import CpuDevice
from sebench.profilers.device import Step
from sebench.profilers.environment import usable_cores
from sebench.profilers.inputs import OwnInput, make_source
from sebench.profilers.latency import draw_orders
from sebench.profilers.runtimes import FILE_RUNTIMES
from sebench.schema import ModelSpec, Runtime, Workload
from sebench.statistics import block_log_ratio, estimate_ratio

WAIT_S = 0.2
SEED = 1
MAX_PAUSE_S = 0.005


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", default="resnet50")
    arguments.add_argument("--blocks", type=int, default=60)
    arguments.add_argument("--steps", type=int, default=3, help="per segment")
    arguments.add_argument("--threads", type=int, default=usable_cores())
    options = arguments.parse_args()
    print(
        f"{options.model}, {options.threads} threads, {options.blocks} blocks of 4 x {options.steps} steps\n"
    )
    print("| runtime | third session | A/A ratio [95 % CI] | holds 1 | burnt in 0.2 s of waiting (ms) |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as root:
        loads = {
            name: _exported(_workload(name, options), options.model, Path(root)) for name in FILE_RUNTIMES
        }
        for name in FILE_RUNTIMES:
            print(_row(name, "none", loads[name], None, options), flush=True)
            for other in FILE_RUNTIMES:
                for when in ("idle", "has just run") if other != name else ():
                    third = loads[other]()
                    print(_row(name, f"{other}, {when}", loads[name], third, options), flush=True)


def _workload(name: Runtime, options: argparse.Namespace) -> Workload:
    size = models.source_of(options.model).input_size(options.model)
    return Workload(input_shape=(1, *size), runtime=name, threads=options.threads)


def _exported(workload: Workload, model: str, root: Path) -> Callable[[], Step]:
    """What makes a new session of the network each time."""
    runtime, folder, source = (
        FILE_RUNTIMES[workload.runtime],
        root / workload.runtime,
        make_source(workload, seed=SEED),
    )
    folder.mkdir()
    module = models.build(models.resolve(ModelSpec(model=model)), seed=SEED).module
    runtime.export(module, OwnInput(lambda: source, "cpu"), workload, folder)
    return lambda: runtime.load(folder, OwnInput(lambda: source, "cpu"), workload).run


def _row(
    name: Runtime,
    what: str,
    load: Callable[[], Step],
    third: Step | None,
    options: argparse.Namespace,
) -> str:
    sides, device, rng = {"A": load(), "B": load()}, CpuDevice(threads=options.threads), Random(SEED)
    before = third if third is not None and what.endswith("run") else None
    ratios = []
    with device.quiet():
        for step in sides.values():
            device.timed(step, 3)
        for order in draw_orders(options.blocks, rng):
            times = []
            for letter in order:
                device.pause(rng.uniform(0, MAX_PAUSE_S))
                if before is not None and letter == "B":
                    before()
                device.timed(sides[letter], 1)
                times.append(sum(device.timed(sides[letter], options.steps).steps_s))
            ratios.append(block_log_ratio(order, times))
        burnt_ms = 1e3 * _burnt_s(third or sides["A"])
    found = estimate_ratio([ratios])
    interval = "no interval" if found.ci_low is None else f"[{found.ci_low:.4f}, {found.ci_high:.4f}]"
    holds = found.ci_low is not None and found.ci_high is not None and found.ci_low <= 1 <= found.ci_high
    return f"| {name} | {what} | {found.ratio:.4f} {interval} | {'yes' if holds else 'no'} | {burnt_ms:.1f} |"


def _burnt_s(step: Step) -> float:
    """CPU time of this process while nothing is asked for, right after a step."""
    step()
    begun_s = time.process_time()
    time.sleep(WAIT_S)
    return time.process_time() - begun_s


if __name__ == "__main__":
    main()
