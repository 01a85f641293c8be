"""From a network and a workload to the step that is timed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from sebench.errors import WorkerError
from sebench.inputs import Inputs
from sebench.outputs import output_tensors
from sebench.schema import Workload, runtime_info

# Small enough that random targets do not drive the weights out of range during a measurement.
SGD_LEARNING_RATE = 1e-6
LOGITS_RANK = 2
"""Dimensions of ``(N, classes)``."""
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


Executable = Callable[[nn.Module], Callable[..., Any]]
"""Makes of a network, placed on its device, what a step calls."""


def as_it_is(module: nn.Module) -> Callable[..., Any]:
    """The network itself, op by op."""
    return module


def inference_step(
    module: nn.Module, batch: Inputs, workload: Workload, executable: Executable = as_it_is
) -> Callable[[], object]:
    """A forward pass of `module` in eval mode, in the workload's dtype and layout.

    Args:
        module: the network; left in eval mode.
        batch: what it is called with.
        workload: dtype and layout.
        executable: makes of the network what is called.

    Returns:
        A callable that runs one step and returns the network's output.
    """
    with suppress(NotImplementedError):  # programs made by torch.export have the mode of their export
        module.eval()
    network, autocast = executable(_placed(module, workload)), _autocast(workload)
    args, kwargs = batch.args, batch.kwargs

    def step() -> object:
        with torch.inference_mode(), autocast:
            return network(*args, **kwargs)

    return step


def training_step(
    module: nn.Module,
    batch: Inputs,
    targets: torch.Tensor | None,
    workload: Workload,
    mark: Callable[[], None] = lambda: None,
    *,
    executable: Executable = as_it_is,
) -> Callable[[], torch.Tensor]:
    """Zero the gradients, forward, loss, backward; then the optimizer, if the workload has one.

    A batch that is emulated runs as micro-batches whose gradients add up to that of the mean loss. With a
    world size, `batch` and `targets` are this rank's part, and the gradients of the ranks are averaged
    during the last backward pass (DistributedDataParallel in its defaults: buckets overlap with the backward
    pass, buffers are broadcast before each forward pass, batch norm sees its rank's images only).

    Args:
        module: the network; left in train mode, with gradients.
        batch: what it is called with: the whole batch, or the part of a rank.
        targets: one class per image, of a network that returns logits; see `loss_of`.
        workload: dtype, layout, optimizer, micro-batch.
        mark: called between forward and backward, where there is one of each.
        executable: makes of the network what is called.

    Returns:
        A callable that runs one step and returns the detached loss.
    """
    module, autocast = _placed(module.train(), workload), _autocast(workload)
    parallel = _parallel(module, workload)
    network = executable(parallel)
    count = workload.rank_input_shape[0]
    size = (workload.micro_batch_size or count * workload.world_size) // workload.world_size
    *chunks, last = _micro_batches(batch, targets, count, size)
    mark_forward = mark if not chunks else lambda: None
    unsynchronised = parallel.no_sync if isinstance(parallel, DistributedDataParallel) else nullcontext
    update = _update(module, workload)

    def accumulate(images: Inputs, classes: torch.Tensor | None, share: float) -> torch.Tensor:
        with autocast:
            loss = loss_of(images.passed_to(network), classes) * share
        mark_forward()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def step() -> torch.Tensor:
        module.zero_grad(set_to_none=True)
        total = torch.zeros((), device=next(batch.tensors()).device)
        with unsynchronised():
            for chunk in chunks:
                total += accumulate(*chunk)
        total += accumulate(*last)
        update()
        return total

    return step


def loss_of(output: object, targets: torch.Tensor | None) -> torch.Tensor:
    """Cross-entropy of logits; of other outputs, the sum of the mean squares of their tensors.

    Args:
        output: what the network returns in training.
        targets: one class per image, if it returns logits ``(N, classes)`` in evaluation mode.

    Raises:
        WorkerError: no floating-point tensor of the output has a gradient.
    """
    floating = [each for each in output_tensors(output) if each.is_floating_point() and each.numel()]
    found = [each for each in floating if each.requires_grad]
    if not found:
        raise WorkerError(
            "training needs a floating-point output that has a gradient, and the network returns none",
            hint="measure --phase inference",
        )
    if targets is not None and isinstance(output, torch.Tensor) and output.dim() == LOGITS_RANK:
        return functional.cross_entropy(output, targets)
    # In float32: squares of more than 255 are beyond float16.
    return torch.stack([each.float().square().mean() for each in found]).sum()


def _micro_batches(
    batch: Inputs, targets: torch.Tensor | None, whole: int, size: int
) -> tuple[tuple[Inputs, torch.Tensor | None, float], ...]:
    """Parts of a batch of a length, with their share of it.

    The batch itself where it is one: a view of it could not be written to by the network. Of what is not as
    long as the batch, every part gets the whole.
    """
    if size >= whole:
        return ((batch, targets, 1.0),)

    def part(first: int) -> tuple[Inputs, torch.Tensor | None, float]:
        chosen = slice(first, min(first + size, whole))
        inputs = batch.map(lambda tensor: tensor[chosen] if tensor.shape[:1] == (whole,) else tensor)
        classes = None if targets is None else targets[chosen]
        return inputs, classes, (chosen.stop - first) / whole

    return tuple(map(part, range(0, whole, size)))


def gradient_bytes(module: nn.Module) -> int:
    """Bytes of all gradients: what a data-parallel step averages over its ranks, once."""
    return sum(parameter.nbytes for parameter in module.parameters() if parameter.requires_grad)


def check_gradients(module: nn.Module, label: str) -> None:
    """Refuse, after a step, parameters without a gradient: ranks would wait for it for ever.

    Raises:
        WorkerError: a trainable parameter takes no part in the loss.
    """
    unused = [name for name, p in module.named_parameters() if p.requires_grad and p.grad is None]
    if unused:
        others = f" and {len(unused) - 1} more" if unused[1:] else ""
        raise WorkerError(
            f"{label}: {unused[0]}{others} does not contribute to the loss, as DDP requires",
            hint="freeze it (requires_grad_(False)), or leave out --world-size",
        )


def check_finite_gradients(module: nn.Module, label: str) -> None:
    """Refuse, after a step, gradients that are NaN or infinite; of several ranks they are everybody's.

    Raises:
        WorkerError: a gradient is not finite.
    """
    for name, parameter in module.named_parameters():
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
            raise WorkerError(
                f"{label}: the gradient of {name} became NaN or infinite",
                hint="try --dtype float32, or check the network's weights",
            )


def _parallel(module: nn.Module, workload: Workload) -> nn.Module:
    """`module`, averaging gradients over the ranks of the process group if there are several."""
    if workload.world_size == 1:
        return module
    device = torch.device(workload.device)
    return DistributedDataParallel(module, device_ids=None if device.type == "cpu" else [device])


def _update(module: nn.Module, workload: Workload) -> Callable[[], object]:
    if workload.optimizer == "none":
        return lambda: None
    return torch.optim.SGD(module.parameters(), lr=SGD_LEARNING_RATE, momentum=0.9).step


def _placed(module: nn.Module, workload: Workload) -> nn.Module:
    placed: nn.Module = module.to(
        device=workload.device,
        dtype=module_dtype(workload),
        memory_format=MEMORY_FORMATS[workload.memory_format],  # type: ignore[call-overload]
    )
    return placed


def _autocast(workload: Workload) -> torch.autocast:
    device = torch.device(workload.device).type
    return torch.autocast(device, torch.bfloat16, enabled=workload.dtype == "amp-bfloat16")


def check_finite(output: object, label: str) -> None:
    """Refuse NaN and infinity: arithmetic on them has its own speed.

    Raises:
        WorkerError: there is no tensor in the output, or one is not finite.
    """
    found = output_tensors(output)
    if not found:
        raise WorkerError(f"{label} returned {type(output).__name__} without a tensor in it")
    bad = sum(int((~torch.isfinite(tensor)).sum()) for tensor in found)
    if bad:
        total = sum(tensor.numel() for tensor in found)
        raise WorkerError(
            f"{label} returned NaN or infinity in {bad} of {total} outputs",
            hint="try --dtype float32, or check the network's weights",
        )


def compute_dtype(workload: Workload) -> torch.dtype:
    """What matrix products of the workload run in."""
    return torch.bfloat16 if workload.dtype == "amp-bfloat16" else _said_dtype(workload)


def module_dtype(workload: Workload) -> torch.dtype:
    """What parameters and inputs of the workload are held in."""
    return torch.float32 if runtime_info(workload.runtime).is_exported else _said_dtype(workload)


def _said_dtype(workload: Workload) -> torch.dtype:
    return _DTYPES.get(workload.dtype, torch.float32)
