"""Op by op, as Python calls them."""

from __future__ import annotations

from torch import nn

from sebench.profilers.runtimes.step import Batch, PreparedStep, torch_step
from sebench.schema import Workload


def prepare(module: nn.Module, batch: Batch, workload: Workload, /) -> PreparedStep:
    """See `Prepare`: nothing is done ahead of the first step."""
    return torch_step(module, batch, workload)
