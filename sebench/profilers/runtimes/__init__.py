"""How a network becomes a step: one file per runtime, behind one protocol.

Those of `FILE_RUNTIMES` export it first; the files serve every process of a plan.

`sebench.schema.RUNTIMES` has the same names, and what each can do, without torch. A new runtime is an entry
there, a file here, and a line in `PREPARE`.
"""

from __future__ import annotations

from sebench.profilers.runtimes import compiled, cudagraph, eager, execu_torch, onnx_runtime, open_vino
from sebench.profilers.runtimes.eager import Batch, Prepare, PreparedStep
from sebench.profilers.runtimes.exported import FileRuntime
from sebench.schema import Runtime

__all__ = ["FILE_RUNTIMES", "PREPARE", "Batch", "FileRuntime", "Prepare", "PreparedStep"]

FILE_RUNTIMES: dict[Runtime, FileRuntime] = {
    "onnxruntime": onnx_runtime.RUNTIME,
    "openvino": open_vino.RUNTIME,
    "executorch": execu_torch.RUNTIME,
}
"""Runtimes that take a network from a file; `RuntimeInfo.is_exported` says the same."""

PREPARE: dict[Runtime, Prepare] = {
    "eager": eager.prepare,
    "cudagraph": cudagraph.prepare,
    "compile": compiled.prepare,
    "freezing": compiled.prepare_frozen,
    **{name: runtime.prepare for name, runtime in FILE_RUNTIMES.items()},
}
"""What makes steps for each runtime."""
