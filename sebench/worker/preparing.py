"""From a request to steps that can be timed: networks built, checked, and run once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from msgspec.structs import replace
from torch import nn

from sebench import models
from sebench.errors import WorkerError
from sebench.profilers.device import Device, Step
from sebench.profilers.latency import Heartbeat, unheard
from sebench.profilers.workload import (
    captured,
    check_finite,
    check_gradients,
    gradient_bytes,
    inference_step,
    make_input,
    make_targets,
    training_step,
)
from sebench.schema import ModelSpec, Side, Workload
from sebench.worker.failures import Fatal, guarded
from sebench.worker.protocol import Request, SideRequest

Build = Callable[[ModelSpec, int], nn.Module]


class PreparedStep(NamedTuple):
    """A step, and what lives through it."""

    run: Step
    held: tuple[torch.Tensor, ...]
    """Tensors beside the input."""


class PreparedSide(NamedTuple):
    """One network of a pair, ready."""

    step: Step
    compile_s: float | None
    """What compiling or capturing took; eager steps have no such time."""
    gradient_bytes: int | None
    """What ranks exchange in a step; a single one does not."""


def build_module(spec: ModelSpec, seed: int) -> nn.Module:
    """The network of `spec` with weights drawn from `seed`."""
    module: nn.Module = models.build(spec, seed=seed).module
    return module


def prepare(
    request: Request, build: Build, device: Device, rank: int = 0, *, alive: Heartbeat = unheard
) -> dict[Side, PreparedSide]:
    """Build in the drawn order (addresses differ between processes), then check both outputs.

    Args:
        request: the pair and its workload.
        build: makes a network.
        device: clock and barrier.
        rank: whose part of the batch.
        alive: told after every phase.

    Raises:
        Fatal: a network does not build or run, or its output is not finite.
    """
    specs: dict[Side, ModelSpec] = {"baseline": request.pair.baseline, "candidate": request.pair.candidate}
    batch = make_input(request.workload, seed=request.weight_seed, rank=rank)
    return {
        side: prepare_side(specs[side], batch, request, build, device, rank=rank, alive=alive)
        for side in request.build_order
    }


def prepare_side(
    spec: ModelSpec,
    batch: torch.Tensor,
    request: Request | SideRequest,
    build: Build,
    device: Device,
    *,
    rank: int = 0,
    alive: Heartbeat = unheard,
) -> PreparedSide:
    """One of the networks; see `prepare`."""
    workload, seed, label = request.workload, request.weight_seed, f"{spec.model} {spec.variant}"
    module = guarded(lambda: build(spec, seed))
    alive()
    start_s = device.clock()
    prepared = guarded(lambda: prepare_step(module, batch, workload, seed, device, rank=rank))
    alive()
    output = guarded(prepared.run)
    took_s = device.clock() - start_s
    alive()
    exchanged = None
    try:
        check_finite(output, label)
        if workload.world_size > 1:
            check_gradients(module, label)
            exchanged = gradient_bytes(module)
    except WorkerError as error:
        raise Fatal("output", str(error)) from error
    return PreparedSide(prepared.run, None if workload.execution == "eager" else took_s, exchanged)


def prepare_step(
    module: nn.Module, batch: torch.Tensor, workload: Workload, seed: int, device: Device, *, rank: int = 0
) -> PreparedStep:
    """The step of a network: a forward pass, or in training what the workload says."""
    captures = workload.execution == "cudagraph"
    if workload.phase == "inference":
        forward = inference_step(module, batch, workload)
        return PreparedStep(captured(forward) if captures else forward, ())
    logits = inference_step(module, batch, replace(workload, execution="eager"))()
    targets = make_targets(workload, logits, seed=seed, rank=rank)
    del logits
    # No event can be recorded for the host inside a graph, so its steps are not split.
    mark = _nothing if captures else device.mark
    step = training_step(module, batch, targets, workload, mark)
    return PreparedStep(captured(step) if captures else step, (targets,))


def _nothing() -> None:
    pass
