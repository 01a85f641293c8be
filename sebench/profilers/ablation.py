"""SE networks with one part left out, to check the profiler by what its absence saves."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from sebench.schema import Part, Phase

ABLATABLE: dict[Phase, tuple[Part, ...]] = {
    "inference": ("squeeze", "excite", "scale"),
    # Without the scale nothing flows back into the others either: that is no ablation of the scale.
    "training": ("squeeze", "excite"),
}


class _OnePixel(nn.Module):
    """A squeeze that reads one pixel: the shape of a descriptor, for nothing, and nothing to do backwards."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (x[:, :, 0, 0].detach(),)


class _Ungated(nn.Module):
    """An excitation that hands the descriptor on."""

    def forward(self, descriptors: tuple[Tensor, ...]) -> Tensor:
        return descriptors[0]


class _Unscaled(nn.Module):
    """A scale that leaves its input alone; the gate then gets no gradient."""

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        return x


_REPLACEMENTS: dict[Part, type[nn.Module]] = {"squeeze": _OnePixel, "excite": _Ungated, "scale": _Unscaled}


def without(module: nn.Module, sites: Iterable[str], part: Part) -> nn.Module:
    """`module` with one part of every attention module replaced, in place.

    Args:
        module: a copy made for this.
        sites: paths of its attention modules.
        part: what to leave out.
    """
    for site in sites:
        setattr(module.get_submodule(site), part, _REPLACEMENTS[part]())
    return module
