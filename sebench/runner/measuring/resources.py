"""Peak memory and energy of a pair, each in processes that do nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from types import MappingProxyType

from sebench.errors import DeviceError, WorkerError
from sebench.profilers.energy import energy_block_seconds
from sebench.runner.measuring.process_plan import draw_request, silence_limit_s
from sebench.runner.repository.worktree import Trees, tree_of
from sebench.runner.workers.child import worker_environ
from sebench.runner.workers.session import WorkerFailed, WorkerSession, ask, expect
from sebench.schema import (
    EnergyBlock,
    EnergyMeasurement,
    EnergyRun,
    MemoryMeasurement,
    MemoryRun,
    ModelSpec,
    Plan,
    Session,
    Side,
    Workload,
)
from sebench.worker.protocol import (
    CounterFound,
    CounterRequest,
    EnergyDone,
    EnergyMeasured,
    EnergyRequest,
    MemoryMeasured,
    MemoryRequest,
    Ready,
)

PROCESSES_PER_SIDE = 2
"""The second one shows whether the figure repeats."""


def measure_memory(
    session: Session,
    *,
    seed: int,
    command: Sequence[str],
    timeout_s: float,
    trees: Trees = MappingProxyType({}),
) -> MemoryMeasurement:
    """Run a few steps of each side in processes that do nothing else.

    Args:
        session: the pair and its workload.
        seed: of the weights.
        command: how a worker is started.
        timeout_s: how long a process may say nothing.
        trees: working directories of the commits that specs name.
    """

    def run(process: int, side: Side, spec: ModelSpec) -> MemoryRun:
        pair = session.pair
        request = MemoryRequest(
            spec=spec,
            beside=pair.candidate if side == "baseline" else pair.baseline,
            workload=session.workload,
            side=side,
            process=process,
            weight_seed=seed,
        )
        try:
            measured = ask(
                request,
                MemoryMeasured,
                command=command,
                # Fixed hashes: what iterates over sets allocates in the same order in every process.
                environ=worker_environ(session.workload, session.pair, PYTHONHASHSEED="0"),
                timeout_s=timeout_s,
                directory=tree_of(spec, trees),
            )
        except WorkerError as error:
            return MemoryRun(process=process, side=side, error=str(error))
        return measured.run

    runs = (
        run(process, side, spec) for process in range(PROCESSES_PER_SIDE) for side, spec in _sides(session)
    )
    return MemoryMeasurement(workload=session.workload, processes=tuple(runs))


def _sides(session: Session) -> Iterator[tuple[Side, ModelSpec]]:
    yield "baseline", session.pair.baseline
    yield "candidate", session.pair.candidate


BLOCKS = 6
"""The fewest that one process can draw a 95 % interval from."""
REPEATED_PROCESSES, REPEATED_BLOCKS = 5, 3
"""An interval that speaks for fresh processes."""


def require_counters(plan: Plan, command: Sequence[str]) -> dict[str, CounterFound]:
    """Ask for the counters before anything is measured.

    Args:
        plan: what will be measured.
        command: how a worker is started.

    Returns:
        The counter by device: of the accelerator where there is one, else of the CPU; empty where no energy
        was asked for.

    Raises:
        DeviceError: energy was asked for and cannot be had; says why.
    """
    if not plan.energy:
        return {}
    by_device = {session.workload.device: session.workload for session in plan.sessions}
    accelerated = {device: workload for device, workload in by_device.items() if device != "cpu"}
    return {
        device: _find(workload, command, plan.policy.timeout_s)
        for device, workload in (accelerated or by_device).items()
    }


def measure_energy(
    session: Session,
    plan: Plan,
    counter: CounterFound,
    *,
    exported: Mapping[Side, str] = MappingProxyType({}),
    command: Sequence[str],
) -> EnergyMeasurement:
    """Blocks of long windows; what cannot be read is said in the measurement, never raised.

    Args:
        session: the pair and its workload.
        plan: its policy and seed.
        counter: what `require_counters` found.
        exported: as in `Request`.
        command: how a worker is started.
    """
    repeated = plan.repeat_energy or plan.policy.effort == "rigorous"
    processes, blocks = (REPEATED_PROCESSES, REPEATED_BLOCKS) if repeated else (1, BLOCKS)
    runs = []
    for process in range(processes):
        pair = draw_request(plan, session, Random(f"{plan.seed}/energy/{process}"), exported=exported)
        runs.append(_run(session, plan, EnergyRequest(pair=pair, blocks=blocks), process, command))
        if runs[-1].error:  # it would cost minutes to hear it again
            break
    return EnergyMeasurement(
        workload=session.workload, counter=counter.counter, zones=counter.zones, processes=tuple(runs)
    )


def _find(workload: Workload, command: Sequence[str], timeout_s: float) -> CounterFound:
    request = CounterRequest(workload=workload)
    environ = worker_environ(workload)
    try:
        return ask(request, CounterFound, command=command, environ=environ, timeout_s=timeout_s)
    except WorkerFailed as error:
        raise DeviceError(f"--energy: {error}") from error


def _run(
    session: Session, plan: Plan, request: EnergyRequest, process: int, command: Sequence[str]
) -> EnergyRun:
    environ, limit_s = (
        worker_environ(session.workload, session.pair),
        silence_limit_s(plan.policy, session.workload, session.pair),
    )
    read: list[EnergyBlock] = []
    try:
        with WorkerSession(request, command=command, environ=environ, timeout_s=limit_s) as worker:
            block_s = energy_block_seconds(expect(worker, Ready).step_s)
            worker.allow_silence(
                silence_limit_s(plan.policy, session.workload, session.pair, block_s=block_s)
            )
            for _ in range(request.blocks):
                read.append(expect(worker, EnergyMeasured).block)  # noqa: PERF401 - what was read is kept if it dies
            done = expect(worker, EnergyDone)
    except WorkerError as error:
        return EnergyRun(process=process, blocks=tuple(read), error=str(error))
    return EnergyRun(
        process=process, idle_w=done.idle_w, other_cpu_ratio=done.other_cpu_ratio, blocks=tuple(read)
    )
