"""Bytes an op reads and writes, with no model of a cache, and those kept for the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import torch

from sebench.counters.elementwise import BATCH_NORM, uses_batch_statistics
from sebench.counters.work import Call, tensors
from sebench.schema import SavedBytes

if TYPE_CHECKING:
    from torch._ops import OpOverload

    from sebench.counters.scope import Scope


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


class SavedActivations(torch.autograd.graph.saved_tensors_hooks):
    """Adds up saved storages, each once and charged to the module that saved it first.

    Parameters, buffers and the network's input are alive anyway and are left out by storage.

    Args:
        scope: knows the module that runs.
        excluded: tensors that are alive anyway.
        check: raises for a tensor that cannot be saved.
    """

    def __init__(
        self, scope: Scope, excluded: Iterable[torch.Tensor], check: Callable[[torch.Tensor], None]
    ) -> None:
        super().__init__(self._pack, lambda tensor: tensor)
        self._scope = scope
        self._check = check
        self._storages = {storage_id(tensor): tensor.untyped_storage() for tensor in excluded}
        self._bytes: dict[tuple[str, str | None], int] = {}

    def _pack(self, tensor: torch.Tensor) -> torch.Tensor:
        identity = storage_id(tensor)
        if identity not in self._storages:
            self._check(tensor)
            storage = tensor.untyped_storage()
            self._storages[identity] = storage  # keeps the identity from being reused
            frame = self._scope.current()
            place = (frame.stage, frame.site)
            self._bytes[place] = self._bytes.get(place, 0) + storage.nbytes()
        return tensor

    def rows(self) -> tuple[SavedBytes, ...]:
        """Saved bytes by stage and site, first saved first."""
        return tuple(
            SavedBytes(stage=stage, site=site, saved_bytes=total)
            for (stage, site), total in self._bytes.items()
        )
