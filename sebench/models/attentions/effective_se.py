"""Effective Squeeze-Excitation (eSE).

Y. Lee and J. Park, "CenterMask: Real-Time Anchor-Free Instance Segmentation", CVPR 2020, section 3.3
(VoVNetV2): SE with one layer that keeps all channels. The gate of the authors' code is the hard sigmoid.
"""

from __future__ import annotations

from torch import Tensor, nn

from sebench.models.attention import Implementation
from sebench.models.attentions.steps import FirstPixel, GlobalAverage, Scale, Untouched
from sebench.models.squeeze_excitation import GATES


class EffectiveSqueezeExcitation(nn.Module):
    """y = x * gate(W mean(x) + b), W a 1x1 convolution from C to C channels.

    Parameters: C C + C. MACs per image: C C.
    """

    def __init__(self, channels: int, *, excitation: str = "hardsigmoid") -> None:
        super().__init__()
        self.squeeze = GlobalAverage()
        self.excite = nn.Sequential()
        self.excite.add_module("fc", nn.Conv2d(channels, channels, 1))
        self.excite.add_module("gate", GATES[excitation]())
        self.scale = Scale()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        scaled: Tensor = self.scale(x, self.excite(self.squeeze(x)))
        return scaled


IMPLEMENTATION = Implementation(
    module=EffectiveSqueezeExcitation,
    stand_ins={"squeeze": FirstPixel, "excite": nn.Identity, "scale": Untouched},
)
