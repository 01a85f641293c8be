"""Concurrent spatial and channel squeeze and excitation (scSE).

A. G. Roy, N. Navab and C. Wachinger, "Concurrent Spatial and Channel 'Squeeze & Excitation' in Fully
Convolutional Networks", MICCAI 2018, section 2: cSE, which is SE with r = 2, and sSE, a 1x1 convolution to
one channel, added. Max-out and product are of the extended version, "Recalibrating Fully Convolutional
Networks with Spatial and Channel 'Squeeze & Excitation' Blocks", IEEE TMI 2019. The layers have no biases, as
in the equations.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from sebench.models.attention import Implementation
from sebench.models.attentions.steps import Untouched
from sebench.models.squeeze_excitation import SqueezeExcitation

Combination = Literal["add", "max", "mul"]


class SpatialExcitation(nn.Module):
    """y = x * sigmoid(W x), W a 1x1 convolution to one channel (sSE)."""

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, 1, bias=bias)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        gate: Tensor = self.gate(self.conv(x))
        return x * gate


class Combine(nn.Module):
    """Sum, maximum or product of the two results."""

    def __init__(self, how: Combination) -> None:
        super().__init__()
        self.how = how

    def forward(self, channel: Tensor, spatial: Tensor) -> Tensor:
        """Combine two maps (N, C, H, W)."""
        match self.how:
            case "add":
                return channel + spatial
            case "max":
                return torch.maximum(channel, spatial)
            case "mul":
                return channel * spatial


class ConcurrentExcitation(nn.Module):
    """y = cSE(x) + sSE(x).

    Parameters: 2 C h + C. MACs per image: 2 C h + C H W. With biases h + C + 1 parameters more.
    """

    def __init__(
        self, channels: int, *, r: int = 2, combine: Combination = "add", bias: bool = False
    ) -> None:
        """`r` is the reduction ratio of the channel part."""
        super().__init__()
        self.channel = SqueezeExcitation(channels, r=r, bias=bias)
        self.spatial = SpatialExcitation(channels, bias=bias)
        self.combine = Combine(combine)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        combined: Tensor = self.combine(self.channel(x), self.spatial(x))
        return combined


IMPLEMENTATION = Implementation(
    module=ConcurrentExcitation,
    stand_ins={"channel": nn.Identity, "spatial": nn.Identity, "combine": Untouched},
)
