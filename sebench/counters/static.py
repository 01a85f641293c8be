"""One count: a meta twin run through the counting mode, and its calls added up."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NamedTuple

import torch
from torch import nn

from sebench.counters.backward import backward, differentiable, reaches_original
from sebench.counters.dispatch import CountingMode, Observer
from sebench.counters.placeholders import (
    FakeTensors,
    MetaTensors,
    Placeholders,
    RealTensors,
    attention_as_on_cpu,
    isolated_from_caller,
    random_inputs,
    without_gradients,
)
from sebench.counters.prices import Calls, rows_of
from sebench.counters.recording import NOTHING_RECORDED, Recorder, Recording
from sebench.counters.refusals import Failure, refusal
from sebench.counters.scope import NO_PLACES, AutogradScope, Frame, OpKey, Place, Scope, frames_of
from sebench.counters.traffic import SavedActivations, storage_id
from sebench.counters.twin import Twin, named_modules, traced, twin_of
from sebench.errors import BuildError, CountError, SebenchError, UsageError, near_matches
from sebench.inputs import Inputs
from sebench.schema import Phase, SavedBytes, SiteCost, StaticCost

DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


Originals = Callable[[], Mapping[int, str]]
"""Names of the caller's own parameters and buffers by identity; seldom needed."""


@dataclass(frozen=True, slots=True)
class Request:
    """The validated arguments of one count."""

    input_shape: tuple[int, ...]
    phase: Phase
    dtype: str
    sites: tuple[str, ...]
    stages: Mapping[str, str]
    places: Mapping[OpKey, Place] = field(default_factory=lambda: NO_PLACES)
    inputs: Inputs | None = None
    """Instead of one tensor of `input_shape`."""

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
    """Count parameters, buffers, MACs, FLOPs and bytes of `model` at the input and phase of `request`."""
    modules = named_modules(model)
    require_known((*request.sites, *request.stages), modules)
    frames = frames_of(modules, request.sites, request.stages)
    with isolated_from_caller(), attention_as_on_cpu():
        run = _run(modules, frames, request)
    ops, uncounted = rows_of(run.calls)
    return StaticCost(
        input_shape=request.input_shape,
        dtype=request.dtype,
        phase=request.phase,
        params=_elements(run.twin.parameters),
        buffers=_elements(run.twin.buffers),
        sites=tuple(
            SiteCost(path=path, stage=frames[path].stage, params=_elements(modules[path].parameters()))
            for path in request.sites
        ),
        ops=ops,
        saved=run.saved,
        uncounted=uncounted,
    )


def record(model: nn.Module, request: Request) -> Recording:
    """Write down the inference step of `model` at the input of `request`, op by op.

    Where values decide what runs, on one random input, seeded.
    """
    modules = named_modules(model)
    frames = frames_of(modules, request.sites, request.stages)
    with isolated_from_caller(), attention_as_on_cpu():
        try:
            return _run(modules, frames, request, recorded=True).recording
        except CountError as error:
            with suppress(SebenchError):
                real = replace(request, inputs=request.inputs and random_inputs(request.inputs))
                return _run_on(RealTensors(), modules, frames, real, recorded=True).recording
            raise error


class _Run(NamedTuple):
    """What one run of a twin came to."""

    twin: Twin
    calls: Calls
    saved: tuple[SavedBytes, ...] = ()
    casts: bool = False
    """Whether the network turned autocast on, which does nothing to meta tensors."""
    recording: Recording = NOTHING_RECORDED


def _run(
    modules: dict[str, nn.Module], frames: dict[str, Frame], request: Request, *, recorded: bool = False
) -> _Run:
    """Run a twin on meta tensors; on fake ones where the network asks what device it is on."""
    failure: BuildError | None = None
    for placeholders in _placeholders():
        try:
            run = _run_on(placeholders, modules, frames, request, recorded=recorded)
        except BuildError as error:
            if not _is_about_devices(error.__cause__):
                raise
            failure = failure or error
        else:
            if not (run.casts and isinstance(placeholders, MetaTensors)):
                return run
    raise failure or BuildError(f"{type(modules['']).__name__} cannot be counted under autocast")


def _placeholders() -> Iterator[Placeholders]:
    yield MetaTensors()
    yield FakeTensors("cpu", keeps_values=True)
    yield FakeTensors("cpu", keeps_values=False)


def _is_about_devices(error: BaseException | None) -> bool:
    return error is not None and "device" in str(error)


def _run_on(
    placeholders: Placeholders,
    modules: dict[str, nn.Module],
    frames: dict[str, Frame],
    request: Request,
    *,
    recorded: bool,
) -> _Run:
    training = request.phase == "training"
    twin = twin_of(modules, dtype=DTYPES[request.dtype], training=training, placeholders=placeholders)
    batch = _batch(request, placeholders)
    originals = cache(lambda: _originals(modules))
    with placeholders.active():
        run = _record if recorded else _train if training else _infer
        return run(twin, frames, request, batch, originals)


def _batch(request: Request, placeholders: Placeholders) -> Inputs:
    """What the twin is called with; whole numbers stay such."""
    dtype = DTYPES[request.dtype]
    if request.inputs is None:
        return Inputs((placeholders.batch(request.input_shape, dtype),))
    return request.inputs.map(
        lambda tensor: placeholders.empty(tensor, dtype if tensor.is_floating_point() else tensor.dtype)
    )


def _originals(modules: Mapping[str, nn.Module]) -> dict[int, str]:
    """Names of the caller's own parameters and buffers, by identity."""
    return {
        id(tensor): f"{name}.{key}" if name else key
        for name, module in modules.items()
        for key, tensor in (*module._parameters.items(), *module._buffers.items())
    }


def _infer(
    twin: Twin,
    frames: dict[str, Frame],
    request: Request,
    batch: Inputs,
    originals: Originals,
) -> _Run:
    scope = Scope(frames[""], request.places)
    mode = _counting_mode(twin, scope, originals)
    with traced(twin, frames, scope), without_gradients(), mode:
        _forward(twin, scope, request, batch)
    return _Run(twin, mode.calls, casts=mode.casts)


def _record(
    twin: Twin,
    frames: dict[str, Frame],
    request: Request,
    batch: Inputs,
    originals: Originals,
) -> _Run:
    """As `_infer`, with each op written down before it is counted."""
    scope = Scope(frames[""])
    recorder = Recorder(twin, scope, batch.tensors())
    mode = _counting_mode(twin, scope, originals, recorder.note)
    with traced(twin, frames, scope), without_gradients(), recorder.watching_modules(), mode:
        result = _forward(twin, scope, request, batch)
    return _Run(twin, mode.calls, casts=mode.casts, recording=recorder.recording(result))


def _train(
    twin: Twin,
    frames: dict[str, Frame],
    request: Request,
    batch: Inputs,
    originals: Originals,
) -> _Run:
    """Forward and backward; the loss itself is left out, each output starts from a dense gradient."""
    scope = AutogradScope(frames[""], request.places)
    mode = _counting_mode(twin, scope, originals)
    saved = SavedActivations(scope, excluded=(*twin.state, *batch.tensors()), check=mode.require_trackable)
    network = type(twin.root).__name__
    with traced(twin, frames, scope), torch.enable_grad(), mode:
        with saved:
            result = _forward(twin, scope, request, batch)
        outputs = differentiable(result, network)
        scope.in_backward = True
        try:
            backward(outputs, originals(), network)
        except SebenchError:
            raise
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise BuildError(
                f"the backward pass of {network} failed: {reason}", hint="count inference"
            ) from error
    return _Run(twin, mode.calls, saved.rows(), mode.casts)


def _counting_mode(
    twin: Twin, scope: Scope, originals: Originals, observe: Observer | None = None
) -> CountingMode:
    def refuse_original(tensor: torch.Tensor) -> None:
        if id(tensor) in originals():
            raise reaches_original(type(twin.root).__name__, originals()[id(tensor)])

    return CountingMode(
        scope,
        frozenset(storage_id(tensor) for tensor in twin.state),
        refuse_original,
        forward_only=not isinstance(scope, AutogradScope),
        observe=observe,
    )


def _forward(twin: Twin, scope: Scope, request: Request, batch: Inputs) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of concerns its runs, of which this is none
            return batch.passed_to(twin.root)
    except SebenchError:
        raise
    except Exception as error:
        module = scope.failed.module if scope.failed else ""
        failure = Failure(error=_as_on_meta(error), root=twin.root, module=module, inputs=batch)
        raise refusal(failure) from error


def _as_on_meta(error: Exception) -> Exception:
    """What fake tensors raise where a value is asked for, as meta tensors do."""
    if type(error).__module__ == "torch._subclasses.fake_tensor":
        return NotImplementedError(f"{error} asks for a value")
    return error


def _elements(state: Iterable[torch.Tensor]) -> int:
    return sum(tensor.numel() for tensor in state)


def require_known(paths: Sequence[str], modules: Mapping[str, nn.Module]) -> None:
    """Refuse names of sites and stages that the network does not have.

    Raises:
        UsageError: says which.
    """
    for path in paths:
        if path not in modules:
            raise UsageError(f"the network has no module '{path}'", hint=near_matches(path, modules))
