"""Modules that exist, as arguments: what tells them from networks by name, and what they need."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeGuard

from sebench.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

BY_NAME = ("a named network", "give its size as batch_size and image_size")
OBJECT = ("a module object", "give its size as input_shape=(1, 3, 224, 224)")


def is_module(model: object) -> TypeGuard[nn.Module]:
    """Whether it is a module object: whoever has one has imported torch; nobody else needs it here."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def refuse(options: Mapping[str, object], network: tuple[str, str]) -> None:
    """Refuse what does not apply to this kind of network.

    Args:
        options: by name, as given; those that are not given are false.
        network: `BY_NAME` or `OBJECT`.

    Raises:
        UsageError: names the first that was given.
    """
    what, hint = network
    for name, value in options.items():
        if value:
            raise UsageError(f"{name} does not apply to {what}", hint=hint)


def module_shape(input_shape: Sequence[int] | None) -> tuple[int, ...]:
    """The shape of the input of a module object.

    Raises:
        UsageError: it was not given, or is empty.
    """
    if input_shape is None:
        raise UsageError(
            "a module object does not say what input it takes", hint="pass input_shape=(1, 3, 224, 224)"
        )
    shape = tuple(input_shape)
    if not shape or any(size < 1 for size in shape):
        raise UsageError(f"input shape {shape} is empty", hint="give one such as 1, 3, 224, 224")
    return shape


def uncompiled(module: nn.Module) -> nn.Module:
    """The module behind what `torch.compile` made of it; any other is itself."""
    original = module._modules.get("_orig_mod")
    return module if original is None else original


def stages_of(module: nn.Module, stages: Mapping[str, str] | None) -> Mapping[str, str]:
    """Stage labels by module name; the children of a module object unless others are given."""
    return {name: name for name, _ in module.named_children()} if stages is None else stages
