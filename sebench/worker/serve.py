"""One worker's life: read the request, build and warm up both sides, measure blocks, stop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import NamedTuple, Protocol

import msgspec
import torch
from msgspec.structs import replace
from torch import nn

from sebench import models
from sebench.errors import SebenchError, WorkerError
from sebench.profilers.device import Device, Step
from sebench.profilers.distributed import lone_rank
from sebench.profilers.latency import measure_block, warm_up
from sebench.profilers.memory import WARM_STEPS, peak_bytes, peak_resident_bytes, reserved_bytes
from sebench.profilers.probes import Probe, read_probe
from sebench.profilers.runtime import runtime_facts
from sebench.profilers.selection import select_device
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
from sebench.schema import Block, MemoryRun, ModelSpec, ProfileSamples, Side, Workload
from sebench.worker.failures import Fatal, guarded
from sebench.worker.parallel import following, leading
from sebench.worker.profiling import profile_pair
from sebench.worker.protocol import (
    Done,
    Failed,
    Go,
    Join,
    Measured,
    MemoryMeasured,
    MemoryRequest,
    Profiled,
    ProfileRequest,
    Ready,
    Reply,
    Request,
    Span,
)

MAX_HEAP_SHIFT_BYTES = 4 * 2**20


class Lines(Protocol):
    """The readable end of a pipe."""

    def readline(self) -> bytes:
        """One line, or ``b""`` at the end."""


class Sink(Protocol):
    """The writable end of a pipe."""

    def write(self, data: bytes, /) -> object:
        """Write all of `data`."""


Build = Callable[[ModelSpec, int], nn.Module]
Select = Callable[[Workload], Device]


def build_module(spec: ModelSpec, seed: int) -> nn.Module:
    """The network of `spec` with weights drawn from `seed`."""
    module: nn.Module = models.build(spec, seed=seed).module
    return module


def serve(
    requests: Lines, replies: Sink, *, build: Build = build_module, select: Select = select_device
) -> None:
    """Answer one request until its blocks are measured or it has failed.

    Args:
        requests: a `Request` line, then a `Go` line.
        replies: receives `Ready`, `Measured` ..., `Done`, or `Failed` at any point.
        build: makes a network; tests pass their own.
        select: makes the device of a workload; likewise.
    """
    try:
        _serve(requests, replies, build, select)
    except Fatal as error:
        _send(replies, Failed(code=error.code, message=str(error)))


def _serve(requests: Lines, replies: Sink, build: Build, select: Select) -> None:
    request = msgspec.json.decode(requests.readline(), type=Request | MemoryRequest | ProfileRequest | Join)
    if isinstance(request, MemoryRequest):
        with lone_rank(request.workload):
            _send(replies, MemoryMeasured(run=_measure_memory(request, build, select)))
        return
    if isinstance(request, ProfileRequest):
        _send(replies, Profiled(samples=_profile(request, select), runtime=runtime_facts()))
        return
    if isinstance(request, Join):
        _follow(request, requests, build, select)
        return
    probe = partial(read_probe, cpus=read_probe().cpus)  # before OpenMP binds this thread to one of them
    device = _select(request.workload, select)
    with leading(request, device) as (device, take_up), device.quiet():
        sides = _prepare(request, build, device)
        take_up(sides.steps)
        ready = Ready(
            step_s=guarded(lambda: warm_up(sides.steps, device, request.policy)),
            compile_s=sides.compile_s,
            gradient_bytes=sides.gradient_bytes,
            runtime={**runtime_facts(device.name), "variables": openmp_variables()},
        )
        _send(replies, ready)
        line = requests.readline()
        if line:
            for block in _blocks(msgspec.json.decode(line, type=Go), request, sides.steps, device, probe):
                _send(replies, Measured(block=block))
    _send(replies, Done())


def _follow(join: Join, requests: Lines, build: Build, select: Select) -> None:
    """Be another rank: prepare the same, then run what rank 0 runs, until it has had enough."""
    workload = replace(join.request.workload, device=join.request.workload.device_of(join.rank))
    request = replace(join.request, workload=workload)
    with following(join, _select(workload, select)) as device, device.quiet():
        sides = _prepare(request, build, device, join.rank)
        for line in iter(requests.readline, b""):
            span = msgspec.json.decode(line, type=Span)
            guarded(lambda span=span: device.timed(sides.steps[span.side], span.count))  # type: ignore[misc]


def openmp_variables() -> dict[str, str]:
    """The thread settings this process was started with."""
    return {name: value for name, value in os.environ.items() if name.startswith(("OMP_", "MKL_", "KMP_"))}


def _blocks(
    go: Go, request: Request, steps: dict[Side, Step], device: Device, probe: Callable[[], Probe]
) -> Iterator[Block]:
    rng, start = Random(request.process_seed), device.clock()
    for order in go.orders:
        if device.clock() - start > go.deadline_s:
            break
        # Held during the block, it moves the activations in the heap: an unlucky alignment then disturbs
        # single blocks instead of a whole process (Curtsinger & Berger, STABILIZER, ASPLOS 2013).
        _shift = bytearray(rng.randrange(MAX_HEAP_SHIFT_BYTES))
        yield measure_block(
            steps,
            order,
            go.steps_per_segment,
            device=device,
            policy=request.policy,
            threads=request.workload.threads,
            rng=rng,
            probe=probe,
        )


def _measure_memory(request: MemoryRequest, build: Build, select: Select) -> MemoryRun:
    """Peak memory of a warm step (of one rank), in a process that does nothing else."""
    workload, imported = request.workload, peak_resident_bytes()
    device = _select(workload, select)
    batch = make_input(workload, seed=request.weight_seed)
    module = guarded(lambda: build(request.spec, request.weight_seed))
    prepared = guarded(lambda: _step(module, batch, workload, request.weight_seed, device))
    for _ in range(WARM_STEPS):
        guarded(prepared.step)
    # What joining ranks loads (100 MB of Python) is not the network's.
    resident = peak_resident_bytes() if workload.device == "cpu" and workload.world_size == 1 else None
    known = resident is not None and imported is not None
    return MemoryRun(
        process=request.process,
        side=request.side,
        peak_bytes=peak_bytes(
            module,
            prepared.step,
            (batch, *prepared.held),
            workload.device,
            bucket_bytes=gradient_bytes(module) if workload.world_size > 1 else 0,
        ),
        reserved_bytes=reserved_bytes(workload.device),
        resident_bytes=resident - imported if known and resident and imported else None,
    )


def _profile(request: ProfileRequest, select: Select) -> ProfileSamples:
    workload = request.workload
    device = _select(workload, select)
    batch = make_input(workload, seed=request.weight_seed)

    def prepare(module: nn.Module, batch: torch.Tensor) -> Step:
        return _step(module, batch, workload, request.weight_seed, device).step

    with device.quiet():
        return guarded(lambda: profile_pair(request, batch, device, prepare))


def _select(workload: Workload, select: Select) -> Device:
    try:
        return select(workload)
    except SebenchError as error:
        raise Fatal("device", str(error)) from error


class _Sides(NamedTuple):
    steps: dict[Side, Step]
    compile_s: dict[Side, float]
    """What compiling or capturing took; eager steps have no such time."""
    gradient_bytes: dict[Side, int]
    """What ranks exchange in a step; a single one does not."""


def _prepare(request: Request, build: Build, device: Device, rank: int = 0) -> _Sides:
    """Build in the drawn order (addresses differ between processes), then check both outputs."""
    specs = {"baseline": request.pair.baseline, "candidate": request.pair.candidate}
    batch = make_input(request.workload, seed=request.weight_seed, rank=rank)
    sides = _Sides({}, {}, {})
    for side in request.build_order:
        spec = specs[side]
        module = guarded(lambda spec=spec: build(spec, request.weight_seed))  # type: ignore[misc]
        start_s = device.clock()
        prepared = guarded(
            lambda module=module: _step(  # type: ignore[misc]
                module, batch, request.workload, request.weight_seed, device, rank=rank
            )
        )
        sides.steps[side] = step = prepared.step
        output = guarded(step)
        if request.workload.execution != "eager":
            sides.compile_s[side] = device.clock() - start_s
        label = f"{spec.model} {spec.variant}"
        try:
            check_finite(output, label)
            if request.workload.world_size > 1:
                check_gradients(module, label)
                sides.gradient_bytes[side] = gradient_bytes(module)
        except WorkerError as error:
            raise Fatal("output", str(error)) from error
    return sides


class _Prepared(NamedTuple):
    step: Step
    held: tuple[torch.Tensor, ...]
    """Tensors beside the input that live through the step."""


def _step(
    module: nn.Module, batch: torch.Tensor, workload: Workload, seed: int, device: Device, *, rank: int = 0
) -> _Prepared:
    captures = workload.execution == "cudagraph"
    if workload.phase == "inference":
        forward = inference_step(module, batch, workload)
        return _Prepared(captured(forward) if captures else forward, ())
    logits = inference_step(module, batch, replace(workload, execution="eager"))()
    targets = make_targets(workload, logits, seed=seed, rank=rank)
    del logits
    # No event can be recorded for the host inside a graph, so its steps are not split.
    mark = _nothing if captures else device.mark
    step = training_step(module, batch, targets, workload, mark)
    return _Prepared(captured(step) if captures else step, (targets,))


def _nothing() -> None:
    pass


def _send(replies: Sink, message: Reply) -> None:
    replies.write(msgspec.json.encode(message) + b"\n")
