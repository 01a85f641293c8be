"""How a network becomes a step: one file per runtime, behind one protocol.

`sebench.schema.RUNTIMES` has the same names, and what each can do, without torch. A new runtime is an entry
there, a file here, and a line in `PREPARE`.
"""

from __future__ import annotations

from sebench.profilers.runtimes import compiled, cudagraph, eager, onnx_runtime, open_vino
from sebench.profilers.runtimes.eager import Batch, Prepare, PreparedStep
from sebench.schema import Runtime

__all__ = ["PREPARE", "Batch", "Prepare", "PreparedStep"]

PREPARE: dict[Runtime, Prepare] = {
    "eager": eager.prepare,
    "cudagraph": cudagraph.prepare,
    "compile": compiled.prepare,
    "freezing": compiled.prepare_frozen,
    "onnxruntime": onnx_runtime.prepare,
    "openvino": open_vino.prepare,
}
"""What makes steps for each runtime."""
