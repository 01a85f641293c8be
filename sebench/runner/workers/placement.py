"""Environment variables that tell worker processes where their threads run. In place before torch loads."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sebench.schema import Workload

_PLACEMENT_VARIABLES = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")


def worker_environ(workload: Workload, **variables: str) -> dict[str, str]:
    """The environment of a worker, on top of our own: how many threads, and where.

    Args:
        workload: its threads and ranks.
        variables: of this worker alone.
    """
    threads = str(workload.threads)
    return {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        **rank_placement(workload.world_size),
        **variables,
    }


def rank_placement(world_size: int) -> dict[str, str]:
    """What tells a process its place: the threads of a single one are bound, rank 0 of several is not.

    Bound ranks would all start on the first core. The names of the others are those that torchrun sets.
    """
    if world_size == 1:
        return thread_placement(os.environ)
    return {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": str(world_size)}


def thread_placement(environ: Mapping[str, str]) -> dict[str, str]:
    """One OpenMP thread per core, unless the user has placed them.

    Must be in place before torch loads. Unplaced threads may share a core for a while, on one side of a
    pair only: small operations then wait for each other.
    """
    if any(name in environ for name in _PLACEMENT_VARIABLES):
        return {}
    return {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}
