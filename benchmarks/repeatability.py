"""How well does a measured overhead ratio repeat? sebench against the two usual ways of timing a pair.

Three methods measure SE/plain of one network, each in the same wall-clock budget (start-up included) and in
fresh processes, in random order within each round:

* ``sebench``: ``sebench compare --effort quick``: randomised ABBA/BAAB blocks;
* ``torch``: ``torch.utils.benchmark`` ``blocked_autorange`` on one model, then on the other; medians;
* ``sequence``: N steps of one model, then of the other; means (what most benchmark scripts do).

Run it alone on the machine::

    python benchmarks/repeatability.py --rounds 8 --budget 25 --output reports/repeatability.md
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

STARTED_S = time.monotonic()
METHODS = ("sebench", "torch", "sequence")
DESCRIPTIONS = {
    "sebench": "`sebench compare --effort quick`",
    "torch": "`torch.utils.benchmark` `blocked_autorange`, one model after the other",
    "sequence": "N steps of one model, then N of the other, means",
}
Step = Callable[[], object]


def main() -> None:
    """Run the rounds, or, as a child process, one measurement."""
    arguments = _parse()
    if arguments.child:
        print(
            json.dumps(_measure_here(arguments.child, arguments.model, arguments.threads, arguments.budget))
        )
        return
    ratios: dict[str, list[float]] = {method: [] for method in METHODS}
    for round_number in range(arguments.rounds):
        for method in random.sample(METHODS, len(METHODS)):
            ratios[method].append(_measure(method, arguments))
            print(f"round {round_number + 1} {method}: {ratios[method][-1]:.4f}", file=sys.stderr)
    text = _report(ratios, arguments)
    print(text)
    if arguments.output:
        Path(arguments.output).write_text(text + "\n", encoding="utf-8")


def _measure(method: str, arguments: argparse.Namespace) -> float:
    if method == "sebench":
        options = f"--model {arguments.model} --threads {arguments.threads} --budget {arguments.budget}"
        command = ["-m", "sebench", "compare", *options.split()]
        command += ["--effort", "quick", "--device", "cpu", "--no-save", "--quiet", "--format", "json"]
    else:
        options = f"--child {method} --model {arguments.model} --threads {arguments.threads}"
        command = [__file__, *options.split(), "--budget", str(arguments.budget)]
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout)
    if method != "sebench":
        return float(answer)
    latency = next(m for m in answer["comparisons"][0]["metrics"] if m["metric"] == "latency")
    return float(latency["ratio"]["estimate"])


def _measure_here(method: str, model: str, threads: int, budget_s: float) -> float:
    import torch

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    with torch.inference_mode():
        steps = _steps(model)
        for step in steps.values():
            for _ in range(5):
                step()
        each_s = (budget_s - (time.monotonic() - STARTED_S)) / 2
        timer = _blocked_autorange if method == "torch" else _mean_of_many
        plain_s, se_s = (timer(steps[variant], each_s, threads) for variant in ("plain", "se"))
    return se_s / plain_s


def _steps(model: str) -> Mapping[str, Step]:
    import torch

    from sebench.models import build
    from sebench.schema import ModelSpec

    steps = {}
    for variant in ("plain", "se"):
        built = build(ModelSpec(model=model, variant=variant), seed=0)
        batch = torch.randn(built.input_shape)
        steps[variant] = lambda module=built.module, batch=batch: module(batch)
    return steps


def _blocked_autorange(step: Step, duration_s: float, threads: int) -> float:
    from torch.utils.benchmark import Timer

    timer = Timer("step()", globals={"step": step}, num_threads=threads)
    return float(timer.blocked_autorange(min_run_time=duration_s).median)


def _mean_of_many(step: Step, duration_s: float, threads: int) -> float:
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < duration_s:
        step()
        count += 1
    return (time.perf_counter() - start) / count


def _report(ratios: Mapping[str, list[float]], arguments: argparse.Namespace) -> str:
    from sebench.profilers.environment import capture_environment

    environment = capture_environment()
    own = statistics.stdev(ratios["sebench"])
    lines = [
        "# Repeatability of the overhead ratio",
        "",
        f"SE / plain of {arguments.model}, batch 1, CPU inference; {arguments.rounds} fresh processes per "
        f"method, {arguments.budget:g} s each with start-up, methods in random order within each round.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {environment.cpu.get('model')}, {arguments.threads} threads, "
        f"Python {platform.python_version()}, torch {environment.versions.get('torch')}. "
        "An SD of 8 values has a 95 % interval of 0.66 to 2.04 times itself.",
        "",
        "| method | mean ratio | SD | min | max | SD / sebench's |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for method, values in ratios.items():
        spread = statistics.stdev(values)
        lines.append(
            f"| {DESCRIPTIONS[method]} | {statistics.mean(values):.4f} | {spread * 100:.2f} % | "
            f"{min(values):.4f} | {max(values):.4f} | {spread / own:.1f} |"
        )
    lines += ["", "Ratios in the order they were measured:", ""]
    lines += [
        f"- {method}: {', '.join(f'{value:.4f}' for value in values)}" for method, values in ratios.items()
    ]
    options = f"--model {arguments.model} --rounds {arguments.rounds} --budget {arguments.budget:g}"
    lines += [
        "",
        f"Made by `python benchmarks/repeatability.py {options} --threads {arguments.threads}`.",
    ]
    return "\n".join(lines)


def _parse() -> argparse.Namespace:
    from sebench.profilers.environment import usable_cores

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--budget", type=float, default=25.0, help="seconds per measurement")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--output")
    parser.add_argument("--child", choices=METHODS[1:], help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
