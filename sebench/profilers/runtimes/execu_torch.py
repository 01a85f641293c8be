"""``executorch``: exported by torch, lowered to XNNPACK where that has a kernel, for one shape.

What XNNPACK does not take runs in ExecuTorch's portable kernels, on one thread. All programs of a process
share one pool of threads.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sebench.errors import WorkerError
from sebench.inputs import Inputs
from sebench.profilers.inputs import OwnInput
from sebench.profilers.runtimes.eager import PreparedStep
from sebench.profilers.runtimes.exported import FileRuntime, silence
from sebench.schema import Workload

_METHOD = "forward"


def write(network: nn.Module, inputs: Inputs, file: Path, _: Workload, /) -> None:
    """See `Write`: one ``.pte`` file, weights included."""
    from executorch.exir import ExecutorchBackendConfig  # noqa: PLC0415 - an extra
    from executorch.exir.passes import MemoryPlanningPass  # noqa: PLC0415

    # The input is read where torch has it; by default it would be copied in before every run.
    planned = ExecutorchBackendConfig(memory_planning_pass=MemoryPlanningPass(alloc_graph_input=False))
    file.write_bytes(lowered(network, inputs).to_executorch(planned).buffer)


def lowered(network: nn.Module, inputs: Inputs) -> Any:  # noqa: ANN401 - it is not typed
    """A network whose calls are handed to XNNPACK as far as that takes them, in runs as long as can be."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import (  # noqa: PLC0415
        XnnpackPartitioner,
    )
    from executorch.exir import to_edge_transform_and_lower  # noqa: PLC0415

    exported = torch.export.export(network, inputs.args, strict=False)
    return to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])


def bind(file: Path, own: OwnInput, workload: Workload, /) -> PreparedStep:
    """See `Bind`: a program of its own, on the threads of the process."""
    with silence():  # it warns that it may change
        from executorch.extension.pybindings import portable_lib  # noqa: PLC0415
        from executorch.runtime import Runtime  # noqa: PLC0415

    _require_threads(portable_lib, workload)
    program = Runtime.get().load_program(file.read_bytes())
    method = program.load_method(_METHOD)._method  # the public one copies inputs and outputs
    inputs = list(own.tensors)
    method.set_inputs(inputs)
    method.execute()
    made = tuple(method.get_outputs(clone_outputs=False))
    result: Any = made[0] if len(made) == 1 else made

    def step(_kept: object = (program, inputs)) -> Any:  # noqa: ANN401 - one tensor, or several
        method.execute()
        return result

    step()
    return PreparedStep(step, made, _facts(workload))


def _require_threads(portable_lib: Any, workload: Workload) -> None:  # noqa: ANN401 - it is not typed
    """All programs of the process run on one pool, which has every core until it is told otherwise."""
    if portable_lib._threadpool_get_thread_count() != workload.threads:
        portable_lib._unsafe_reset_threadpool(workload.threads)
    threads = portable_lib._threadpool_get_thread_count()
    if threads != workload.threads:
        raise WorkerError(
            f"--runtime executorch runs {threads} threads here, not {workload.threads}",
            hint=f"use --threads {threads}",
        )


def _facts(workload: Workload) -> dict[str, object]:
    return {"executorch": version("executorch"), "backend": "XNNPACK", "threads": workload.threads}


RUNTIME = FileRuntime(file="network.pte", write=write, bind=bind)
