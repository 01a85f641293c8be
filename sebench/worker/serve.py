"""One worker's life: read the request, do what it asks, stop."""

from __future__ import annotations

from typing import assert_never

import msgspec
import torch
from torch import nn

from sebench.errors import DeviceError
from sebench.profilers.device import Step
from sebench.profilers.distributed import lone_rank
from sebench.profilers.probes import read_probe
from sebench.profilers.runtime import runtime_facts
from sebench.profilers.selection import select_device
from sebench.profilers.workload import make_input
from sebench.worker.counting import answer_count
from sebench.worker.desk import Desk, Lines, Select, Sink
from sebench.worker.energy import find_counter, measure_energy
from sebench.worker.failures import Fatal, guarded
from sebench.worker.memory import measure_memory
from sebench.worker.preparing import Build, build_module, prepare, prepare_side, prepare_step
from sebench.worker.profiling import profile_pair
from sebench.worker.protocol import (
    Asked,
    CounterRequest,
    CountRequest,
    EnergyRequest,
    Failed,
    Join,
    LockRequest,
    MemoryMeasured,
    MemoryRequest,
    Profiled,
    ProfileRequest,
    Request,
    SideReady,
    SideRequest,
)
from sebench.worker.side import answer, check_origin
from sebench.worker.timing import follow, lead, openmp_variables


def serve(
    requests: Lines,
    replies: Sink,
    *,
    build: Build = build_module,
    select: Select = select_device,
    cpus: tuple[int, ...] | None = None,
) -> None:
    """Answer one request, whichever of `Asked` it is, until that is done or has failed.

    Args:
        requests: the request in one line, and after it what the request provides for: a `Go` line after a
            `Request`, `Run` lines after a `SideRequest`, `Span` lines after a `Join`.
        replies: receives the answers, which `sebench.worker.protocol` describes, or `Failed` at any point;
            `Alive` in between.
        build: makes a network; tests pass their own.
        select: makes the device of a workload; likewise.
        cpus: what this process may run on; by default what this thread may, now that torch is here.
    """
    desk = Desk(requests, replies, build, select)
    try:
        _answer(msgspec.json.decode(desk.readline(), type=Asked), desk, cpus)
    except Fatal as error:
        desk.send(Failed(code=error.code, message=str(error)))


def _answer(request: Asked, desk: Desk, cpus: tuple[int, ...] | None) -> None:
    match request:
        case Request():
            lead(request, desk, read_probe().cpus if cpus is None else cpus)
        case Join():
            follow(request, desk)
        case SideRequest():
            _run_side(request, desk)
        case MemoryRequest():
            _measure_memory(request, desk)
        case ProfileRequest():
            _profile(request, desk)
        case CountRequest() | LockRequest():
            desk.send(guarded(lambda: answer_count(request)))
        case CounterRequest():
            _find_counter(request, desk)
        case EnergyRequest():
            _measure_energy(request, desk)
        case _:
            assert_never(request)


def _run_side(request: SideRequest, desk: Desk) -> None:
    device = desk.device(request.workload)
    batch = make_input(request.workload, seed=request.weight_seed)
    side = prepare_side(request.spec, batch, request, desk.build, device, alive=desk.alive)
    guarded(lambda: check_origin(request.spec.model, request.not_from))
    runtime = {**runtime_facts(device.name), "variables": openmp_variables()}
    desk.send(SideReady(compile_s=side.compile_s, runtime=runtime))
    for timed in answer(desk.readline, side.step, device):
        desk.send(timed)


def _measure_memory(request: MemoryRequest, desk: Desk) -> None:
    with lone_rank(request.workload):
        device = desk.device(request.workload)
        run = measure_memory(request, device, desk.build, alive=desk.alive)
    desk.send(MemoryMeasured(run=run))


def _profile(request: ProfileRequest, desk: Desk) -> None:
    workload = request.workload
    device = desk.device(workload)
    batch = make_input(workload, seed=request.weight_seed)

    def prepare(module: nn.Module, batch: torch.Tensor) -> Step:
        return prepare_step(module, batch, workload, request.weight_seed, device).run

    with device.quiet():
        samples = guarded(lambda: profile_pair(request, batch, device, prepare, alive=desk.alive))
    desk.send(Profiled(samples=samples, runtime=runtime_facts(device.name)))


def _find_counter(request: CounterRequest, desk: Desk) -> None:
    try:
        desk.send(find_counter(desk.device(request.workload)))
    except DeviceError as error:
        raise Fatal("device", str(error)) from error


def _measure_energy(request: EnergyRequest, desk: Desk) -> None:
    device = desk.device(request.pair.workload)
    try:
        with device.quiet():
            sides = prepare(request.pair, desk.build, device, alive=desk.alive)
            steps = {side: prepared.step for side, prepared in sides.items()}
            for reply in measure_energy(request, steps, device, alive=desk.alive):
                desk.send(reply)
    except DeviceError as error:
        raise Fatal("device", str(error)) from error
