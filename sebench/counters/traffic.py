"""Bytes an op reads and writes: its tensor arguments and results, with no model of a cache."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import torch

from sebench.counters.normalisation import BATCH_NORM, uses_batch_statistics
from sebench.counters.work import Call, tensors

if TYPE_CHECKING:
    from torch._ops import OpOverload

WRITE_ONLY = frozenset({"copy", "fill", "zero", "bernoulli", "normal", "uniform", "random"})
"""In-place ops whose old content is not read."""


class Traffic(NamedTuple):
    """Bytes in and out of one call."""

    bytes_read: int
    bytes_written: int


def footprint_bytes(tensor: torch.Tensor) -> int:
    """Bytes behind a tensor; expanded (stride 0) and overlapping dimensions count their memory once."""
    if tensor.numel() == 0:
        return 0
    distinct, span = 1, 1
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        distinct *= size if stride else 1
        span += (size - 1) * stride
    return min(distinct, span) * tensor.element_size()


def storage_id(tensor: torch.Tensor) -> int:
    """Identity of the memory behind a tensor; meta storages have no address but are distinct objects."""
    return int(tensor.untyped_storage()._cdata)


def is_scalar_bookkeeping(values: Iterable[torch.Tensor]) -> bool:
    """Integer scalars, such as batch norm's batch counter, are no tensor arithmetic."""
    return all(
        tensor.dim() == 0 and not tensor.is_floating_point() and not tensor.is_complex() for tensor in values
    )


def traffic(func: OpOverload, call: Call) -> Traffic:
    """Every tensor argument is read once, every result and every mutated argument written once."""
    written = {id(tensor): tensor for tensor in _results(call)}
    read: list[torch.Tensor] = []
    for argument in func._schema.arguments:
        given = list(tensors(call.arguments[argument.name]))
        mutated = argument.alias_info is not None and argument.alias_info.is_write
        if mutated:
            written.update((id(tensor), tensor) for tensor in given)
        if not argument.is_out and not (mutated and call.name in WRITE_ONLY):
            read += given
    for tensor in _updated_statistics(call):
        written[id(tensor)] = tensor
    return Traffic(sum(map(footprint_bytes, read)), sum(map(footprint_bytes, written.values())))


def _results(call: Call) -> list[torch.Tensor]:
    """The results; batch norm's saved statistics are placeholders where it used the running ones."""
    if call.name in BATCH_NORM and not uses_batch_statistics(call):
        return [call.output]
    return list(tensors(call.result))


def _updated_statistics(call: Call) -> list[torch.Tensor]:
    """Running statistics that batch norm updates although its schema does not say so."""
    if call.name not in BATCH_NORM or not uses_batch_statistics(call):
        return []
    return list(tensors([call.arguments.get("running_mean"), call.arguments.get("running_var")]))
