"""One worker's life: read the request, build and warm up both sides, measure blocks, stop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Literal, NamedTuple, Protocol, TypeVar

import msgspec
import torch
from msgspec.structs import replace
from torch import nn

from sebench import counters, models
from sebench.errors import DeviceError, SebenchError, WorkerError
from sebench.profilers.device import Device, Step
from sebench.profilers.latency import measure_block, warm_up
from sebench.profilers.memory import WARM_STEPS, peak_bytes, peak_resident_bytes, reserved_bytes
from sebench.profilers.probes import Probe, read_probe
from sebench.profilers.runtime import runtime_facts
from sebench.profilers.selection import select_device
from sebench.profilers.workload import (
    captured,
    check_finite,
    inference_step,
    make_input,
    make_targets,
    training_step,
)
from sebench.schema import Block, MemoryRun, ModelSpec, ProfileSamples, Side, StaticCost, Workload
from sebench.worker.energy import find_counter, measure_energy
from sebench.worker.profiling import profile_pair
from sebench.worker.protocol import (
    Asked,
    Counted,
    CounterRequest,
    CountRequest,
    Done,
    EnergyRequest,
    Failed,
    Go,
    Measured,
    MemoryMeasured,
    MemoryRequest,
    Profiled,
    ProfileRequest,
    Ready,
    Reply,
    Request,
    SideReady,
    SideRequest,
)
from sebench.worker.side import answer, check_origin

MAX_HEAP_SHIFT_BYTES = 4 * 2**20
T = TypeVar("T")
Code = Literal["build", "memory", "output", "device"]
_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")


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
    except _Fatal as error:
        _send(replies, Failed(code=error.code, message=str(error)))


def _serve(requests: Lines, replies: Sink, build: Build, select: Select) -> None:
    request = msgspec.json.decode(requests.readline(), type=Asked)
    if isinstance(request, MemoryRequest):
        _send(replies, MemoryMeasured(run=_measure_memory(request, build, select)))
        return
    if isinstance(request, ProfileRequest):
        _send(replies, Profiled(samples=_profile(request, select), runtime=runtime_facts()))
        return
    if isinstance(request, CountRequest):
        _send(replies, Counted(cost=_guarded(lambda: _count(request))))
        return
    if isinstance(request, SideRequest):
        _serve_side(request, requests, replies, build, select)
        return
    if isinstance(request, CounterRequest | EnergyRequest):
        for reply in _energy(request, build, select):
            _send(replies, reply)
        return
    probe = partial(read_probe, cpus=read_probe().cpus)  # before OpenMP binds this thread to one of them
    device = _select(request.workload, select)
    with device.quiet():
        steps, compile_s = _prepare(request, build, device)
        step_s = _guarded(lambda: warm_up(steps, device, request.policy))
        runtime = {**runtime_facts(device.name), "variables": openmp_variables()}
        _send(replies, Ready(step_s=step_s, compile_s=compile_s, runtime=runtime))
        line = requests.readline()
        if line:
            for block in _blocks(msgspec.json.decode(line, type=Go), request, steps, device, probe):
                _send(replies, Measured(block=block))
    _send(replies, Done())


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
    """Peak memory of a warm step, in a process that does nothing else."""
    workload, imported = request.workload, peak_resident_bytes()
    device = _select(workload, select)
    batch = make_input(workload, seed=request.weight_seed)
    module = _guarded(lambda: build(request.spec, request.weight_seed))
    prepared = _guarded(lambda: _step(module, batch, workload, request.weight_seed, device))
    for _ in range(WARM_STEPS):
        _guarded(prepared.step)
    resident = peak_resident_bytes() if workload.device == "cpu" else None
    known = resident is not None and imported is not None
    return MemoryRun(
        process=request.process,
        side=request.side,
        peak_bytes=peak_bytes(module, prepared.step, (batch, *prepared.held), workload.device),
        reserved_bytes=reserved_bytes(workload.device),
        resident_bytes=resident - imported if known and resident and imported else None,
    )


def _energy(request: CounterRequest | EnergyRequest, build: Build, select: Select) -> Iterator[Reply]:
    try:
        if isinstance(request, CounterRequest):
            yield find_counter(_select(request.workload, select))
            return
        device = _select(request.pair.workload, select)
        with device.quiet():
            steps, _ = _prepare(request.pair, build, device)
            yield from measure_energy(request, steps, device)
    except DeviceError as error:
        raise _Fatal("device", str(error)) from error


def _profile(request: ProfileRequest, select: Select) -> ProfileSamples:
    workload = request.workload
    device = _select(workload, select)
    batch = make_input(workload, seed=request.weight_seed)

    def prepare(module: nn.Module, batch: torch.Tensor) -> Step:
        return _step(module, batch, workload, request.weight_seed, device).step

    with device.quiet():
        return _guarded(lambda: profile_pair(request, batch, device, prepare))


def _count(request: CountRequest) -> StaticCost:
    built = models.build(request.spec, seed=None, device="meta")
    cost = counters.count(
        built.module,
        request.input_shape,
        phase=request.phase,
        dtype=request.dtype,
        sites=built.sites,
        stages=built.stages,
    )
    check_origin(request.spec.model, request.not_from)
    return cost


def _serve_side(request: SideRequest, requests: Lines, replies: Sink, build: Build, select: Select) -> None:
    device = _select(request.workload, select)
    batch = make_input(request.workload, seed=request.weight_seed)
    step, compile_s = _prepare_side(request.spec, batch, request, build, device)
    _guarded(lambda: check_origin(request.spec.model, request.not_from))
    runtime = {**runtime_facts(device.name), "variables": openmp_variables()}
    _send(replies, SideReady(compile_s=compile_s, runtime=runtime))
    for timed in answer(requests.readline, step, device):
        _send(replies, timed)


def _select(workload: Workload, select: Select) -> Device:
    try:
        return select(workload)
    except SebenchError as error:
        raise _Fatal("device", str(error)) from error


def _prepare(request: Request, build: Build, device: Device) -> tuple[dict[Side, Step], dict[Side, float]]:
    """Build in the drawn order (addresses differ between processes), then check both outputs.

    Returns:
        The steps, and what compiling or capturing them took in seconds; eager steps have no such time.
    """
    specs = {"baseline": request.pair.baseline, "candidate": request.pair.candidate}
    batch = make_input(request.workload, seed=request.weight_seed)
    steps: dict[Side, Step] = {}
    compile_s: dict[Side, float] = {}
    for side in request.build_order:
        steps[side], took_s = _prepare_side(specs[side], batch, request, build, device)
        if took_s is not None:
            compile_s[side] = took_s
    return steps, compile_s


def _prepare_side(
    spec: ModelSpec, batch: torch.Tensor, request: Request | SideRequest, build: Build, device: Device
) -> tuple[Step, float | None]:
    workload, seed = request.workload, request.weight_seed
    module = _guarded(lambda: build(spec, seed))
    start_s = device.clock()
    prepared = _guarded(lambda: _step(module, batch, workload, seed, device))
    output = _guarded(prepared.step)
    compile_s = None if workload.execution == "eager" else device.clock() - start_s
    try:
        check_finite(output, f"{spec.model} {spec.variant}")
    except WorkerError as error:
        raise _Fatal("output", str(error)) from error
    return prepared.step, compile_s


class _Prepared(NamedTuple):
    step: Step
    held: tuple[torch.Tensor, ...]
    """Tensors beside the input that live through the step."""


def _step(module: nn.Module, batch: torch.Tensor, workload: Workload, seed: int, device: Device) -> _Prepared:
    captures = workload.execution == "cudagraph"
    if workload.phase == "inference":
        forward = inference_step(module, batch, workload)
        return _Prepared(captured(forward) if captures else forward, ())
    logits = inference_step(module, batch, replace(workload, execution="eager"))()
    targets = make_targets(workload, logits, seed=seed)
    del logits
    # No event can be recorded for the host inside a graph, so its steps are not split.
    mark = _nothing if captures else device.mark
    step = training_step(module, batch, targets, workload, mark)
    return _Prepared(captured(step) if captures else step, (targets,))


def _nothing() -> None:
    pass


def _guarded(action: Callable[[], T]) -> T:
    try:
        return action()
    except MemoryError as error:
        raise _Fatal("memory", "out of memory while building or warming up") from error
    except SebenchError as error:
        raise _Fatal("build", str(error)) from error
    except RuntimeError as error:
        text = str(error).splitlines()[0]
        if any(sign in text for sign in _OUT_OF_MEMORY):
            raise _Fatal("memory", f"out of memory: {text}") from error
        raise _Fatal("build", f"the network does not run on this input: {text}{_place(error)}") from error
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise _Fatal("build", f"the network does not run on this input: {what}{_place(error)}") from error


def _place(error: Exception) -> str:
    place = models.place_in_own_code(error)
    return f" ({place})" if place else ""


class _Fatal(Exception):  # noqa: N818 - not an error of this program
    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


def _send(replies: Sink, message: Reply) -> None:
    replies.write(msgspec.json.encode(message) + b"\n")
