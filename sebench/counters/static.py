"""One count: a meta twin run through the counting mode, and its calls added up."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from sebench.counters.attention import attention_as_on_cpu
from sebench.counters.dispatch import CountingMode
from sebench.counters.memo import Price
from sebench.counters.saved import SavedActivations
from sebench.counters.scope import AutogradScope, Frame, Scope, frames_of
from sebench.counters.traffic import storage_id
from sebench.counters.twin import Twin, named_modules, traced, twin_of
from sebench.counters.work import tensors
from sebench.errors import BuildError, SebenchError, UsageError, near_matches
from sebench.schema import OpCost, Phase, SavedBytes, SiteCost, StaticCost, UncountedOp

DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


_IMAGE_DIMENSIONS = 4


@dataclass(frozen=True, slots=True)
class Request:
    """The validated arguments of one count."""

    input_shape: tuple[int, ...]
    phase: Phase
    dtype: str
    sites: tuple[str, ...]
    stages: Mapping[str, str]

    def __post_init__(self) -> None:
        if self.phase not in ("inference", "training"):
            raise UsageError(f"unknown phase {self.phase!r}", hint="use 'inference' or 'training'")
        if self.dtype not in DTYPES:
            known = ", ".join(DTYPES)
            raise UsageError(f"counting knows no dtype {self.dtype!r}", hint=f"use one of {known}")
        if not self.input_shape or any(size < 1 for size in self.input_shape):
            raise UsageError(
                f"input shape {self.input_shape} is empty", hint="give one such as 1, 3, 224, 224"
            )


def static_cost(model: nn.Module, request: Request) -> StaticCost:
    """Count `model` at one input; see `sebench.counters.count`."""
    modules = named_modules(model)
    _require_known((*request.sites, *request.stages), modules)
    frames = frames_of(modules, request.sites, request.stages)
    with _isolated_from_caller(), attention_as_on_cpu():
        twin = twin_of(modules, dtype=DTYPES[request.dtype], training=request.phase == "training")
        run = _train if request.phase == "training" else _infer
        calls, saved = run(twin, frames, request)
    ops, uncounted = _rows(calls)
    return StaticCost(
        input_shape=request.input_shape,
        dtype=request.dtype,
        phase=request.phase,
        params=_elements(twin.parameters),
        buffers=_elements(twin.buffers),
        sites=tuple(
            SiteCost(path=path, stage=frames[path].stage, params=_elements(modules[path].parameters()))
            for path in request.sites
        ),
        ops=ops,
        saved=saved,
        uncounted=uncounted,
    )


_Calls = Mapping[tuple[Frame, Price], int]


def _infer(twin: Twin, frames: dict[str, Frame], request: Request) -> tuple[_Calls, tuple[SavedBytes, ...]]:
    scope = Scope(frames[""])
    mode = _counting_mode(twin, scope)
    with traced(twin, frames, scope), torch.no_grad(), mode:
        _forward(twin, scope, request, _input(request))
    return mode.calls, ()


def _train(twin: Twin, frames: dict[str, Frame], request: Request) -> tuple[_Calls, tuple[SavedBytes, ...]]:
    """Forward and backward; the loss itself is left out, each output starts from a dense gradient."""
    scope = AutogradScope(frames[""])
    mode = _counting_mode(twin, scope)
    batch = _input(request)
    saved = SavedActivations(scope, excluded=(*twin.state, batch))
    trained = [tensor for tensor in twin.state if tensor.requires_grad]
    with traced(twin, frames, scope), torch.enable_grad(), mode:
        with saved:
            result = _forward(twin, scope, request, batch)
        outputs = [tensor for tensor in tensors(result) if tensor.requires_grad]
        if outputs and trained:
            _backward(scope, outputs, trained)
    return mode.calls, saved.rows()


def _counting_mode(twin: Twin, scope: Scope) -> CountingMode:
    return CountingMode(scope, frozenset(storage_id(tensor) for tensor in twin.state))


def _input(request: Request) -> torch.Tensor:
    return torch.empty(request.input_shape, dtype=DTYPES[request.dtype], device="meta")


def _forward(twin: Twin, scope: Scope, request: Request, batch: torch.Tensor) -> object:
    try:
        return twin.root(batch)
    except SebenchError:
        raise
    except Exception as error:
        raise _refusal(error, twin, scope, request) from error


def _refusal(error: Exception, twin: Twin, scope: Scope, request: Request) -> BuildError:
    place = f" (in '{scope.failed.module}')" if scope.failed and scope.failed.module else ""
    network = f"{type(twin.root).__name__}{place}"
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, NotImplementedError) or "meta tensor" in reason:
        return BuildError(f"{network} needs real data: {reason}", hint="counting knows shapes, no values")
    return BuildError(
        f"an input of shape {request.input_shape} does not fit {network}: {reason}",
        hint=_another_input(request.input_shape),
    )


def _another_input(shape: tuple[int, ...]) -> str:
    if len(shape) != _IMAGE_DIMENSIONS:
        return "choose another input shape"
    return f"{shape[1]} channels are fed: choose another height and width, or a network that takes them"


def _backward(scope: AutogradScope, outputs: list[torch.Tensor], trained: list[torch.Tensor]) -> None:
    gradients = [torch.empty_like(output) for output in outputs]
    scope.in_backward = True
    torch.autograd.grad(outputs, trained, gradients, allow_unused=True)


@contextmanager
def _isolated_from_caller() -> Iterator[None]:
    """Leave the caller's random numbers as they were, and pause the cyclic garbage collector.

    A count makes thousands of short-lived objects without cycles; collecting among them would walk the
    whole heap of an imported torch several times over.
    """
    state, collecting = torch.get_rng_state(), gc.isenabled()
    gc.disable()
    try:
        with torch.inference_mode(mode=False):
            yield
    finally:
        torch.set_rng_state(state)
        if collecting:
            gc.enable()


def _rows(calls: _Calls) -> tuple[tuple[OpCost, ...], tuple[UncountedOp, ...]]:
    """Add calls up by (module, op, phase), first seen first."""
    rows: dict[tuple[Frame, str], list[int]] = {}
    uncounted: dict[str, int] = {}
    for (frame, price), count in calls.items():
        if not price.counted:
            uncounted[price.op] = uncounted.get(price.op, 0) + count
            continue
        row = rows.setdefault((frame, price.op), [0] * 6)
        row[:] = (total + count * value for total, value in zip(row, _values(frame, price), strict=True))
    return (
        tuple(_op_cost(frame, op, row) for (frame, op), row in rows.items()),
        tuple(UncountedOp(op=op, calls=count) for op, count in uncounted.items()),
    )


def _values(frame: Frame, price: Price) -> tuple[int, ...]:
    extra = 0
    if frame.phase == "forward":
        extra = price.residual_elements if frame.site is None else price.squeezed_elements
    return (1, price.macs, price.macs + extra, price.flops, price.bytes_read, price.bytes_written)


def _op_cost(frame: Frame, op: str, row: list[int]) -> OpCost:
    calls, macs, paper_macs, flops, bytes_read, bytes_written = row
    return OpCost(
        op=op,
        module=frame.module,
        stage=frame.stage,
        site=frame.site,
        phase=frame.phase,
        calls=calls,
        macs=macs,
        paper_macs=paper_macs,
        flops=flops,
        bytes_read=bytes_read,
        bytes_written=bytes_written,
    )


def _elements(state: Iterable[torch.Tensor]) -> int:
    return sum(tensor.numel() for tensor in state)


def _require_known(paths: Sequence[str], modules: Mapping[str, nn.Module]) -> None:
    for path in paths:
        if path not in modules:
            raise UsageError(f"the network has no module '{path}'", hint=near_matches(path, modules))
