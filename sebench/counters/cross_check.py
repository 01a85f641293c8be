"""Our count beside those of other tools, each on a copy of its own, with every difference accounted for."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import nn

from sebench.counters.adapters.fvcore import Fvcore
from sebench.counters.adapters.observation import Observation, observe
from sebench.counters.adapters.ptflops import Ptflops
from sebench.counters.adapters.thop import Thop
from sebench.counters.adapters.tool import Tool
from sebench.counters.adapters.torch_flops import TorchFlops
from sebench.counters.adapters.torchinfo import Torchinfo
from sebench.schema import Attribution, Phase, StaticCost, ToolCheck

TOOLS: tuple[Tool, ...] = (TorchFlops(), Fvcore(), Thop(), Ptflops(), Torchinfo())
_LONGEST_REASON = 160


def cross_check(
    build: Callable[[], nn.Module],
    cost: StaticCost,
    *,
    device: str = "meta",
    tools: Iterable[Tool] = TOOLS,
) -> tuple[ToolCheck, ...]:
    """Run every tool on a network of its own and account for what it says.

    Args:
        build: makes the network afresh; no tool ever sees another's copy.
        cost: our count of it; its phase and input shape are used.
        device: where `build` puts it.
        tools: to run.

    Returns:
        One entry per tool; one that is missing or fails says so, and the others go on.
    """
    batch = torch.empty(cost.input_shape, device=device)
    seen = observe(build(), batch, cost)
    return tuple(_check(tool, build, batch, seen) for tool in tools)


def _check(tool: Tool, build: Callable[[], nn.Module], batch: torch.Tensor, seen: Observation) -> ToolCheck:
    phase: Phase = seen.cost.phase
    if phase not in tool.phases:
        return ToolCheck(tool=tool.name, status="unavailable", reason="counts the forward pass only")
    try:
        with _silence():
            macs = tool.count(build(), batch, phase)
    except ImportError:
        reason = f"not installed; pip install {tool.distribution}"
        return ToolCheck(tool=tool.name, status="unavailable", reason=reason)
    except Exception as error:  # noqa: BLE001 - whatever another tool trips over is its own answer
        return ToolCheck(tool=tool.name, version=_version(tool), status="failed", reason=_first_line(error))
    ours = sum(op.macs for op in seen.cost.ops)
    attributed = _summed(tool.differences(seen))
    explained = sum(part.macs for part in attributed)
    return ToolCheck(
        tool=tool.name,
        version=_version(tool),
        macs=macs,
        difference=macs - ours,
        attributed=attributed,
        unexplained=macs - ours - explained,
    )


def _summed(parts: Iterable[Attribution]) -> tuple[Attribution, ...]:
    """One entry per op and reason, the largest first."""
    sums: dict[tuple[str, str], int] = {}
    for part in parts:
        sums[part.op, part.why] = sums.get((part.op, part.why), 0) + part.macs
    found = [Attribution(op=op, macs=macs, why=why) for (op, why), macs in sums.items() if macs]
    return tuple(sorted(found, key=lambda part: -abs(part.macs)))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Other tools print, log and warn; none of it is for our users."""
    disabled = logging.root.manager.disable
    sink = io.StringIO()
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _version(tool: Tool) -> str | None:
    try:
        return version(tool.distribution)
    except PackageNotFoundError:
        return None


def _first_line(error: Exception) -> str:
    lines: Sequence[str] = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}..."
