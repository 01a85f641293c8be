"""Global Context block (GC).

Y. Cao, J. Xu, S. Lin, F. Wei and H. Hu, "GCNet: Non-local Networks Meet Squeeze-Excitation Networks and
Beyond", ICCV Workshops 2019, section 3: context modelling by attention pooling, a bottleneck with layer
normalisation, fusion by addition.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from sebench.models.attention import Implementation
from sebench.models.attentions.steps import FirstPixel, Untouched
from sebench.models.layers import sequence
from sebench.schema import hidden_channels

Fusion = Literal["add", "mul"]


class AttentionPooling(nn.Module):
    """A mean over the map whose weights are the softmax of a 1x1 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, 1)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, 1, 1)."""
        weights: Tensor = self.softmax(self.conv(x).flatten(1).unsqueeze(-1))
        return (x.flatten(2) @ weights).unsqueeze(-1)


class Fuse(nn.Module):
    """Hands the context to every pixel: added, or as gate values."""

    def __init__(self, fusion: Fusion) -> None:
        super().__init__()
        self.gate = nn.Sigmoid() if fusion == "mul" else None

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Combine (N, C, H, W) and (N, C, 1, 1)."""
        return x + context if self.gate is None else x * self.gate(context)


class GlobalContext(nn.Module):
    """y = x + W2 relu(LN(W1 sum_j a_j x_j)), a the softmax over all pixels j of a 1x1 convolution.

    Parameters: C + 1 of the pooling, 2 C h + 3 h + C of the bottleneck. MACs per image: 2 C H W + 2 C h.
    """

    def __init__(self, channels: int, *, r: int = 16, fusion: Fusion = "add") -> None:
        """`r` is the reduction ratio of the bottleneck."""
        super().__init__()
        hidden = hidden_channels(channels, r)
        self.context = AttentionPooling(channels)
        self.transform = sequence(
            fc1=nn.Conv2d(channels, hidden, 1),
            norm=nn.LayerNorm([hidden, 1, 1]),
            relu=nn.ReLU(inplace=True),
            fc2=nn.Conv2d(hidden, channels, 1),
        )
        self.fuse = Fuse(fusion)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        fused: Tensor = self.fuse(x, self.transform(self.context(x)))
        return fused


IMPLEMENTATION = Implementation(
    module=GlobalContext,
    stand_ins={"context": FirstPixel, "transform": nn.Identity, "fuse": Untouched},
)
