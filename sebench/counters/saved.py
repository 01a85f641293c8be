"""Activation bytes that autograd keeps between the forward and the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch

from sebench.counters.traffic import storage_id
from sebench.schema import SavedBytes

if TYPE_CHECKING:
    from sebench.counters.scope import Scope


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
