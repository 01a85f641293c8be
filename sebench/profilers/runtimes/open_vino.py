"""``openvino``: converted from torch, compiled for the CPU, for one shape and in float32.

On a CPU with bfloat16 OpenVINO's default is to compute in it although outputs stay float32, so the precision
is said, and read back.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sebench.errors import WorkerError
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
from sebench.schema import Workload

_PRECISION = "INFERENCE_PRECISION_HINT"
_THREADS = "INFERENCE_NUM_THREADS"


def prepare(module: nn.Module, batch: Batch, workload: Workload, /) -> PreparedStep:
    """See `Prepare`: converted and compiled before the step is handed over."""
    import openvino  # noqa: PLC0415 - an extra

    own = batch.input
    expected = reference(module, own, workload)
    compiled = _compiled(module, own, workload)
    _require_threads(compiled, workload)
    request = compiled.create_infer_request()
    made = tuple(torch.empty_like(each, memory_format=torch.contiguous_format) for each in expected)
    for index, tensor in enumerate(_in_order(compiled, own)):
        request.set_input_tensor(index, openvino.Tensor(tensor.numpy(), shared_memory=True))
    for index, tensor in enumerate(made):
        request.set_output_tensor(index, openvino.Tensor(tensor.numpy(), shared_memory=True))
    result: Any = made[0] if len(made) == 1 else made

    def step() -> Any:  # noqa: ANN401 - as the network returns
        request.infer()
        return result

    step()
    difference = require_agreement(made, expected, workload)
    return PreparedStep(step, made, _facts(compiled, difference))


def _compiled(module: nn.Module, own: OwnInput, workload: Workload) -> Any:  # noqa: ANN401 - it is not typed
    import openvino  # noqa: PLC0415

    args, kwargs = evaluating(module, own)
    settings = {
        _PRECISION: "f32",
        _THREADS: workload.threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    example: Any = kwargs or (args[0] if len(args) == 1 else args)
    try:
        with silence(), torch.no_grad():
            model = openvino.convert_model(module, example_input=example)
            shapes = dict(zip(model.inputs, (tuple(t.shape) for t in _in_order(model, own)), strict=True))
            model.reshape(shapes)
            return openvino.Core().compile_model(model, "CPU", settings)
    except Exception as error:
        raise refused(workload, module, error) from error


def _require_threads(compiled: Any, workload: Workload) -> None:  # noqa: ANN401 - it is not typed
    """It takes fewer where the process is bound to fewer processors, without a word."""
    threads = int(compiled.get_property(_THREADS))
    if threads != workload.threads:
        raise WorkerError(
            f"--runtime openvino runs {threads} threads here, not {workload.threads}",
            hint=f"use --threads {threads}, or leave the variables unset that bind threads (OMP_PROC_BIND)",
        )


def _in_order(model: Any, own: OwnInput) -> tuple[torch.Tensor, ...]:  # noqa: ANN401 - it is not typed
    return in_order_of([port.any_name for port in model.inputs], own)


def _facts(compiled: Any, difference: float) -> dict[str, object]:  # noqa: ANN401 - it is not typed
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
    return {"openvino": openvino.__version__, **known, APART: difference}
