"""What a step works on: one seeded batch, of which every network has a copy of its own, and its classes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from msgspec.structs import replace

from sebench.inputs import Inputs
from sebench.profilers.workload import LOGITS_RANK, MEMORY_FORMATS, module_dtype
from sebench.schema import Workload

_IMAGE_RANK = 4


def make_source(workload: Workload, *, seed: int, rank: int = 0) -> Inputs:
    """What every network's input holds in the beginning; on the host, where no step touches it.

    Args:
        workload: its shape, number format and layout.
        seed: of the whole batch, the same for all ranks.
        rank: which part of the batch, where the workload has several.
    """
    return Inputs((make_input(replace(workload, device="cpu"), seed=seed, rank=rank),))


def as_in_workload(inputs: Inputs, workload: Workload) -> Inputs:
    """Inputs that somebody else made, in the number format and layout of a workload, on the host."""
    return inputs.map(partial(_converted, workload=workload))


def _converted(tensor: torch.Tensor, workload: Workload) -> torch.Tensor:
    """Whole numbers stay such; only images have a layout."""
    if tensor.is_floating_point():
        tensor = tensor.to(module_dtype(workload))
    is_image = tensor.dim() == _IMAGE_RANK
    layout = MEMORY_FORMATS[workload.memory_format] if is_image else torch.contiguous_format
    return tensor.contiguous(memory_format=layout)


class OwnInput:
    """One network's own copy of a batch, which it may write to, reshape or hang gradients on.

    Args:
        source: what it holds in the beginning: tensors that are kept, or made anew each time.
        device: where it lies.
    """

    def __init__(self, source: Callable[[], Inputs], device: str) -> None:
        on_cpu = torch.device(device).type == "cpu"
        self.inputs = source().map(lambda first: first.clone() if on_cpu else first.to(device))
        self._source = source
        self._tensors = tuple(self.inputs.tensors())
        self._versions = self._versions_now()

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """All of it, in order."""
        return self._tensors

    def is_changed(self) -> bool:
        """Whether it is not what it was in the beginning."""
        pairs = zip(self._tensors, self._source().tensors(), strict=True)
        return any(_differs(now, first) for now, first in pairs)

    def is_written(self) -> bool:
        """Whether torch has written to it since it was made or restored; needs no memory."""
        return self._versions_now() != self._versions

    def restore(self) -> None:
        """Make it what it was in the beginning."""
        for now, first in zip(self._tensors, self._source().tensors(), strict=True):
            if now.requires_grad:  # by the network, or by what it was multiplied with
                now.detach_().requires_grad_(False)
                now.grad = None
            with torch.no_grad():
                now.as_strided_(first.shape, first.stride()).copy_(first)
        self._versions = self._versions_now()

    def _versions_now(self) -> tuple[int, ...]:
        return tuple(tensor._version for tensor in self._tensors)


def _differs(now: torch.Tensor, first: torch.Tensor) -> bool:
    if now.requires_grad or now.shape != first.shape or now.stride() != first.stride():
        return True
    return not torch.equal(now.to("cpu"), first)


def make_input(workload: Workload, *, seed: int, rank: int = 0) -> torch.Tensor:
    """Standard-normal input of the workload's shape (zeros would flatter some kernels).

    Args:
        workload: its shape, and where and how the tensor lies.
        seed: of the whole batch, the same for all ranks.
        rank: which part of the batch, where the workload has several.
    """
    generator = torch.Generator().manual_seed(seed)
    batch = _part(torch.randn(workload.input_shape, generator=generator), workload, rank)
    return batch.to(workload.device, module_dtype(workload)).contiguous(
        memory_format=MEMORY_FORMATS[workload.memory_format]
    )


def make_targets(workload: Workload, output: object, *, seed: int, rank: int = 0) -> torch.Tensor | None:
    """One class per image, uniformly drawn, for a network that returns logits; None for other outputs.

    Args:
        workload: its batch and device.
        output: what the network returns for a batch of N; logits are one tensor ``(N, classes)``.
        seed: of the draw.
        rank: which part of the batch, where the workload has several ranks.
    """
    if not isinstance(output, torch.Tensor) or output.dim() != LOGITS_RANK or not output.is_floating_point():
        return None
    if len(output) != workload.rank_input_shape[0]:  # one row per token, or per box
        return None
    classes = output.shape[1]
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(classes, workload.input_shape[:1], generator=generator)
    return _part(drawn, workload, rank).to(workload.device)


def _part(whole: torch.Tensor, workload: Workload, rank: int) -> torch.Tensor:
    """What one rank takes of a batch that splits evenly; all of it where there is one rank."""
    return whole.chunk(workload.world_size)[rank]
