"""The input of a step: one seeded batch, of which every network has a copy of its own."""

from __future__ import annotations

from collections.abc import Callable

import torch
from msgspec.structs import replace

from sebench.profilers.workload import make_input
from sebench.schema import Workload


def make_source(workload: Workload, *, seed: int, rank: int = 0) -> torch.Tensor:
    """What every network's input holds in the beginning; on the host, where no step touches it.

    Args:
        workload: its shape, number format and layout.
        seed: of the whole batch, the same for all ranks.
        rank: which part of the batch, where the workload has several.
    """
    return make_input(replace(workload, device="cpu"), seed=seed, rank=rank)


class OwnInput:
    """One network's own copy of a batch, which it may write to, reshape or hang gradients on.

    Args:
        source: what it holds in the beginning: one tensor that is kept, or made anew each time.
        device: where it lies.
    """

    def __init__(self, source: Callable[[], torch.Tensor], device: str) -> None:
        first = source()
        self.tensor = first.clone() if torch.device(device).type == "cpu" else first.to(device)
        self._source, self._version = source, self.tensor._version

    def is_changed(self) -> bool:
        """Whether it is not what it was in the beginning."""
        now, first = self.tensor, self._source()
        if now.requires_grad or now.shape != first.shape or now.stride() != first.stride():
            return True
        return not torch.equal(now.to("cpu"), first)

    def is_written(self) -> bool:
        """Whether torch has written to it since it was made or restored; needs no memory."""
        return self.tensor._version != self._version

    def restore(self) -> None:
        """Make it what it was in the beginning."""
        if self.tensor.requires_grad:  # by the network, or by what it was multiplied with
            self.tensor.detach_().requires_grad_(False)
            self.tensor.grad = None
        first = self._source()
        with torch.no_grad():
            self.tensor.as_strided_(first.shape, first.stride()).copy_(first)
        self._version = self.tensor._version
