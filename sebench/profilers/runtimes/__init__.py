"""How a network becomes a step: one file per runtime, behind one protocol.

`sebench.schema.RUNTIMES` has the same names, and what each can do, without torch. A new runtime is an entry
there, a file here, and a line in `_PREPARE`.
"""

from __future__ import annotations

from sebench.profilers.runtimes import compiled, cudagraph, eager
from sebench.profilers.runtimes.step import Batch, Prepare, PreparedStep
from sebench.schema import Runtime

__all__ = ["Batch", "Prepare", "PreparedStep", "prepare_with"]

_PREPARE: dict[Runtime, Prepare] = {
    "eager": eager.prepare,
    "cudagraph": cudagraph.prepare,
    "compile": compiled.prepare,
}


def prepare_with(runtime: Runtime) -> Prepare:
    """What makes steps for a runtime."""
    return _PREPARE[runtime]
