"""How long counting a network takes: sebench.count against the counters its users come from.

Every tool gets its own copy of the network and is called as its own documentation does. After one warm-up
the tools run in rounds, in a new random order each round, so that slow drifts of the machine meet all of
them alike; a ratio is taken within its round. The first call in a fresh process is timed apart.

Run: python benchmarks/counting.py --rounds 15 --output counting.md
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib.util
import io
import logging
import os
import platform
import random
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sebench.counters import count
from sebench.models import build
from sebench.schema import ModelSpec

NETWORKS = (("resnet50", "plain"), ("resnet152", "se"), ("senet154", "se"))
INPUT_SHAPE = (1, 3, 224, 224)
REFERENCE = "sebench"

Counter = Callable[[], float]
"""Counts one network and returns what the tool calls its cost."""


def sebench_counter(network: nn.Module) -> Counter:
    """sebench.count, inference: MACs, FLOPs and bytes by op and module."""
    return lambda: sum(op.macs for op in count(network, INPUT_SHAPE).ops)


def unprimed_counter(network: nn.Module) -> Counter:
    """sebench.count when nothing was counted before: its process-wide memo is emptied for each call."""
    from sebench.counters.prices import forget

    primed = sebench_counter(network)

    def run() -> float:
        forget()
        return primed()

    return run


def fvcore_counter(network: nn.Module) -> Counter:
    """Fvcore FlopCountAnalysis ("flop" = MAC), by jit tracing."""
    from fvcore.nn import FlopCountAnalysis

    batch = torch.randn(INPUT_SHAPE)
    return lambda: FlopCountAnalysis(network, batch).total()


def thop_counter(network: nn.Module) -> Counter:
    """thop.profile (MACs), by forward hooks."""
    from thop import profile

    batch = torch.randn(INPUT_SHAPE)
    return lambda: profile(network, inputs=(batch,), verbose=False)[0]


def torch_counter(network: nn.Module) -> Counter:
    """FlopCounterMode of torch (2 x MACs), on the meta device."""
    from torch.utils.flop_counter import FlopCounterMode

    network, batch = network.to("meta"), torch.empty(INPUT_SHAPE, device="meta")

    def run() -> float:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(batch)
        return counter.get_total_flops()

    return run


def ptflops_counter(network: nn.Module) -> Counter:
    """Ptflops get_model_complexity_info (MACs), with its default backend."""
    from ptflops import get_model_complexity_info

    def run() -> float:
        macs, _ = get_model_complexity_info(
            network, INPUT_SHAPE[1:], as_strings=False, print_per_layer_stat=False
        )
        return float(macs)

    return run


def torchinfo_counter(network: nn.Module) -> Counter:
    """torchinfo.summary (mult-adds), by forward hooks."""
    from torchinfo import summary

    return lambda: summary(network, input_size=INPUT_SHAPE, verbose=0).total_mult_adds


TOOLS: dict[str, tuple[str, Callable[[nn.Module], Counter]]] = {
    REFERENCE: ("sebench", sebench_counter),
    "sebench, memo emptied": ("sebench", unprimed_counter),
    "torch FlopCounterMode, meta": ("torch", torch_counter),
    "thop": ("thop", thop_counter),
    "ptflops": ("ptflops", ptflops_counter),
    "torchinfo": ("torchinfo", torchinfo_counter),
    "fvcore": ("fvcore", fvcore_counter),
}


def installed_tools() -> list[str]:
    """The tools that can be imported here."""
    return [name for name, (module, _) in TOOLS.items() if importlib.util.find_spec(module) is not None]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the tools' progress, warnings and log lines out of the output."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    logging.disable(logging.NOTSET)


def build_network(name: str, variant: str) -> nn.Module:
    """A native network with weights, in evaluation mode."""
    return build(ModelSpec(model=name, variant=variant)).module


def timed(counter: Counter) -> tuple[float, float]:
    """Seconds of one count, and its result."""
    start = time.perf_counter()
    result = counter()
    return time.perf_counter() - start, result


def warm_rounds(network: nn.Module, tools: list[str], rounds: int, seed: int) -> dict[str, dict[str, Any]]:
    """Interleaved rounds on one network: seconds by tool, and what each tool reports."""
    order = random.Random(seed)
    with quiet():
        counters = {tool: TOOLS[tool][1](copy.deepcopy(network)) for tool in tools}
        measured = {tool: {"times_s": [], "result": counter()} for tool, counter in counters.items()}
        for _ in range(rounds):
            for tool in order.sample(tools, len(tools)):
                seconds, _ = timed(counters[tool])
                measured[tool]["times_s"].append(seconds)
    return measured


def cold_call(tool: str, name: str, variant: str) -> float:
    """Seconds of importing a tool (torch itself apart) and its first count, in a fresh process."""
    command = [sys.executable, __file__, "--cold-call", tool, name, variant]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def time_cold_call(tool: str, name: str, variant: str) -> float:
    """What the fresh process of `cold_call` does."""
    network = build_network(name, variant)
    start = time.perf_counter()
    with quiet():
        TOOLS[tool][1](network)()
    return time.perf_counter() - start


def table_rows(measured: dict[str, dict[str, Any]], cold_s: dict[str, float]) -> Iterator[str]:
    """Markdown rows: quartiles, ratio to sebench within a round, first call."""
    reference = measured[REFERENCE]["times_s"]
    for tool, values in measured.items():
        q1, median, q3 = statistics.quantiles(values["times_s"], n=4, method="inclusive")
        ratios = [one / other for one, other in zip(values["times_s"], reference, strict=True)]
        ratio = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} .. {max(ratios):.1f})"
        cold = f"{cold_s[tool] * 1e3:.0f}" if tool in cold_s else "-"
        yield (
            f"| {tool} | {median * 1e3:.1f} ({q1 * 1e3:.1f} .. {q3 * 1e3:.1f}) | {ratio} | {cold} "
            f"| {values['result'] / 1e9:.3f} G |"
        )


def report(rounds: int, seed: int, *, cold: bool) -> str:
    """The whole benchmark as Markdown."""
    tools = installed_tools()
    lines = [
        f"Counting time, input {INPUT_SHAPE}, {rounds} interleaved rounds, seed {seed}; "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}.",
        "",
        "`ms`: median (quartiles) of a warm call. `ratio`: to sebench in the same round, median (range). "
        "`first`: import of the tool and first call in a fresh process, torch loaded, ms. "
        "sebench remembers priced calls within a process; `memo emptied` forgets them before each call. "
        "`reports`: the tool's own figure (torch counts 2 per multiply-add).",
    ]
    for name, variant in NETWORKS:
        measured = warm_rounds(build_network(name, variant), tools, rounds, seed)
        cold_s = {tool: cold_call(tool, name, variant) for tool in tools} if cold else {}
        lines += [
            "",
            f"### {name} ({variant})",
            "",
            "| tool | ms | ratio | first | reports |",
            "|---|---|---|---|---|",
        ]
        lines += table_rows(measured, cold_s)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse the command line, run, print and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=int, default=9, help="timed calls of each tool per network (at least 2)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the order within rounds")
    parser.add_argument("--no-cold", action="store_true", help="skip the first-call column")
    parser.add_argument("--output", type=Path, help="also write the Markdown here")
    parser.add_argument("--cold-call", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cold_call:
        print(time_cold_call(*options.cold_call))
        return
    if options.rounds < 2:
        parser.error("--rounds must be at least 2")
    text = report(options.rounds, options.seed, cold=not options.no_cold)
    print(text, end="")
    if options.output:
        options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
