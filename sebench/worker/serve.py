"""One worker's life: read the request, do what it asks, stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import msgspec
from torch import nn

from sebench.errors import DeviceError
from sebench.profilers.device import Step
from sebench.profilers.distributed import lone_rank
from sebench.profilers.inputs import make_source
from sebench.profilers.probes import read_probe
from sebench.profilers.runtime import runtime_facts
from sebench.profilers.selection import select_device
from sebench.worker.count_service import serve_counts, serve_lock
from sebench.worker.desk import Desk, Lines, Select, Sink
from sebench.worker.energy import find_counter, measure_energy
from sebench.worker.failures import Fatal, guarded
from sebench.worker.memory import measure_memory
from sebench.worker.preparing import Build, build_module, prepare, prepare_side, ready_step, timed_steps
from sebench.worker.profiling import profile_pair
from sebench.worker.protocol import (
    Asked,
    CounterRequest,
    CountRequest,
    CrossCheckRequest,
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
    exit_hooks: Callable[[], object] = lambda: None,
) -> None:
    """Answer one request, whichever of `Asked` it is, until that is done or has failed.

    Args:
        requests: the request in one line, and after it what the request provides for: a `Go` line after a
            `Request`, `Run` lines and a `Finish` after a `SideRequest`, `Span` lines after a `Join`, more of
            its kind after a `CountRequest`.
        replies: receives the answers, which `sebench.worker.protocol` describes, or `Failed` at any point;
            `Alive` in between.
        build: makes a network; tests pass their own.
        select: makes the device of a workload; tests pass their own.
        cpus: what this process may run on; by default what this thread may, now that torch is here.
        exit_hooks: runs what was registered for the end of this process, before a count is given.
    """
    desk = Desk(requests, replies, build, select)
    try:
        _answer(msgspec.json.decode(desk.readline(), type=Asked), desk, cpus, exit_hooks)
    except Fatal as error:
        desk.send(Failed(code=error.code, message=str(error)))


def _answer(
    request: Asked, desk: Desk, cpus: tuple[int, ...] | None, exit_hooks: Callable[[], object]
) -> None:
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
        case CountRequest() | CrossCheckRequest():
            serve_counts(request, desk, exit_hooks)
        case LockRequest():
            serve_lock(request, desk, exit_hooks)
        case CounterRequest():
            _find_counter(request, desk)
        case EnergyRequest():
            _measure_energy(request, desk)
        case _:
            assert_never(request)


def _run_side(request: SideRequest, desk: Desk) -> None:
    device = desk.device(request.workload)
    source = make_source(request.workload, seed=request.weight_seed)
    desk.about(request.spec.label)
    side = prepare_side(request.spec, source, request, desk.build, device, alive=desk.alive)
    guarded(lambda: check_origin(request.spec.model, request.not_from))
    runtime = {**runtime_facts(device.name), "variables": openmp_variables()}
    desk.send(SideReady(compile_s=side.compile_s, writes_input=side.writes_input, runtime=runtime))
    for timed in answer(desk.readline, side.step, device, restored=side.restored, finish=side.require_sound):
        desk.send(timed)


def _measure_memory(request: MemoryRequest, desk: Desk) -> None:
    with lone_rank(request.workload):
        device = desk.device(request.workload)
        desk.about(request.spec.label)
        run = measure_memory(request, device, desk.build, alive=desk.alive)
    desk.send(MemoryMeasured(run=run))


def _profile(request: ProfileRequest, desk: Desk) -> None:
    workload = request.workload
    device = desk.device(workload)
    source = make_source(workload, seed=request.weight_seed)

    def prepare(module: nn.Module) -> Step:
        return ready_step(module, source, workload, request.weight_seed, device)

    with device.quiet():
        samples = guarded(lambda: profile_pair(request, device, prepare, alive=desk.alive))
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
            sides = prepare(request.pair, desk.build, device, alive=desk.alive, about=desk.about)
            for reply in measure_energy(request, timed_steps(sides), device, alive=desk.alive):
                desk.send(reply)
    except DeviceError as error:
        raise Fatal("device", str(error)) from error
