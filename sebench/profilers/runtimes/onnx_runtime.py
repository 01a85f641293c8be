"""``onnxruntime``: torch's own ONNX exporter, then ONNX Runtime on the CPU, for one shape.

Both sides of a pair run in one process, so no session may be awake while the other is timed: its threads do
not spin. The input is read and the output written where torch has them, without copies.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sebench.errors import SebenchError, WorkerError
from sebench.profilers.inputs import OwnInput
from sebench.profilers.runtimes.eager import Batch, PreparedStep
from sebench.profilers.runtimes.exported import (
    APART,
    evaluating,
    in_order_of,
    reference,
    refused,
    require_agreement,
    silence,
)
from sebench.profilers.runtimes.onnx_forms import rewrite_onnx
from sebench.schema import Workload
from sebench.schema.forms import forms_of

_ELEMENTS = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.int64: "int64",
    torch.int32: "int32",
    torch.bool: "bool_",
}
_LEVEL = "ORT_ENABLE_ALL"


def prepare(module: nn.Module, batch: Batch, workload: Workload, /) -> PreparedStep:
    """See `Prepare`: exported and optimised before the step is handed over."""
    own = batch.input
    expected = reference(module, own, workload)
    session = _session(module, own, workload)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    tensors = in_order_of([place.name for place in inputs], own)
    binding = session.io_binding()
    made = tuple(torch.empty_like(each, memory_format=torch.contiguous_format) for each in expected)
    for place, tensor in zip(inputs, tensors, strict=True):
        binding.bind_input(place.name, "cpu", 0, _element(tensor), tuple(tensor.shape), tensor.data_ptr())
    for place, tensor in zip(outputs, made, strict=True):
        binding.bind_output(place.name, "cpu", 0, _element(tensor), tuple(tensor.shape), tensor.data_ptr())
    result: Any = made[0] if len(made) == 1 else made

    def step() -> Any:  # noqa: ANN401 - as the network returns
        session.run_with_iobinding(binding)
        return result

    step()
    difference = require_agreement(made, expected, workload)
    return PreparedStep(step, made, _facts(session, difference))


def _session(module: nn.Module, own: OwnInput, workload: Workload) -> Any:  # noqa: ANN401 - it is not typed
    import onnxruntime  # noqa: PLC0415 - an extra

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = workload.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, _LEVEL)
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    args, kwargs = evaluating(module, own)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        try:
            with silence(), torch.no_grad():
                torch.onnx.export(module, args, str(path), kwargs=kwargs, dynamo=True)
            path, is_optimised = rewrite_onnx(path, forms_of(module), optimise)
            if is_optimised:
                options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except SebenchError:
            raise
        except Exception as error:
            raise refused(workload, module, error) from error


def optimise(path: Path, written: Path) -> None:
    """Write a graph as it is once it is optimised, with its weights; see `rewrite_onnx`."""
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, _LEVEL)
    options.log_severity_level = 3
    options.optimized_model_filepath = str(written)
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _element(tensor: torch.Tensor) -> Any:  # noqa: ANN401 - a type of numpy's
    import numpy as np  # noqa: PLC0415

    if tensor.dtype not in _ELEMENTS:
        raise WorkerError(f"--runtime onnxruntime knows no tensors of {tensor.dtype} here")
    return getattr(np, _ELEMENTS[tensor.dtype])


def _facts(session: Any, difference: float) -> dict[str, object]:  # noqa: ANN401 - it is not typed
    import onnx  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415
    import onnxscript  # noqa: PLC0415

    return {
        "onnxruntime": onnxruntime.__version__,
        "onnx": onnx.__version__,
        "onnxscript": onnxscript.__version__,
        "provider": session.get_providers()[0],
        "optimisation": _LEVEL,
        "spinning": False,
        APART: difference,
    }
