"""Peak memory of both sides of a pair, each in fresh processes of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType

from sebench.errors import WorkerError
from sebench.runner.repository.worktree import Trees, tree_of
from sebench.runner.workers.placement import worker_environ
from sebench.runner.workers.session import ask
from sebench.schema import MemoryMeasurement, MemoryRun, ModelSpec, Session, Side
from sebench.worker.protocol import MemoryMeasured, MemoryRequest

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
                environ=worker_environ(session.workload, PYTHONHASHSEED="0"),
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
