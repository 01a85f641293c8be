"""Bottleneck Attention Module (BAM).

J. Park, S. Woo, J.-Y. Lee and I. S. Kweon, "BAM: Bottleneck Attention Module", BMVC 2018, section 3: one map
of factors (Eq. 1) from a channel branch (Eq. 3) and a spatial branch (Eq. 4), added before the sigmoid
(Eq. 2). ReLU stands between the layers, and each branch ends in batch normalisation, as in the equations; the
code that the authors released later normalises within the branches and multiplies them.
"""

from __future__ import annotations

from torch import Tensor, nn

from sebench.models.attention import Implementation
from sebench.models.attentions.steps import FirstPixel, Untouched
from sebench.models.layers import sequence
from sebench.schema import hidden_channels


class ChannelBranch(nn.Module):
    """BN(W1 relu(W0 mean(x) + b0) + b1) (Eq. 3)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(hidden, channels)
        self.bn = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, 1, 1)."""
        logits: Tensor = self.bn(self.fc2(self.relu(self.fc1(x.mean((2, 3))))))
        return logits[:, :, None, None]


def spatial_branch(channels: int, hidden: int, dilation: int) -> nn.Sequential:
    """A 1x1 convolution, two dilated ones of 3x3, another of 1x1 and BN (Eq. 4): to (N, 1, H, W)."""
    return sequence(
        reduce=nn.Conv2d(channels, hidden, 1),
        relu1=nn.ReLU(inplace=True),
        conv1=nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation),
        relu2=nn.ReLU(inplace=True),
        conv2=nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation),
        relu3=nn.ReLU(inplace=True),
        to_one=nn.Conv2d(hidden, 1, 1),
        bn=nn.BatchNorm2d(1),
    )


class ResidualScale(nn.Module):
    """y = x + x * sigmoid(channel + spatial) (Eqs. 1 and 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor, channel: Tensor, spatial: Tensor) -> Tensor:
        """Scale (N, C, H, W) by logits (N, C, 1, 1) and (N, 1, H, W)."""
        gate: Tensor = self.gate(channel + spatial)
        return x + x * gate


class BottleneckAttention(nn.Module):
    """A factor between 1 and 2 per channel and pixel.

    Parameters: 2 C h + h + 3 C of the channel branch, C h + 18 h h + 4 h + 3 of the spatial one. MACs per
    image: 2 C h + (C h + 18 h h + h) H W.
    """

    def __init__(self, channels: int, *, r: int = 16, dilation: int = 4) -> None:
        """`r` is the reduction ratio of both branches."""
        super().__init__()
        hidden = hidden_channels(channels, r)
        self.channel = ChannelBranch(channels, hidden)
        self.spatial = spatial_branch(channels, hidden, dilation)
        self.scale = ResidualScale()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        scaled: Tensor = self.scale(x, self.channel(x), self.spatial(x))
        return scaled


class OneChannel(nn.Module):
    """Stands in for the spatial branch: the first channel, for nothing."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, 1, H, W)."""
        return x[:, :1].detach()


IMPLEMENTATION = Implementation(
    module=BottleneckAttention,
    stand_ins={"channel": FirstPixel, "spatial": OneChannel, "scale": Untouched},
)
