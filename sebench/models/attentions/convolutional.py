"""Convolutional Block Attention Module (CBAM).

S. Woo, J. Park, J.-Y. Lee and I. S. Kweon, "CBAM: Convolutional Block Attention Module", ECCV 2018,
section 3: channel attention (Eq. 2), then spatial attention (Eq. 3). The two layers have no biases, as in
Eq. 2; the spatial convolution is followed by batch normalisation, as in the authors' code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sebench.models.attention import Implementation
from sebench.models.squeeze_excitation import SqueezeExcitation


class SpatialGate(nn.Module):
    """y = x * sigmoid(BN(conv([mean(x), max(x)]))), mean and max over the channels (Eq. 3)."""

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.bn = nn.BatchNorm2d(1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        pooled = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), 1)
        gate: Tensor = self.gate(self.bn(self.conv(pooled)))
        return x * gate


class ConvolutionalBlockAttention(nn.Module):
    """A factor per channel from mean and max over the map, then one per pixel from those over the channels.

    The channel part is SE with both poolings: its layers run twice, so it has 2 C h parameters and takes
    4 C h MACs.

    Parameters: 2 C h + 2 k k + 2. MACs per image: 4 C h + 2 k k H W. With biases h + C parameters more.
    """

    def __init__(self, channels: int, *, r: int = 16, k: int = 7, bias: bool = False) -> None:
        """`r` is the reduction ratio of the layers, `k` the side of the spatial kernel."""
        super().__init__()
        self.channel = SqueezeExcitation(channels, r=r, squeeze="avgmax", bias=bias)
        self.spatial = SpatialGate(k)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        attended: Tensor = self.spatial(self.channel(x))
        return attended


IMPLEMENTATION = Implementation(
    module=ConvolutionalBlockAttention,
    stand_ins={"channel": nn.Identity, "spatial": nn.Identity},
)
