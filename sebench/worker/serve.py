"""One worker's life: read the request, build and warm up both sides, measure blocks, stop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Protocol

import msgspec
import torch
from msgspec.structs import replace
from torch import nn

from sebench.errors import DeviceError, SebenchError
from sebench.profilers.device import Device, Step
from sebench.profilers.distributed import lone_rank
from sebench.profilers.latency import measure_block, warm_up
from sebench.profilers.memory import WARM_STEPS, peak_bytes, peak_resident_bytes, reserved_bytes
from sebench.profilers.probes import Probe, read_probe
from sebench.profilers.runtime import runtime_facts
from sebench.profilers.selection import select_device
from sebench.profilers.workload import gradient_bytes, make_input
from sebench.schema import Block, MemoryRun, Side, Workload
from sebench.worker.counting import answer_count
from sebench.worker.energy import find_counter, measure_energy
from sebench.worker.failures import Fatal, guarded
from sebench.worker.parallel import following, leading
from sebench.worker.preparing import Build, build_module, prepare, prepare_side, prepare_step
from sebench.worker.profiling import profile_pair
from sebench.worker.protocol import (
    Asked,
    CounterRequest,
    CountRequest,
    Done,
    EnergyRequest,
    Failed,
    Go,
    Join,
    LockRequest,
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
    Span,
)
from sebench.worker.side import answer, check_origin

MAX_HEAP_SHIFT_BYTES = 4 * 2**20


class Lines(Protocol):
    """The readable end of a pipe."""

    def readline(self) -> bytes:
        """One line, or ``b""`` at the end."""


class Sink(Protocol):
    """The writable end of a pipe."""

    def write(self, data: bytes, /) -> object:
        """Write all of `data`."""


Select = Callable[[Workload], Device]


def serve(
    requests: Lines,
    replies: Sink,
    *,
    build: Build = build_module,
    select: Select = select_device,
    cpus: tuple[int, ...] | None = None,
) -> None:
    """Answer one request until its blocks are measured or it has failed.

    Args:
        requests: a `Request` line, then a `Go` line.
        replies: receives `Ready`, `Measured` ..., `Done`, or `Failed` at any point.
        build: makes a network; tests pass their own.
        select: makes the device of a workload; likewise.
        cpus: what this process may run on; by default what this thread may, now that torch is here.
    """
    try:
        _serve(requests, replies, build, select, cpus)
    except Fatal as error:
        _send(replies, Failed(code=error.code, message=str(error)))


def _serve(
    requests: Lines, replies: Sink, build: Build, select: Select, cpus: tuple[int, ...] | None
) -> None:
    request = msgspec.json.decode(requests.readline(), type=Asked)
    if isinstance(request, MemoryRequest):
        with lone_rank(request.workload):
            _send(replies, MemoryMeasured(run=_measure_memory(request, build, select)))
        return
    if isinstance(request, ProfileRequest):
        _send(replies, _profile(request, select))
        return
    if isinstance(request, CountRequest | LockRequest):
        _send(replies, guarded(lambda: answer_count(request)))
        return
    if isinstance(request, SideRequest):
        _serve_side(request, requests, replies, build, select)
        return
    if isinstance(request, CounterRequest | EnergyRequest):
        for reply in _energy(request, build, select):
            _send(replies, reply)
        return
    if isinstance(request, Join):
        _follow(request, requests, build, select)
        return
    probe = partial(read_probe, cpus=read_probe().cpus if cpus is None else cpus)
    device = _select(request.workload, select)
    with leading(request, device) as (device, take_up), device.quiet():
        sides = prepare(request, build, device)
        steps = {side: prepared.step for side, prepared in sides.items()}
        take_up(steps)
        ready = Ready(
            step_s=guarded(lambda: warm_up(steps, device, request.policy)),
            compile_s={
                side: prepared.compile_s for side, prepared in sides.items() if prepared.compile_s is not None
            },
            gradient_bytes={
                side: prepared.gradient_bytes
                for side, prepared in sides.items()
                if prepared.gradient_bytes is not None
            },
            runtime={**runtime_facts(device.name), "variables": openmp_variables()},
        )
        _send(replies, ready)
        line = requests.readline()
        if line:
            for block in _blocks(msgspec.json.decode(line, type=Go), request, steps, device, probe):
                _send(replies, Measured(block=block))
    _send(replies, Done())


def _follow(join: Join, requests: Lines, build: Build, select: Select) -> None:
    """Be another rank: prepare the same, then run what rank 0 runs, until it has had enough."""
    workload = replace(join.request.workload, device=join.request.workload.device_of(join.rank))
    request = replace(join.request, workload=workload)
    with following(join, _select(workload, select)) as device, device.quiet():
        sides = prepare(request, build, device, join.rank)
        for line in iter(requests.readline, b""):
            span = msgspec.json.decode(line, type=Span)
            guarded(lambda span=span: device.timed(sides[span.side].step, span.count))  # type: ignore[misc]


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
    prepared = guarded(lambda: prepare_step(module, batch, workload, request.weight_seed, device))
    for _ in range(WARM_STEPS):
        guarded(prepared.run)
    # What joining ranks loads (100 MB of Python) is not the network's.
    resident = peak_resident_bytes() if workload.device == "cpu" and workload.world_size == 1 else None
    known = resident is not None and imported is not None
    return MemoryRun(
        process=request.process,
        side=request.side,
        peak_bytes=peak_bytes(
            module,
            prepared.run,
            (batch, *prepared.held),
            workload.device,
            bucket_bytes=gradient_bytes(module) if workload.world_size > 1 else 0,
        ),
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
            sides = prepare(request.pair, build, device)
            steps = {side: prepared.step for side, prepared in sides.items()}
            yield from measure_energy(request, steps, device)
    except DeviceError as error:
        raise Fatal("device", str(error)) from error


def _profile(request: ProfileRequest, select: Select) -> Profiled:
    workload = request.workload
    device = _select(workload, select)
    batch = make_input(workload, seed=request.weight_seed)

    def prepare(module: nn.Module, batch: torch.Tensor) -> Step:
        return prepare_step(module, batch, workload, request.weight_seed, device).run

    with device.quiet():
        samples = guarded(lambda: profile_pair(request, batch, device, prepare))
    return Profiled(samples=samples, runtime=runtime_facts(device.name))


def _serve_side(request: SideRequest, requests: Lines, replies: Sink, build: Build, select: Select) -> None:
    device = _select(request.workload, select)
    batch = make_input(request.workload, seed=request.weight_seed)
    side = prepare_side(request.spec, batch, request, build, device)
    guarded(lambda: check_origin(request.spec.model, request.not_from))
    runtime = {**runtime_facts(device.name), "variables": openmp_variables()}
    _send(replies, SideReady(compile_s=side.compile_s, runtime=runtime))
    for timed in answer(requests.readline, side.step, device):
        _send(replies, timed)


def _select(workload: Workload, select: Select) -> Device:
    try:
        return select(workload)
    except SebenchError as error:
        raise Fatal("device", str(error)) from error


def _send(replies: Sink, message: Reply) -> None:
    replies.write(msgspec.json.encode(message) + b"\n")
