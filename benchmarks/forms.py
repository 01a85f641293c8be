"""What does SE cost over the plain network in each runtime, as it is written and in each form?

All of one runtime live in one fresh process: the plain network, SE as written, and SE in each form, each a
captured graph with the same weights and input. They run in rounds, each once per round in random order, and a
round gives the log of each one's time over that of the plain network. The median of these is a process's
estimate; the interval is Student's t over processes. Overhead is the ratio minus one, and the target is a
share of that of SE as written, from the same rounds.

Run it alone on the machine::

    python benchmarks/forms.py --output reports/forms.md
    python benchmarks/forms.py --runtime onnxruntime --form folded --processes 3 --seconds 40
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from sebench.schema import Runtime

TARGETS = {"onnxruntime": 1 / 2, "openvino": 2 / 3, "freezing": 1 / 2, "eager": 2 / 3}
"""Largest share of the overhead of SE as written, by runtime."""
FORMS = {
    "onnxruntime": ("expanded", "blocked", "folded"),
    "openvino": ("pooled", "conv1x1", "pooled+conv1x1"),
    "freezing": ("pooled",),
    "eager": ("pooled", "fused", "pooled+fused"),
}
"""Those that `sebench tune --forms` would try, without the steps towards others."""
PACKAGES = ("torch", "onnxruntime", "openvino")
PLAIN, WRITTEN = "plain", "se"


def main() -> None:
    """Measure all that is asked for, or, as a child process, one runtime."""
    arguments = _parse()
    if arguments.child:
        print(json.dumps(_measure_here(arguments)))
        return
    found = {
        runtime: [_measure(runtime, number, arguments) for number in range(arguments.processes)]
        for runtime in arguments.runtime or TARGETS
    }
    text = _report(found, arguments)
    print(text)
    if arguments.output:
        Path(arguments.output).write_text(text + "\n", encoding="utf-8")


def _measure(runtime: str, number: int, arguments: argparse.Namespace) -> dict[str, list[float]]:
    command = [sys.executable, __file__, "--child", "--runtime", runtime, "--model", arguments.model]
    command += ["--threads", str(arguments.threads), "--seconds", str(arguments.seconds)]
    command += ["--image-size", str(arguments.image_size), "--seed", str(arguments.seed + number)]
    for form in arguments.form or FORMS[runtime]:
        command += ["--form", form]
    print(f"{runtime}: process {number + 1} of {arguments.processes}", file=sys.stderr)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure_here(arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of every step in every round, by variant."""
    import torch

    (runtime,) = arguments.runtime
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    steps = _steps(runtime, arguments)
    for _ in range(3):
        for step in steps.values():
            step()
    order, names = random.Random(arguments.seed), list(steps)
    times: dict[str, list[float]] = {name: [] for name in names}
    started = time.monotonic()
    while time.monotonic() - started < arguments.seconds or len(times[PLAIN]) < 2:
        order.shuffle(names)
        for name in names:
            begun = time.perf_counter()
            steps[name]()
            times[name].append(time.perf_counter() - begun)
    return times


def _steps(runtime: str, arguments: argparse.Namespace) -> dict[str, Callable[[], object]]:
    """A step of each variant; all are captured graphs, those of SE with the same weights."""
    import torch
    from torch import nn

    from sebench import models
    from sebench.inputs import Inputs
    from sebench.profilers.inputs import OwnInput
    from sebench.profilers.runtimes import PREPARE, Batch
    from sebench.schema import ModelSpec, Workload
    from sebench.schema.forms import canonical_forms
    from sebench.surgery.capture import capture
    from sebench.surgery.forms import spell

    shape = (1, 3, arguments.image_size, arguments.image_size)
    batch = Inputs((torch.randn(shape, generator=torch.Generator().manual_seed(arguments.seed)),))
    workload = Workload(input_shape=shape, runtime=cast("Runtime", runtime), threads=arguments.threads)
    captured = {
        variant: capture(
            models.build(ModelSpec(model=arguments.model, variant=variant), seed=arguments.seed).module, batch
        )
        for variant in (PLAIN, WRITTEN)
    }
    networks: dict[str, nn.Module] = {name: each.module() for name, each in captured.items()}
    for form in arguments.form:
        networks[f"se(form={form})"] = spell(captured[WRITTEN], canonical_forms(form.split("+")))
    names = list(networks)
    random.Random(arguments.seed).shuffle(names)  # addresses differ between processes
    own = OwnInput(lambda: batch, "cpu")
    prepare = PREPARE[workload.runtime]
    return {name: prepare(networks[name], Batch(input=own, seed=0), workload).run for name in names}


def _report(found: dict[str, list[dict[str, list[float]]]], arguments: argparse.Namespace) -> str:
    from sebench.profilers.environment import capture_environment

    machine = capture_environment().cpu
    lines = [
        f"# Forms of SE: {arguments.model}, batch 1, {arguments.image_size} px, float32,"
        f" {arguments.threads} threads",
        "",
        f"{machine.get('model')}, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()},"
        f" {', '.join(f'{name} {version(name)}' for name in PACKAGES)}; {arguments.processes} fresh processes"
        f" of {arguments.seconds:g} s per runtime, seed {arguments.seed}. Ratios are over the plain network"
        " in the same runtime, with 95 % intervals over processes; overhead is the ratio minus one.",
        "",
        "| runtime | variant | ms | ratio to plain | share of today's overhead | target | met |",
        "|---|---|---|---|---|---|---|",
    ]
    for runtime, processes in found.items():
        written = statistics.fmean(_log_ratios(processes, WRITTEN))
        for variant in (PLAIN, WRITTEN, *sorted(processes[0].keys() - {PLAIN, WRITTEN})):
            if variant == PLAIN:
                lines.append(f"| {runtime} | {PLAIN} | {_milliseconds(processes, variant)} | 1 | | | |")
                continue
            logs = _log_ratios(processes, variant)
            share = math.expm1(statistics.fmean(logs)) / math.expm1(written) if written > 0 else math.nan
            judged = ("", "") if variant == WRITTEN else _judged(share, TARGETS[runtime])
            figures = _milliseconds(processes, variant), _with_interval(logs), f"{share:.2f}"
            lines.append(f"| {' | '.join((runtime, variant, *figures, *judged))} |")
    return "\n".join(lines)


def _judged(share: float, target: float) -> tuple[str, str]:
    return f"{target:.2f}", "yes" if share <= target else "no"


def _log_ratios(processes: Sequence[dict[str, list[float]]], variant: str) -> list[float]:
    """One per process: the median over rounds."""
    return [
        statistics.median(math.log(a / b) for a, b in zip(times[variant], times[PLAIN], strict=True))
        for times in processes
    ]


def _with_interval(logs: Sequence[float]) -> str:
    from sebench.statistics.intervals import t_interval

    ratio = f"{math.exp(statistics.fmean(logs)):.3f}"
    limits = t_interval(logs)
    return ratio if limits is None else f"{ratio} [{math.exp(limits.low):.3f}, {math.exp(limits.high):.3f}]"


def _milliseconds(processes: Sequence[dict[str, list[float]]], variant: str) -> str:
    return f"{statistics.fmean(statistics.median(times[variant]) for times in processes) * 1e3:.1f}"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--runtime", action="append", choices=tuple(TARGETS), help="repeatable; default: all")
    parser.add_argument("--form", action="append", default=[], help="repeatable; default: see FORMS")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--processes", type=int, default=3, help="fresh ones per runtime")
    parser.add_argument("--seconds", type=float, default=20, help="of measuring in each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", help="Markdown file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
