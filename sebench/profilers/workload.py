"""From a network and a workload to the step that is timed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from sebench.errors import WorkerError
from sebench.schema import Workload

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def make_input(workload: Workload, *, seed: int) -> torch.Tensor:
    """Standard-normal input of the workload's shape (zeros would flatter some kernels)."""
    generator = torch.Generator().manual_seed(seed)
    batch = torch.randn(workload.input_shape, generator=generator)
    return batch.to(workload.device, _module_dtype(workload)).contiguous(
        memory_format=_MEMORY_FORMATS[workload.memory_format]
    )


def inference_step(module: nn.Module, batch: torch.Tensor, workload: Workload) -> Callable[[], torch.Tensor]:
    """A forward pass of `module` in eval mode, in the workload's dtype and layout.

    Returns:
        A callable that runs one step and returns the network's output.
    """
    module = module.eval().to(
        device=workload.device,
        dtype=_module_dtype(workload),
        memory_format=_MEMORY_FORMATS[workload.memory_format],  # type: ignore[call-overload]
    )
    autocast = torch.autocast(
        torch.device(workload.device).type, torch.bfloat16, enabled=workload.dtype == "amp-bfloat16"
    )

    def step() -> torch.Tensor:
        with torch.inference_mode(), autocast:
            output: torch.Tensor = module(batch)
            return output

    return step


def check_finite(output: object, label: str) -> None:
    """Refuse NaN and infinity: arithmetic on them has its own speed.

    Raises:
        WorkerError: the output is not a tensor, or not finite.
    """
    if not isinstance(output, torch.Tensor):
        raise WorkerError(f"{label} returned {type(output).__name__}, not a tensor")
    if not torch.isfinite(output).all():
        bad = int((~torch.isfinite(output)).sum())
        raise WorkerError(
            f"{label} returned NaN or infinity in {bad} of {output.numel()} outputs",
            hint="try --dtype float32, or check the network's weights",
        )


def _module_dtype(workload: Workload) -> torch.dtype:
    return _DTYPES.get(workload.dtype, torch.float32)
