"""Networks with one part of their attention left out, to check the profiler by what its absence saves."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import nn


def without(
    module: nn.Module, sites: Iterable[str], part: str, stand_in: Callable[[], nn.Module]
) -> nn.Module:
    """`module` with one part of every attention module replaced, in place.

    Args:
        module: a copy made for this.
        sites: paths of its attention modules.
        part: what to leave out: a child of each of them.
        stand_in: makes what takes its place.

    Raises:
        AttributeError: an attention module has no such part.
    """
    for site in sites:
        module.get_submodule(f"{site}.{part}")  # a misspelt part would be added and change nothing
        setattr(module.get_submodule(site), part, stand_in())
    return module
