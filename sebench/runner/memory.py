"""Peak memory of both sides of a pair, each in fresh processes of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sebench.errors import WorkerError
from sebench.runner.session import WorkerSession
from sebench.schema import MemoryMeasurement, MemoryRun, ModelSpec, Session, Side
from sebench.worker.protocol import Failed, MemoryMeasured, MemoryRequest

PROCESSES_PER_SIDE = 2
"""The second one shows whether the figure repeats."""


def measure_memory(
    session: Session, *, seed: int, command: Sequence[str], timeout_s: float
) -> MemoryMeasurement:
    """Run a few steps of each side in processes that do nothing else.

    Args:
        session: the pair and its workload.
        seed: of the weights.
        command: how a worker is started.
        timeout_s: of one process.
    """
    runs = tuple(
        _run(session, side, spec, process, seed=seed, command=command, timeout_s=timeout_s)
        for process in range(PROCESSES_PER_SIDE)
        for side, spec in _sides(session)
    )
    return MemoryMeasurement(workload=session.workload, processes=runs)


def _sides(session: Session) -> Iterator[tuple[Side, ModelSpec]]:
    yield "baseline", session.pair.baseline
    yield "candidate", session.pair.candidate


def _run(
    session: Session,
    side: Side,
    spec: ModelSpec,
    process: int,
    *,
    seed: int,
    command: Sequence[str],
    timeout_s: float,
) -> MemoryRun:
    threads = str(session.workload.threads)
    request = MemoryRequest(
        spec=spec, workload=session.workload, side=side, process=process, weight_seed=seed
    )
    environ = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "PYTHONHASHSEED": "0"}
    try:
        with WorkerSession(request, command=command, environ=environ, timeout_s=timeout_s) as worker:
            reply = worker.receive()
    except WorkerError as error:
        return MemoryRun(process=process, side=side, error=str(error))
    match reply:
        case MemoryMeasured(run=run):
            return run
        case Failed(message=message):
            return MemoryRun(process=process, side=side, error=message)
        case _:
            return MemoryRun(process=process, side=side, error=f"unexpected reply {type(reply).__name__}")
