"""Squeeze-and-Excitation: the module, and what takes the place of its parts where one is left out.

J. Hu, L. Shen and G. Sun, "Squeeze-and-Excitation Networks", CVPR 2018, section 3; with S. Albanie and E. Wu,
TPAMI 2020.

With h = max(1, C // r) and biases a module has 2 C h + h + C parameters and takes 2 C h MACs per image.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from sebench.models.attention import Draw, Implementation
from sebench.schema import hidden_channels

Pooling = Literal["avg", "max", "avgmax", "none"]
Layer = Literal["linear", "conv1x1"]
Averaging = Literal["mean", "avgpool"]


class Squeeze(nn.Module):
    """Channel descriptors of a feature map: global pooling over the grid (Eq. 2), of 1 to 3 dimensions.

    ``avg`` and ``max`` give one descriptor, ``avgmax`` both, ``none`` the feature map itself
    (NoSqueeze, TPAMI section 7.1).
    """

    def __init__(self, pooling: Pooling, averaging: Averaging = "mean", *, keepdim: bool = False) -> None:
        """Descriptors are (N, C), or with `keepdim` (N, C, 1, 1), as 1x1 convolutions take them."""
        super().__init__()
        self.pooling = pooling
        self.keepdim = keepdim
        self.average = nn.AdaptiveAvgPool2d(1) if averaging == "avgpool" else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map (N, C, H, W) to descriptors, or to the input alone for ``none``."""
        match self.pooling:
            case "avg":
                return (self._mean(x),)
            case "max":
                return (self._max(x),)
            case "avgmax":
                return self._mean(x), self._max(x)
            case "none":
                return (x,)

    def _mean(self, x: Tensor) -> Tensor:
        if self.average is None:
            return x.mean(tuple(range(2, x.dim())), keepdim=self.keepdim)
        pooled: Tensor = self.average(x)
        return pooled if self.keepdim else pooled.flatten(1)

    def _max(self, x: Tensor) -> Tensor:
        return x.amax(tuple(range(2, x.dim())), keepdim=self.keepdim)


class Excite(nn.Module):
    """Gate values from descriptors: s = gate(W2 relu(W1 z)) (Eq. 3).

    Several descriptors share both layers and are summed before the gate, as in the channel part of CBAM.
    As 1x1 convolutions, which feature maps that were not squeezed need, the layers have the same parameters.
    """

    def __init__(self, channels: int, hidden: int, *, layer: Layer, gate: str, bias: bool) -> None:
        super().__init__()
        if layer == "conv1x1":
            self.fc1: nn.Module = nn.Conv2d(channels, hidden, 1, bias=bias)
            self.fc2: nn.Module = nn.Conv2d(hidden, channels, 1, bias=bias)
        else:
            self.fc1 = nn.Linear(channels, hidden, bias=bias)
            self.fc2 = nn.Linear(hidden, channels, bias=bias)
        self.layer = layer
        self.relu = nn.ReLU(inplace=True)
        self.gate = GATES[gate]()

    def forward(self, descriptors: tuple[Tensor, ...]) -> Tensor:
        """Map descriptors (N, C) or (N, C, H, W) to gate values of the shape that the layers give."""
        logits = (self.fc2(self.relu(self.fc1(self._taken(descriptor)))) for descriptor in descriptors)
        values: Tensor = self.gate(functools.reduce(torch.add, logits))
        return values

    def _taken(self, descriptor: Tensor) -> Tensor:
        """What a convolution takes: where the squeeze is left out, its stand-in hands (N, C) on."""
        if self.layer == "conv1x1" and descriptor.dim() == 2:
            return descriptor[:, :, None, None]
        return descriptor


def _positions(x: Tensor) -> tuple[int, ...]:
    """The spatial dimensions of (N, C, ...)."""
    return tuple(range(2, x.dim()))


class Scale(nn.Module):
    """Channel-wise multiplication of a feature map with its gate values (Eq. 4)."""

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """Scale (N, C, H, W) by (N, C) or (N, C, H, W)."""
        while gate.dim() < x.dim():
            gate = gate.unsqueeze(-1)
        return x * gate


class SqueezeExcitation(nn.Module):
    """The SE block: squeeze, excite, scale (Eqs. 2-4); no batch normalisation inside."""

    def __init__(
        self,
        channels: int,
        *,
        r: int = 16,
        squeeze: Pooling = "avg",
        excitation: str = "sigmoid",
        bias: bool = True,
        fc: Layer = "linear",
        pool: Averaging = "mean",
    ) -> None:
        """`r` is the ratio of Eq. 5, `excitation` the gate of Eq. 3; `fc` and `pool` change no value."""
        super().__init__()
        self.squeeze = Squeeze(squeeze, pool, keepdim=fc == "conv1x1")
        self.excite = Excite(
            channels,
            hidden_channels(channels, r),
            layer="conv1x1" if squeeze == "none" else fc,
            gate=excitation,
            bias=bias,
        )
        self.scale = Scale()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        scaled: Tensor = self.scale(x, self.excite(self.squeeze(x)))
        return scaled


class OnePixel(nn.Module):
    """A squeeze that reads one pixel: the shape of a descriptor, for nothing, and nothing to do backwards."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Map (N, C, H, W) to one descriptor (N, C)."""
        pixel = x
        while pixel.dim() > 2:
            pixel = pixel[..., 0]
        return (pixel.detach(),)


class Ungated(nn.Module):
    """An excitation that hands the descriptor on."""

    def forward(self, descriptors: tuple[Tensor, ...]) -> Tensor:
        """Map descriptors to the first of them."""
        return descriptors[0]


class Unscaled(nn.Module):
    """A scale that leaves its input alone; the gate then gets no gradient."""

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """Map (N, C, H, W) to itself."""
        return x


GATES: Mapping[str, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "hardsigmoid": nn.Hardsigmoid,
}


def _as_linear(module: nn.Module, draw: Draw) -> None:
    """Convolutions of descriptors get the numbers of linear layers; of whole maps, those of convolutions."""
    if not isinstance(module, SqueezeExcitation) or module.squeeze.pooling == "none":
        return
    for name, layer in (("fc1", module.excite.fc1), ("fc2", module.excite.fc2)):
        if isinstance(layer, nn.Conv2d):
            draw(f"excite.{name}.weight", 1 / math.sqrt(layer.in_channels))


IMPLEMENTATION = Implementation(
    module=SqueezeExcitation,
    stand_ins={"squeeze": OnePixel, "excite": Ungated, "scale": Unscaled},
    initialise=_as_linear,
)
