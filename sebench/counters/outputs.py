"""The tensors in whatever a network returns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

_NO_CONTAINERS = (
    str, bytes, bytearray, bool, int, float, complex, type(None), type, torch.dtype, torch.device, nn.Module
)  # fmt: skip


def output_tensors(value: object) -> tuple[torch.Tensor, ...]:
    """Every tensor in nested containers and objects, in order and once each.

    Looks into mappings and collections of any class, what is registered with torch's pytree, and the
    attributes of other objects (dataclasses, with and without slots).
    """
    found: dict[int, torch.Tensor] = {}
    _search(value, found, {})
    return tuple(found.values())


def _search(value: object, found: dict[int, torch.Tensor], seen: dict[int, object]) -> None:
    if isinstance(value, torch.Tensor):
        found.setdefault(id(value), value)
    elif not isinstance(value, _NO_CONTAINERS) and id(value) not in seen:
        seen[id(value)] = value  # kept, so that no identity is used twice
        for part in _parts(value):
            _search(part, found, seen)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        contents: Iterable[object] = value.values()
    elif isinstance(value, Collection):
        contents = value
    else:
        contents = tree_leaves(value, is_leaf=lambda part: part is not value)
    return chain(contents, _attributes(value))


def _attributes(value: object) -> Iterator[object]:
    yield from getattr(value, "__dict__", {}).values()
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield getattr(value, name)
