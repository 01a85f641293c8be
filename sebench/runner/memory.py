"""Peak memory of both sides of a pair, each in fresh processes of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import MappingProxyType

from sebench.errors import WorkerError
from sebench.runner.session import WorkerSession
from sebench.runner.side_by_side import Trees, tree_of
from sebench.schema import MemoryMeasurement, MemoryRun, ModelSpec, Session, Side
from sebench.worker.protocol import Failed, MemoryMeasured, MemoryRequest

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
        timeout_s: of one process.
        trees: working directories of the commits that specs name.
    """
    runs = tuple(
        _run(
            session,
            side,
            spec,
            process,
            seed=seed,
            open_session=partial(
                WorkerSession, command=command, timeout_s=timeout_s, directory=tree_of(spec, trees)
            ),
        )
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
    open_session: Callable[..., WorkerSession],
) -> MemoryRun:
    threads = str(session.workload.threads)
    request = MemoryRequest(
        spec=spec, workload=session.workload, side=side, process=process, weight_seed=seed
    )
    environ = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "PYTHONHASHSEED": "0"}
    try:
        with open_session(request, environ=environ) as worker:
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
