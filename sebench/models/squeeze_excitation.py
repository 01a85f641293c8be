"""Squeeze-and-Excitation: the module, and what takes the place of its parts where one is left out."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from sebench.models.attention import Implementation
from sebench.schema import hidden_channels

Pooling = Literal["avg", "max", "avgmax", "none"]


class Squeeze(nn.Module):
    """Channel descriptors of a feature map: global pooling over the grid (Eq. 2), of 1 to 3 dimensions.

    ``avg`` and ``max`` give one descriptor, ``avgmax`` both, ``none`` the feature map itself
    (NoSqueeze, TPAMI section 7.1).
    """

    def __init__(self, pooling: Pooling) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map (N, C, H, W) to descriptors (N, C), or to the input alone for ``none``."""
        positions = tuple(range(2, x.dim()))
        match self.pooling:
            case "avg":
                return (x.mean(positions),)
            case "max":
                return (x.amax(positions),)
            case "avgmax":
                return x.mean(positions), x.amax(positions)
            case "none":
                return (x,)


class Excite(nn.Module):
    """Gate values from descriptors: s = gate(W2 relu(W1 z)) (Eq. 3).

    Several descriptors share both layers and are summed before the gate, as in the channel part of CBAM.
    Pixelwise, for feature maps that were not squeezed, the two layers are 1x1 convolutions with the same
    parameters.
    """

    def __init__(self, channels: int, hidden: int, *, pixelwise: bool, gate: str, bias: bool) -> None:
        super().__init__()
        if pixelwise:
            self.fc1: nn.Module = nn.Conv2d(channels, hidden, 1, bias=bias)
            self.fc2: nn.Module = nn.Conv2d(hidden, channels, 1, bias=bias)
        else:
            self.fc1 = nn.Linear(channels, hidden, bias=bias)
            self.fc2 = nn.Linear(hidden, channels, bias=bias)
        self.relu = nn.ReLU(inplace=True)
        self.gate = _GATES[gate]()

    def forward(self, descriptors: tuple[Tensor, ...]) -> Tensor:
        """Map descriptors (N, C) or (N, C, H, W) to gate values of the same shape."""
        logits = (self.fc2(self.relu(self.fc1(descriptor))) for descriptor in descriptors)
        values: Tensor = self.gate(functools.reduce(torch.add, logits))
        return values


class Scale(nn.Module):
    """Channel-wise multiplication of a feature map with its gate values (Eq. 4)."""

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """Scale (N, C, H, W) by (N, C) or (N, C, H, W)."""
        return x * (gate if gate.dim() == x.dim() else gate[(..., *(None,) * (x.dim() - 2))])


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
    ) -> None:
        """`r` is the reduction ratio of Eq. 5, `excitation` the gate of Eq. 3."""
        super().__init__()
        self.squeeze = Squeeze(squeeze)
        self.excite = Excite(
            channels,
            hidden_channels(channels, r),
            pixelwise=squeeze == "none",
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
        return (x[(slice(None), slice(None), *(0,) * (x.dim() - 2))].detach(),)


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


_GATES: Mapping[str, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "hardsigmoid": nn.Hardsigmoid,
}

IMPLEMENTATION = Implementation(
    module=SqueezeExcitation,
    stand_ins={"squeeze": OnePixel, "excite": Ungated, "scale": Unscaled},
)
