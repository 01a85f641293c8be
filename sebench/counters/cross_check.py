"""Our count beside those of other tools, each on a copy of its own, with every difference accounted for."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TypeVar

import torch
from msgspec.structs import replace
from torch import nn

from sebench.counters.adapters.fvcore import Fvcore
from sebench.counters.adapters.observation import Observation, making_meta_tensors, observe
from sebench.counters.adapters.ptflops import Ptflops
from sebench.counters.adapters.thop import Thop
from sebench.counters.adapters.tool import Tool
from sebench.counters.adapters.torch_flops import TorchFlops
from sebench.counters.adapters.torchinfo import Torchinfo
from sebench.schema import Attribution, StaticCost, ToolCheck

TOOLS: tuple[Tool, ...] = (TorchFlops(), Fvcore(), Thop(), Ptflops(), Torchinfo())
_LONGEST_REASON = 160

_T = TypeVar("_T")


def cross_check(
    build: Callable[[], nn.Module],
    cost: StaticCost,
    *,
    shape: tuple[int, ...] | None = None,
    device: str = "meta",
    tools: Iterable[Tool] = TOOLS,
) -> tuple[ToolCheck, ...]:
    """Run every tool on a network of its own and account for what it says.

    Args:
        build: makes the network afresh; no tool ever sees another's copy.
        cost: our count of it; its phase is used.
        shape: of the input, batch in front; None is what the count calls it.
        device: where `build` puts it.
        tools: to run.

    Returns:
        One entry per tool; one that is missing or fails says so, and the others go on.
    """
    batch = torch.empty(cost.input_shape if shape is None else shape, device=device)
    look = cache(lambda: _observed(build, batch, cost))
    return tuple(_check(tool, build, batch, cost, look) for tool in tools)


def _observed(build: Callable[[], nn.Module], batch: torch.Tensor, cost: StaticCost) -> Observation:
    return _tried(lambda model: observe(model, batch, cost), build, batch)


def _tried(run: Callable[[nn.Module], _T], build: Callable[[], nn.Module], batch: torch.Tensor) -> _T:
    """A forward that makes tensors itself makes them on the CPU; a second try puts them beside the input."""
    try:
        return run(build())
    except RuntimeError:
        if not batch.is_meta:
            raise
        return run(making_meta_tensors(build()))


def _check(
    tool: Tool,
    build: Callable[[], nn.Module],
    batch: torch.Tensor,
    cost: StaticCost,
    look: Callable[[], Observation],
) -> ToolCheck:
    if cost.phase not in tool.phases:
        return ToolCheck(tool=tool.name, status="unavailable", reason="counts the forward pass only")
    try:
        with _silence():
            macs = _tried(lambda model: tool.count(model, batch, cost.phase), build, batch)
    except ImportError:
        reason = f"not installed; pip install {tool.distribution}"
        return ToolCheck(tool=tool.name, status="unavailable", reason=reason)
    except Exception as error:  # noqa: BLE001 - whatever another tool trips over is its own answer
        return ToolCheck(tool=tool.name, version=_version(tool), status="failed", reason=_first_line(error))
    difference = macs - sum(op.macs for op in cost.ops)
    found = ToolCheck(tool=tool.name, version=_version(tool), macs=macs, difference=difference)
    try:
        attributed = _summed(tool.differences(look()))
    except Exception as error:  # noqa: BLE001 - the other tools' answers must not go with it
        reason = f"its difference could not be predicted: {_first_line(error)}"
        return replace(found, unexplained=difference, status="failed", reason=reason)
    explained = sum(part.macs for part in attributed)
    return replace(found, attributed=attributed, unexplained=difference - explained)


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
