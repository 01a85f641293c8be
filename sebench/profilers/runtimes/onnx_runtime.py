"""``onnxruntime``: torch's own ONNX exporter, then ONNX Runtime on the CPU, for one shape.

Both sides of a pair run in one process, so no session may be awake while the other is timed: its threads do
not spin. The input is read and the output written where torch has them, without copies.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from sebench.errors import WorkerError
from sebench.graphs.model_files import is_optimised, onnx_inputs
from sebench.inputs import Inputs
from sebench.profilers.inputs import OwnInput
from sebench.profilers.runtimes import onnx_int8
from sebench.profilers.runtimes.eager import PreparedStep
from sebench.profilers.runtimes.exported import FileRuntime, OperationCounts, in_order_of
from sebench.profilers.runtimes.onnx_forms import rewrite_onnx
from sebench.schema import Workload
from sebench.schema.forms import forms_of

_ELEMENTS = {
    torch.float32: "float32",
    torch.float16: "float16",
    torch.int8: "int8",
    torch.uint8: "uint8",
    torch.float64: "float64",
    torch.int64: "int64",
    torch.int32: "int32",
    torch.bool: "bool_",
}
_LEVEL = "ORT_ENABLE_ALL"
NO_SIZES: Mapping[str, int] = MappingProxyType({})


def write(network: nn.Module, inputs: Inputs, file: Path, _: Workload, /) -> None:
    """See `Write`: ``NAME.onnx``, with the weights in ``NAME.onnx.data`` beside it."""
    torch.onnx.export(network, inputs.args, str(file), dynamo=True)
    rewrite_onnx(file, forms_of(network), optimise).replace(file)


def bind(file: Path, own: OwnInput, workload: Workload, /) -> PreparedStep:
    """See `Bind`: a session of its own."""
    return bound(make_session(file, workload, sizes=open_sizes(file, own)), own)


def bound(session: Any, own: OwnInput) -> PreparedStep:  # noqa: ANN401 - it is not typed
    """The step of a session, on tensors that it shares with torch."""
    tensors = in_order_of([place.name for place in session.get_inputs()], own)
    binding = session.io_binding()
    for place, tensor in zip(session.get_inputs(), tensors, strict=True):
        binding.bind_input(place.name, "cpu", 0, _element(tensor), tuple(tensor.shape), tensor.data_ptr())
    for place in session.get_outputs():
        binding.bind_output(place.name, "cpu")
    session.run_with_iobinding(binding)  # tells the shapes
    made = tuple(torch.empty_like(torch.from_numpy(each)) for each in binding.copy_outputs_to_cpu())
    binding.clear_binding_outputs()
    for place, tensor in zip(session.get_outputs(), made, strict=True):
        binding.bind_output(place.name, "cpu", 0, _element(tensor), tuple(tensor.shape), tensor.data_ptr())
    result: Any = made[0] if len(made) == 1 else made

    def step() -> Any:  # noqa: ANN401 - one tensor, or several
        session.run_with_iobinding(binding)
        return result

    step()
    return PreparedStep(step, made, _facts(session))


def count_operations(file: Path, workload: Workload) -> OperationCounts:
    """See `CountOperations`."""
    with tempfile.TemporaryDirectory() as folder:
        optimized = Path(folder) / file.name
        make_session(file, workload, optimized_model_filepath=str(optimized))
        return onnx_int8.count_operations(optimized)


def make_session(
    file: Path, workload: Workload, *, sizes: Mapping[str, int] = NO_SIZES, **more: object
) -> Any:  # noqa: ANN401 - it is not typed
    """A session as the workload asks.

    Args:
        file: to run.
        workload: threads.
        sizes: for one shape, of those that the file leaves open under a name.
        **more: attributes of its options, e.g. ``enable_profiling``.
    """
    import onnx  # noqa: PLC0415 - an extra
    import onnxruntime  # noqa: PLC0415 - an extra

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = workload.threads
    options.inter_op_num_threads = 1
    model = onnx.load(file, load_external_data=False)
    level = "ORT_DISABLE_ALL" if is_optimised(model) else _LEVEL
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Numbers too small to be normal are taken for zero, as in eager steps (`sebench.profilers.cpu`).
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    for name, value in more.items():
        setattr(options, name, value)
    for name, size in sizes.items():
        options.add_free_dimension_override_by_name(name, size)
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def open_sizes(file: Path, own: OwnInput) -> dict[str, int]:
    """What the input makes of sizes that a file leaves open under a name."""
    declared = onnx_inputs(file)
    tensors = in_order_of([each.name for each in declared], own)
    return {
        name: size
        for each, tensor in zip(declared, tensors, strict=True)
        for name, size in zip(each.shape, tensor.shape, strict=False)
        if isinstance(name, str)
    }


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


def _facts(session: Any) -> dict[str, object]:  # noqa: ANN401 - it is not typed
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
    }


RUNTIME = FileRuntime(
    file="network.onnx",
    write=write,
    bind=bind,
    quantize=onnx_int8.quantize,
    count_operations=count_operations,
)
