"""Style-based Recalibration Module (SRM).

H. Lee, H.-E. Kim and H. Nam, "SRM: A Style-based Recalibration Module for Convolutional Neural Networks",
ICCV 2019, section 3: style pooling (mean and standard deviation of each channel), style integration (a layer
per channel, batch normalisation, sigmoid), recalibration.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sebench.models.attention import Implementation
from sebench.models.attentions.steps import Scale, Untouched

_EPSILON = 1e-5
"""Added to the variance, whose root has no gradient at 0."""


class StylePooling(nn.Module):
    """Mean and standard deviation over the map."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, 2)."""
        variance, mean = torch.var_mean(x, (2, 3), correction=0)
        return torch.stack((mean, (variance + _EPSILON).sqrt()), -1)


class StyleIntegration(nn.Module):
    """Gate values from the style of the same channel (CFC: channel-wise fully connected)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cfc = nn.Conv1d(channels, channels, 2, groups=channels, bias=False)
        self.bn = nn.BatchNorm1d(channels)
        self.gate = nn.Sigmoid()

    def forward(self, style: Tensor) -> Tensor:
        """Map (N, C, 2) to (N, C, 1, 1)."""
        values: Tensor = self.gate(self.bn(self.cfc(style)))
        return values.unsqueeze(-1)


class StyleRecalibration(nn.Module):
    """y = x * sigmoid(BN(w1 mean(x) + w2 std(x))), two weights per channel.

    Parameters: 4 C, two of the layer and two of the normalisation. MACs per image: 2 C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = StylePooling()
        self.excite = StyleIntegration(channels)
        self.scale = Scale()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        scaled: Tensor = self.scale(x, self.excite(self.squeeze(x)))
        return scaled


class PixelAsStyle(nn.Module):
    """Stands in for style pooling: one pixel twice, for nothing."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, 2)."""
        return x[:, :, :1, 0].expand(-1, -1, 2).detach()


class MeanAsGate(nn.Module):
    """Stands in for style integration: the mean as it is."""

    def forward(self, style: Tensor) -> Tensor:
        """Map (N, C, 2) to (N, C, 1, 1)."""
        return style[:, :, :1, None]


IMPLEMENTATION = Implementation(
    module=StyleRecalibration,
    stand_ins={"squeeze": PixelAsStyle, "excite": MeanAsGate, "scale": Untouched},
)
