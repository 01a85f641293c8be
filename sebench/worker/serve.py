"""One worker's life: read the request, do what it asks, stop.

What times a pair is imported before the request comes, by several processes at once. Whatever else may be
asked is imported when it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import msgspec
from torch import nn

from sebench.errors import DeviceError
from sebench.profilers.device import Step
from sebench.profilers.distributed import lone_rank
from sebench.profilers.probes import read_probe
from sebench.profilers.runtime import runtime_facts
from sebench.profilers.selection import select_device
from sebench.schema import OWN_FACTS
from sebench.worker.channel import Build, Fatal, Lines, Select, Sink, WorkerChannel, guarded
from sebench.worker.preparing import (
    build_module,
    export,
    own_facts,
    prepare,
    prepare_side,
    ready_step,
    source_for,
    timed_steps,
)
from sebench.worker.protocol import (
    AccuracyRequest,
    Alive,
    Asked,
    CounterRequest,
    CountRequest,
    CrossCheckRequest,
    EnergyRequest,
    ExciteRequest,
    ExportRequest,
    Failed,
    GraphRequest,
    GraphsRead,
    Join,
    LockRequest,
    MemoryMeasured,
    MemoryRequest,
    Profiled,
    ProfileRequest,
    Request,
    SideReady,
    SideRequest,
    TrainRequest,
    WriteRequest,
)
from sebench.worker.resources import find_counter, measure_energy, measure_memory
from sebench.worker.side import answer, check_origin
from sebench.worker.timing import measure_pair, openmp_variables, run_other_rank


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
        replies: receives `Alive`, then the answers, which `sebench.worker.protocol` describes, or `Failed` at
            any point; `Alive` in between.
        build: makes a network; tests pass their own.
        select: makes the device of a workload; tests pass their own.
        cpus: what this process may run on; by default what this thread may, now that torch is here.
        exit_hooks: runs what was registered for the end of this process, before a count is given.
    """
    channel = WorkerChannel(requests, replies, build, select)
    channel.send(Alive())
    try:
        _answer(msgspec.json.decode(channel.readline(), type=Asked), channel, cpus, exit_hooks)
    except Fatal as error:
        channel.send(Failed(code=error.code, message=str(error)))


def _answer(
    request: Asked, channel: WorkerChannel, cpus: tuple[int, ...] | None, exit_hooks: Callable[[], object]
) -> None:
    match request:
        case Request():
            measure_pair(request, channel, read_probe().cpus if cpus is None else cpus)
        case Join():
            run_other_rank(request, channel)
        case SideRequest():
            _run_side(request, channel)
        case ProfileRequest() | GraphRequest():
            _take_apart(request, channel)
        case ExportRequest() | WriteRequest() | MemoryRequest() | AccuracyRequest() | ExciteRequest():
            _run_one(request, channel)
        case CountRequest() | CrossCheckRequest():
            from sebench.worker.counting import serve_counts

            serve_counts(request, channel, exit_hooks)
        case LockRequest():
            from sebench.worker.counting import serve_lock

            serve_lock(request, channel, exit_hooks)
        case CounterRequest() | EnergyRequest():
            _read_energy(request, channel)
        case TrainRequest():
            from sebench.worker.training import serve_training

            serve_training(request, channel)
        case _:
            assert_never(request)


def _run_side(request: SideRequest, channel: WorkerChannel) -> None:
    device = channel.device(request.workload)
    channel.about(request.spec.label)
    source = guarded(lambda: source_for(request.spec, request))
    side = prepare_side(
        request.spec, source, request, channel.build, device, exported=request.exported, alive=channel.alive
    )
    guarded(lambda: check_origin(request.spec.model, request.not_from))
    runtime = {**runtime_facts(device.name), **own_facts(side), "variables": openmp_variables()}
    channel.send(SideReady(compile_s=side.compile_s, writes_input=side.writes_input, runtime=runtime))
    for timed in answer(
        channel.readline, side.step, device, restored=side.restored, finish=side.require_sound
    ):
        channel.send(timed)


def _export(request: ExportRequest, channel: WorkerChannel) -> None:
    device = channel.device(request.workload)
    channel.about(request.spec.label)
    exported = export(request, channel.build, device, alive=channel.alive)
    guarded(lambda: check_origin(request.spec.model, request.not_from))
    channel.send(exported)


def _run_one(
    request: ExportRequest | WriteRequest | MemoryRequest | AccuracyRequest | ExciteRequest,
    channel: WorkerChannel,
) -> None:
    """One network, in a process that does nothing else."""
    match request:
        case ExportRequest():
            _export(request, channel)
        case WriteRequest():
            from sebench.worker.writing import write_network

            device = channel.device(request.workload)
            channel.about(request.spec.label)
            channel.send(write_network(request, channel.build, device, alive=channel.alive))
        case MemoryRequest():
            _measure_memory(request, channel)
        case AccuracyRequest():
            from sebench.worker.evaluating import evaluate_network

            evaluate_network(request, channel)
        case ExciteRequest():
            from sebench.worker.excitation import excite

            excite(request, channel)


def _measure_memory(request: MemoryRequest, channel: WorkerChannel) -> None:
    with lone_rank(request.workload):
        device = channel.device(request.workload)
        channel.about(request.spec.label)
        run = measure_memory(request, device, channel.build, alive=channel.alive)
    channel.send(MemoryMeasured(run=run))


def _take_apart(request: ProfileRequest | GraphRequest, channel: WorkerChannel) -> None:
    """Where the time of a pair goes: by torch's profiler, or by the runtime's own."""
    if isinstance(request, ProfileRequest):
        _profile(request, channel)
        return
    from sebench.worker.graphs import read_graphs

    device = channel.device(request.workload)
    with device.quiet():
        samples, facts = guarded(lambda: read_graphs(request, channel.build, device, alive=channel.alive))
    own = {OWN_FACTS: {request.workload.runtime: facts}} if facts else {}
    channel.send(GraphsRead(samples=samples, runtime={**runtime_facts(device.name), **own}))


def _profile(request: ProfileRequest, channel: WorkerChannel) -> None:
    from sebench.worker.profiling import profile_pair

    workload = request.workload
    device = channel.device(workload)
    source = guarded(lambda: source_for(request.pair.candidate, request))

    def prepare(module: nn.Module) -> Step:
        return ready_step(module, source, workload, request.weight_seed, device)

    with device.quiet():
        samples = guarded(lambda: profile_pair(request, device, prepare, alive=channel.alive))
    channel.send(Profiled(samples=samples, runtime=runtime_facts(device.name)))


def _read_energy(request: CounterRequest | EnergyRequest, channel: WorkerChannel) -> None:
    if isinstance(request, CounterRequest):
        _find_counter(request, channel)
    else:
        _measure_energy(request, channel)


def _find_counter(request: CounterRequest, channel: WorkerChannel) -> None:
    try:
        channel.send(find_counter(channel.device(request.workload)))
    except DeviceError as error:
        raise Fatal("device", str(error)) from error


def _measure_energy(request: EnergyRequest, channel: WorkerChannel) -> None:
    device = channel.device(request.pair.workload)
    try:
        with device.quiet():
            sides = prepare(request.pair, channel.build, device, alive=channel.alive, about=channel.about)
            for reply in measure_energy(request, timed_steps(sides), device, alive=channel.alive):
                channel.send(reply)
    except DeviceError as error:
        raise Fatal("device", str(error)) from error
