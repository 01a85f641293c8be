"""The torch side of the kinds of attention: a module for a slot, and what the kind's entry attaches to it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from sebench.schema import AttentionKind, Variant

Draw = Callable[[str, float], None]
"""Fills one parameter, given its name within the attention module and a standard deviation, from a normal
distribution of mean 0 whose numbers depend on the seed and the parameter's full name alone."""

Rule = Callable[[nn.Module, Draw], None]
"""Initialises an attention module in place: draws weights, sets constants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Implementation:
    """What torch has to know of a kind of attention; `AttentionKind.implementation` names one."""

    module: Callable[..., nn.Module]
    """Makes a module that maps (N, C, H, W) to the same shape, from C and the options as keywords.

    Each part of the kind is a child of the part's name.
    """
    stand_ins: Mapping[str, Callable[[], nn.Module]] = field(default_factory=dict)
    """For each part that may be left out, what takes its place: same inputs and outputs, next to no work."""
    draws_itself: bool = False
    """Whether the constructor of the module sets its weights, so that it has to be made with memory."""
    initialise: Rule | None = None
    """Sets what the general rules of `sebench.models.initialisation` do not know, or should not decide.

    They know `Conv1d`, `Conv2d`, `Linear`, `LayerNorm`, `BatchNorm1d` and `BatchNorm2d`.
    """


def implementation(kind: AttentionKind) -> Implementation:
    """The torch side of a kind.

    Raises:
        TypeError: the entry names something else.
    """
    path, _, name = kind.implementation.partition(":")
    found = getattr(importlib.import_module(path), name)
    if not isinstance(found, Implementation):
        raise TypeError(f"{kind.implementation} of attention {kind.name!r} is no Implementation")
    return found


def make_attention(channels: int, variant: Variant) -> nn.Module:
    """The attention module of one slot.

    Args:
        channels: Width of the tensor it attends to.
        variant: Any variant but the plain one.
    """
    if variant.kind is None:
        raise ValueError("the plain variant has no attention module")
    return implementation(variant.kind).module(channels, **variant.arguments)


def make_drawn_attention(channels: int, variant: Variant, seed: int) -> nn.Module:
    """As `make_attention`, on the CPU: a constructor that sets the weights draws them by the seed."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.manual_seed(seed)
        return make_attention(channels, variant)


def stand_in(variant: Variant, part: str) -> nn.Module:
    """A module that takes the place of one part of a variant's attention, to time the network without it."""
    if variant.kind is None:
        raise ValueError("the plain variant has no parts")
    return implementation(variant.kind).stand_ins[part]()
