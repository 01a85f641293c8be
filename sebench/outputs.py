"""What a network returns: the tensors in it, and the same in containers that torch knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

_NO_CONTAINERS = (
    str, bytes, bytearray, bool, int, float, complex, type(None), type, torch.dtype, torch.device, nn.Module
)  # fmt: skip
_CONSTANTS = (torch.Tensor, str, bool, int, float, complex, type(None))


def output_tensors(value: object) -> tuple[torch.Tensor, ...]:
    """Every tensor in nested containers and objects, in order and once each.

    Looks into mappings and collections of any class, what is registered with torch's pytree, and the
    attributes of other objects (dataclasses, with and without slots).
    """
    if isinstance(value, torch.Tensor):
        return (value,)
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


def in_known_containers(value: object) -> Any:  # noqa: ANN401 - any nested value
    """A value in containers that torch's pytree knows, for what takes no others.

    These stay. A dataclass becomes a dict of its fields, another object a tuple of the tensors in it, and
    what holds no tensor (a dtype) becomes None.
    """
    return tree_map(_known, value)


def _known(leaf: object) -> object:
    if isinstance(leaf, _CONSTANTS):
        return leaf
    if is_dataclass(leaf) and not isinstance(leaf, type):
        return {field.name: in_known_containers(getattr(leaf, field.name)) for field in fields(leaf)}
    return output_tensors(leaf) or None
