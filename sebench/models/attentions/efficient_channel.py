"""Efficient Channel Attention (ECA).

Q. Wang, B. Wu, P. Zhu, P. Li, W. Zuo and Q. Hu, "ECA-Net: Efficient Channel Attention for Deep Convolutional
Neural Networks", CVPR 2020, sections 3.2.2 and 3.2.3.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from sebench.models.attention import Implementation
from sebench.models.attentions.steps import FirstPixel, GlobalAverage, Scale, Untouched

ADAPTIVE = "adaptive"


def adaptive_kernel(channels: int, *, gamma: int = 2, b: int = 1) -> int:
    """Eq. 12: the odd number nearest to (log2(C) + b) / gamma; of two that are as near, the larger."""
    below = int((math.log2(channels) + b) / gamma)
    return below if below % 2 else below + 1


class AcrossChannels(nn.Module):
    """Gate values by a convolution of k weights along the channels, zeros at both ends, without bias."""

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.gate = nn.Sigmoid()

    def forward(self, descriptor: Tensor) -> Tensor:
        """Map (N, C, 1, 1) to the same shape."""
        mixed: Tensor = self.gate(self.conv(descriptor.flatten(1).unsqueeze(1)))
        return mixed.transpose(1, 2).unsqueeze(-1)


class EfficientChannelAttention(nn.Module):
    """y = x * sigmoid(conv1d(mean(x))), the convolution running over the channels.

    Parameters: k. MACs per image: k C.
    """

    def __init__(self, channels: int, *, k: int | str = ADAPTIVE) -> None:
        """`k` is the number of channels that decide one gate value."""
        super().__init__()
        self.squeeze = GlobalAverage()
        self.excite = AcrossChannels(adaptive_kernel(channels) if isinstance(k, str) else k)
        self.scale = Scale()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        scaled: Tensor = self.scale(x, self.excite(self.squeeze(x)))
        return scaled


IMPLEMENTATION = Implementation(
    module=EfficientChannelAttention,
    stand_ins={"squeeze": FirstPixel, "excite": nn.Identity, "scale": Untouched},
)
