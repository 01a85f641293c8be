"""``compile``: torch.compile with its defaults, for one shape; ``freezing``: the same with frozen weights.

Freezing makes constants of the weights, so that inductor can fold batch norms, lay weights out for oneDNN and
fuse adds and activations into its convolutions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from sebench.profilers.runtimes.eager import Batch, PreparedStep, torch_step
from sebench.schema import Workload


def prepare(module: nn.Module, batch: Batch, workload: Workload, /) -> PreparedStep:
    """See `Prepare`: compiling happens at the first call of the step."""
    return torch_step(module, batch, workload, _compiled)


def _compiled(module: nn.Module) -> Callable[..., Any]:
    compiled: Callable[..., Any] = torch.compile(module, dynamic=False)
    return compiled


def prepare_frozen(module: nn.Module, batch: Batch, workload: Workload, /) -> PreparedStep:
    """See `Prepare`: compiled before the step is handed over, with the weights as constants.

    Not with ``torch.compile(options={"freezing": True})``, which freezes nothing and does not say so: dynamo
    asks the global setting while it traces.
    """
    import torch._inductor.config  # noqa: PLC0415 - takes a while

    prepared = torch_step(module, batch, workload, _compiled)
    with torch._inductor.config.patch(freezing=True):
        prepared.run()
    if batch.input.is_written():
        batch.input.restore()
    return prepared
