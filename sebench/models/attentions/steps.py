"""Steps that several kinds share, and what takes the place of steps that are left out."""

from __future__ import annotations

from torch import Tensor, nn


class GlobalAverage(nn.Module):
    """Mean over the whole map."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, 1, 1)."""
        return x.mean((2, 3), keepdim=True)


class Scale(nn.Module):
    """Product of a map and its gate values."""

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """Scale (N, C, H, W) by what broadcasts to it."""
        return x * gate


class FirstPixel(nn.Module):
    """Stands in for pooling: one pixel, for nothing, and nothing to do backwards."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, 1, 1)."""
        return x[:, :, :1, :1].detach()


class Untouched(nn.Module):
    """Stands in for the step that changes the map; what was computed for it then gets no gradient."""

    def forward(self, x: Tensor, *computed: Tensor | tuple[Tensor, ...]) -> Tensor:
        """Return the first argument."""
        return x
