"""``openvino``: converted from torch, compiled for the CPU, for one shape.

On a CPU with bfloat16 OpenVINO's default is to compute in it although outputs stay float32. On others it
ignores that it was asked to. So the precision is said, and read back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sebench.errors import WorkerError
from sebench.inputs import Inputs
from sebench.profilers.inputs import OwnInput
from sebench.profilers.runtimes import openvino_int8
from sebench.profilers.runtimes.eager import PreparedStep
from sebench.profilers.runtimes.exported import FileRuntime, in_order_of
from sebench.profilers.runtimes.openvino_core import openvino_core
from sebench.schema import Workload

_PRECISION = "INFERENCE_PRECISION_HINT"
_THREADS = "INFERENCE_NUM_THREADS"
_CAPABILITIES = "OPTIMIZATION_CAPABILITIES"
_DENORMALS = "CPU_DENORMALS_OPTIMIZATION"
"""Numbers too small to be normal are taken for zero, as in eager steps (`sebench.profilers.cpu`)."""
_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
"""Names by `Workload.dtype`."""


def write(network: nn.Module, inputs: Inputs, file: Path, workload: Workload, /) -> None:
    """See `Write`: ``NAME.xml``, with the weights in ``NAME.bin`` beside it, in float32."""
    import openvino  # noqa: PLC0415 - an extra

    if workload.dtype == "bfloat16" and "BF16" not in openvino_core().get_property("CPU", _CAPABILITIES):
        raise _other_precision(workload, "float32")
    args = inputs.args
    model = openvino.convert_model(network, example_input=args[0] if len(args) == 1 else args)
    model.reshape(dict(zip(model.inputs, (tuple(each.shape) for each in args), strict=True)))
    openvino.save_model(model, file, compress_to_fp16=False)  # it does by default


def bind(file: Path, own: OwnInput, workload: Workload, /) -> PreparedStep:
    """See `Bind`: compiled for the CPU."""
    compiled = make_compiled(file, workload, own)
    return bound(compiled, compiled.create_infer_request(), own)


def bound(compiled: Any, request: Any, own: OwnInput) -> PreparedStep:  # noqa: ANN401 - they are not typed
    """The step of a request, on tensors that it shares with torch."""
    import openvino  # noqa: PLC0415

    for index, tensor in enumerate(in_order_of([port.any_name for port in compiled.inputs], own)):
        request.set_input_tensor(index, openvino.Tensor(tensor.numpy(), shared_memory=True))
    request.infer()  # tells the shapes
    found = [request.get_output_tensor(index).data for index in range(len(compiled.outputs))]
    made = tuple(torch.empty_like(torch.from_numpy(each)) for each in found)
    for index, tensor in enumerate(made):
        request.set_output_tensor(index, openvino.Tensor(tensor.numpy(), shared_memory=True))
    result: Any = made[0] if len(made) == 1 else made

    def step() -> Any:  # noqa: ANN401 - one tensor, or several
        request.infer()
        return result

    step()
    return PreparedStep(step, made, _facts(compiled))


def make_compiled(file: Path, workload: Workload, own: OwnInput | None = None, **more: object) -> Any:  # noqa: ANN401
    """A file compiled as the workload asks, and for one shape where it leaves sizes open.

    Args:
        file: to run.
        workload: threads and precision.
        own: the input that has the shape.
        **more: further settings, e.g. ``PERF_COUNT``.
    """
    core = openvino_core()
    settings = {
        _PRECISION: _PRECISIONS[workload.dtype],
        _DENORMALS: True,
        _THREADS: workload.threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        **more,
    }
    model = core.read_model(file)
    if own is not None and model.is_dynamic():
        tensors = in_order_of([port.any_name for port in model.inputs], own)
        model.reshape(dict(zip(model.inputs, (tuple(each.shape) for each in tensors), strict=True)))
    compiled = core.compile_model(model, "CPU", settings)
    _require_threads(compiled, workload)
    found = compiled.get_property(_PRECISION).get_type_name()
    if found != _PRECISIONS[workload.dtype]:
        raise _other_precision(workload, found)
    return compiled


def write_reshaped(file: Path, shapes: Mapping[str, Sequence[int]], written: Path) -> None:
    """Write a model as it is for inputs of these shapes; nothing is compiled.

    Args:
        file: which leaves sizes open.
        shapes: by name of the input.
        written: ends with ``.xml``.
    """
    import openvino  # noqa: PLC0415

    model = openvino_core().read_model(file)
    names = (
        port.any_name if port.get_names() else port.get_node().get_friendly_name() for port in model.inputs
    )
    model.reshape({port: tuple(shapes[name]) for port, name in zip(model.inputs, names, strict=True)})
    openvino.serialize(model, written, written.with_suffix(".bin"))


def _other_precision(workload: Workload, found: str) -> WorkerError:
    return WorkerError(
        f"--runtime openvino computes in {found} on this CPU, not in {workload.dtype}",
        hint="use --dtype float32",
    )


def _require_threads(compiled: Any, workload: Workload) -> None:  # noqa: ANN401 - it is not typed
    """It takes fewer where the process is bound to fewer processors, without a word."""
    threads = int(compiled.get_property(_THREADS))
    if threads != workload.threads:
        raise WorkerError(
            f"--runtime openvino runs {threads} threads here, not {workload.threads}",
            hint=f"use --threads {threads}, or leave the variables unset that bind threads (OMP_PROC_BIND)",
        )


def _facts(compiled: Any) -> dict[str, object]:  # noqa: ANN401 - it is not typed
    import openvino  # noqa: PLC0415

    known = {
        name.lower(): str(compiled.get_property(name))
        for name in (
            _PRECISION,
            "INFERENCE_NUM_THREADS",
            "NUM_STREAMS",
            "PERFORMANCE_HINT",
            "EXECUTION_MODE_HINT",
        )
    }
    return {"openvino": openvino.__version__, **known}


RUNTIME = FileRuntime(
    file="network.xml",
    also=("network.onnx",),
    write=write,
    bind=bind,
    quantize=openvino_int8.quantize,
    count_operations=lambda file, workload: openvino_int8.count_operations(make_compiled(file, workload)),
)
