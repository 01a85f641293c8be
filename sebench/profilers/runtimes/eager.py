"""What a runtime is asked for, and ``eager``: the steps that torch itself runs, op by op."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

import torch
from torch import nn

from sebench.profilers.device import Step
from sebench.profilers.inputs import OwnInput, make_targets
from sebench.profilers.workload import Executable, as_it_is, inference_step, training_step
from sebench.schema import Workload


def nothing() -> None:
    """Mark nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a step works on."""

    input: OwnInput
    """The network's own; a step reads its tensors anew each time, and may write to it."""
    seed: int
    """Of the classes that training draws."""
    rank: int = 0
    """Whose part of the batch it is."""
    mark: Callable[[], None] = nothing
    """To be called between forward and backward, by a runtime that can."""


class PreparedStep(NamedTuple):
    """A step, and what lives through it."""

    run: Step
    held: tuple[torch.Tensor, ...] = ()
    """Tensors beside the input."""
    facts: Mapping[str, object] = MappingProxyType({})
    """What tells this runtime from another version or setting of it; empty where torch's own facts do."""


class Prepare(Protocol):
    """A runtime: makes a step of a network. What takes long may wait for the first call of that step."""

    def __call__(self, module: nn.Module, batch: Batch, workload: Workload, /) -> PreparedStep:
        """A step of `module`: a forward pass, or in training what the workload says.

        Args:
            module: the network, as built: on the CPU, in float32. It may be moved and converted.
            batch: what it works on; the input is left as the network leaves it.
            workload: one that the runtime supports (`sebench.schema.RuntimeInfo`).

        Returns:
            A step that returns its output, of training the loss, as torch tensors.

        Raises:
            WorkerError: the network cannot be run so; says why.
        """


def torch_step(
    module: nn.Module, batch: Batch, workload: Workload, executable: Executable = as_it_is
) -> PreparedStep:
    """The step as torch runs it.

    Args:
        module: the network.
        batch: what it works on.
        workload: phase, dtype, layout and the like.
        executable: makes of the network what is called.

    Raises:
        WorkerError: at the first step, training of a network without an output that has a gradient.
    """
    own = batch.input
    if workload.phase == "inference":
        return PreparedStep(inference_step(module, own.inputs, workload, executable))
    output = inference_step(module, own.inputs, workload)()
    targets = make_targets(workload, output, seed=batch.seed, rank=batch.rank)
    del output
    if own.is_written():
        own.restore()
    step = training_step(module, own.inputs, targets, workload, batch.mark, executable=executable)
    return PreparedStep(step, () if targets is None else (targets,))


def prepare(module: nn.Module, batch: Batch, workload: Workload, /) -> PreparedStep:
    """See `Prepare`: nothing is done ahead of the first step."""
    return torch_step(module, batch, workload)
