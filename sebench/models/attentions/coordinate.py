"""Coordinate Attention (CA).

Q. Hou, D. Zhou and J. Feng, "Coordinate Attention for Efficient Mobile Network Design", CVPR 2021,
section 3.2: means along each side of the map (Eqs. 4 and 5), one shared convolution (Eq. 6), a gate per side
(Eqs. 7 and 8) and their product with the map (Eq. 9). As in the authors' code the convolutions have biases,
the activation is the hard swish and at least 8 hidden channels are kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sebench.models.attention import Implementation
from sebench.models.attentions.steps import Untouched
from sebench.schema import hidden_channels

LEAST_HIDDEN = 8
Pair = tuple[Tensor, Tensor]


class Strips(nn.Module):
    """Means over each row and each column."""

    def forward(self, x: Tensor) -> Pair:
        """Map (N, C, H, W) to (N, C, H, 1) and (N, C, 1, W)."""
        return x.mean(3, keepdim=True), x.mean(2, keepdim=True)


class AlongSides(nn.Module):
    """Gate values of rows and of columns: a shared 1x1 convolution, BN and hard swish, then one each."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, hidden, 1)
        self.bn = nn.BatchNorm2d(hidden)
        self.act = nn.Hardswish()
        self.conv_h = nn.Conv2d(hidden, channels, 1)
        self.conv_w = nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, strips: Pair) -> Pair:
        """Map (N, C, H, 1) and (N, C, 1, W) to the same shapes."""
        rows, columns = strips
        joined = torch.cat((rows, columns.transpose(2, 3)), 2)
        hidden: Tensor = self.act(self.bn(self.conv(joined)))
        rows, columns = torch.split(hidden, [rows.shape[2], columns.shape[3]], 2)
        return self.gate(self.conv_h(rows)), self.gate(self.conv_w(columns.transpose(2, 3)))


class ScaleSides(nn.Module):
    """Product of a map with the gates of its rows and of its columns."""

    def forward(self, x: Tensor, gates: Pair) -> Tensor:
        """Scale (N, C, H, W) by (N, C, H, 1) and (N, C, 1, W)."""
        rows, columns = gates
        return x * columns * rows


class CoordinateAttention(nn.Module):
    """y = x * g_h(row) * g_w(column).

    Parameters: 3 C h + 3 h + 2 C, with h = max(8, C // r). MACs per image: 2 C h (H + W).
    """

    def __init__(self, channels: int, *, r: int = 32) -> None:
        """`r` is the reduction ratio of the shared convolution."""
        super().__init__()
        self.squeeze = Strips()
        self.excite = AlongSides(channels, hidden_channels(channels, r, least=LEAST_HIDDEN))
        self.scale = ScaleSides()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        scaled: Tensor = self.scale(x, self.excite(self.squeeze(x)))
        return scaled


class FirstStrips(nn.Module):
    """Stands in for the means: one column and one row, for nothing."""

    def forward(self, x: Tensor) -> Pair:
        """Map (N, C, H, W) to (N, C, H, 1) and (N, C, 1, W)."""
        return x[:, :, :, :1].detach(), x[:, :, :1].detach()


IMPLEMENTATION = Implementation(
    module=CoordinateAttention,
    stand_ins={"squeeze": FirstStrips, "excite": nn.Identity, "scale": Untouched},
)
