"""Gather-Excite (GE).

J. Hu, L. Shen, S. Albanie, G. Sun and A. Vedaldi, "Gather-Excite: Exploiting Feature Context in Convolutional
Neural Networks", NeurIPS 2018, sections 2 and 3: GE-theta-minus gathers by average pooling and has no
parameters, GE-theta by depthwise convolutions, GE-theta-plus excites with the two layers of SE beside.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from sebench.models.attention import Implementation
from sebench.models.attentions.steps import GlobalAverage, Scale, Untouched
from sebench.models.layers import sequence
from sebench.schema import hidden_channels

Form = Literal["theta-minus", "theta", "theta-plus"]
GLOBAL = "global"


def pooling(extent: int) -> nn.Module:
    """Average over a neighbourhood of side 2 e - 1, every e pixels; pixels beyond the edge do not count."""
    side = 2 * extent - 1
    return nn.AvgPool2d(side, extent, padding=side // 2, count_include_pad=False)


def convolutions(channels: int, extent: int) -> nn.Sequential:
    """log2(e) depthwise 3x3 convolutions of stride 2 with BN, and ReLU between them."""
    layers: dict[str, nn.Module] = {}
    for index in range(1, extent.bit_length()):
        if layers:
            layers[f"relu{index - 1}"] = nn.ReLU(inplace=True)
        layers[f"conv{index}"] = nn.Conv2d(
            channels, channels, 3, stride=2, padding=1, groups=channels, bias=False
        )
        layers[f"bn{index}"] = nn.BatchNorm2d(channels)
    return sequence(**layers)


def bottleneck(channels: int, hidden: int) -> nn.Sequential:
    """The layers of SE, as 1x1 convolutions."""
    return sequence(
        fc1=nn.Conv2d(channels, hidden, 1), relu=nn.ReLU(inplace=True), fc2=nn.Conv2d(hidden, channels, 1)
    )


class Spread(nn.Module):
    """Gate values of every pixel: those of the nearest that was gathered."""

    def __init__(self, layers: nn.Module | None) -> None:
        super().__init__()
        self.layers = layers
        self.gate = nn.Sigmoid()

    def forward(self, gathered: Tensor, x: Tensor) -> Tensor:
        """Map (N, C, h, w) to (N, C, H, W) of the map `x`, or (N, C, 1, 1) to itself."""
        logits = gathered if self.layers is None else self.layers(gathered)
        if logits.shape[-2:] != (1, 1):
            logits = nn.functional.interpolate(logits, size=x.shape[-2:])
        gate: Tensor = self.gate(logits)
        return gate


class GatherExcite(nn.Module):
    """y = x * sigmoid(interpolate(gather(x))), nearest neighbour.

    Parameters: theta-minus 0; theta 11 C for each of log2(e) convolutions; theta-plus 2 C h + h + C more.
    MACs per image: theta-minus 0; theta 9 C for each pixel that a convolution gives (a 2nd, 4th, 8th of each
    side); theta-plus 2 C h more for each pixel gathered.
    """

    def __init__(
        self, channels: int, *, r: int = 16, form: Form = "theta-minus", extent: str = GLOBAL
    ) -> None:
        """`r` is the reduction ratio of theta-plus, `extent` the side of what is gathered."""
        super().__init__()
        if form == "theta-minus":
            self.gather = GlobalAverage() if extent == GLOBAL else pooling(int(extent))
        else:
            self.gather = convolutions(channels, int(extent))
        hidden = hidden_channels(channels, r)
        self.excite = Spread(bottleneck(channels, hidden) if form == "theta-plus" else None)
        self.scale = Scale()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        scaled: Tensor = self.scale(x, self.excite(self.gather(x), x))
        return scaled


IMPLEMENTATION = Implementation(module=GatherExcite, stand_ins={"scale": Untouched})
