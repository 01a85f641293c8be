"""A network with its gates forced to one, without any change to its modules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sebench.counters.recording import Op, Recording
from sebench.counters.work import plain_name, qualified_name, tensors
from sebench.surgery.gates import FoundGate

if TYPE_CHECKING:
    from torch._ops import OpOverload

_Kind: TypeAlias = tuple[str, tuple[tuple[int, ...], ...]]
"""An op, and the shapes that it takes."""


class GatesForcedToOne(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Makes each product with a gate's values return its feature map; a context that is added becomes zero.

    A product is recognised by how many of the same op on the same shapes came before it: which kernels a step
    takes elsewhere may differ between a recording on placeholders and a real run.

    Args:
        recording: the forward pass of the network that is run within.
        gates: those in it that are forced.
    """

    def __init__(self, recording: Recording, gates: Sequence[FoundGate]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        positions = {gate.product: recording.ops[gate.product].inputs.index(gate.feature) for gate in gates}
        kinds = {_kind(recording, recording.ops[product]) for product in positions}
        self._expected: Counter[_Kind] = Counter()
        self._features: dict[tuple[_Kind, int], int] = {}
        for index, op in enumerate(recording.ops):
            kind = _kind(recording, op)
            if kind in kinds:
                if index in positions:
                    self._features[kind, self._expected[kind]] = positions[index]
                self._expected[kind] += 1
        self._seen: Counter[_Kind] = Counter()

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - an aten op returns anything
        kwargs = kwargs or {}
        taken = list(tensors([args, kwargs]))
        kind = (plain_name(qualified_name(func)), tuple(tuple(tensor.shape) for tensor in taken))
        position = None
        if kind in self._expected:
            position = self._features.get((kind, self._seen[kind]))
            self._seen[kind] += 1
        if position is None:
            return func(*args, **kwargs)
        if func._schema.is_mutable:
            return taken[0] if position == 0 else taken[0].copy_(taken[position])
        return torch.empty_like(func(*args, **kwargs)).copy_(taken[position])

    @property
    def ran_as_recorded(self) -> bool:
        """Whether one run within met as many products of each kind as the recording."""
        return self._seen == self._expected


def _kind(recording: Recording, op: Op) -> _Kind:
    return op.plain_name, tuple(recording.values[value].shape for value in op.inputs)
