"""What an aten call is given, by the schema of its op: tensors, what it writes to, its bias, its window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from sebench.counters.formulas import is_free
from sebench.counters.work import ATOMS, plain_name, qualified_name, tensors

if TYPE_CHECKING:
    from torch._ops import OpOverload

# They share memory although their schemas do not say so.
_VIEWS = frozenset({"_unsafe_view", "unsafe_split", "unsafe_split_with_sizes"})


class Signature(NamedTuple):
    """What a schema says, worked out once for each op."""

    name: str
    """Without the namespace: ``convolution``, ``add_``."""
    plain_name: str
    """In-place ops under the name of the others."""
    is_view: bool
    shares: bool
    """Whether its results lie in the memory of its first tensor."""
    writes: tuple[tuple[int, str], ...]
    """Places and names of the arguments that it writes to."""
    is_pooling: bool
    bias: int | None
    """Place of the argument called ``bias``."""
    always_has_bias: bool

    def has_bias(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Whether a call has a bias."""
        if self.bias is None:
            return self.always_has_bias
        return _given(self.bias, "bias", args, kwargs) is not None

    def written(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[torch.Tensor]:
        """The tensors that a call writes to, its result apart."""
        for place, name in self.writes:
            yield from tensors(_given(place, name, args, kwargs))

    def window(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[int, ...] | None:
        """Kernel of a pooling; None if it pads. Its arguments are an input, a kernel, strides and padding."""
        if not self.is_pooling:
            return None
        padding = _given(3, "padding", args, kwargs)
        if padding is not None and any(padding if isinstance(padding, (list, tuple)) else [padding]):
            return None
        kernel = _given(1, "kernel_size", args, kwargs)
        return tuple(kernel) if isinstance(kernel, (list, tuple)) else None


@cache
def signature_of(func: OpOverload) -> Signature:
    """The signature of an op."""
    op, arguments = qualified_name(func), func._schema.arguments
    name = op.removeprefix("aten.")
    return Signature(
        name=name,
        plain_name=plain_name(op),
        is_view=is_free(op),
        shares=is_free(op)
        and (name in _VIEWS or any(value.alias_info is not None for value in func._schema.returns)),
        writes=tuple(
            (place, argument.name)
            for place, argument in enumerate(arguments)
            if argument.alias_info is not None and argument.alias_info.is_write
        ),
        is_pooling=any(argument.name == "kernel_size" for argument in arguments) and "pool" in op,
        bias=next((place for place, argument in enumerate(arguments) if argument.name == "bias"), None),
        always_has_bias=plain_name(op) in {"addmm", "baddbmm"},
    )


def _given(place: int, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any argument
    """The argument of an op at a place of its schema; None where it was left out."""
    return args[place] if place < len(args) else kwargs.get(name)


def tensors_among(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """Tensors among the arguments of a call, in order; most are given as they are."""
    found: list[torch.Tensor] = []
    for value in (*args, *kwargs.values()) if kwargs else args:
        kind = value.__class__
        if kind is list:
            found += [
                item for item in value if item.__class__ not in ATOMS and isinstance(item, torch.Tensor)
            ]
        elif isinstance(value, torch.Tensor):
            found.append(value)
        elif kind not in ATOMS:
            found += tensors(value)
    return found
