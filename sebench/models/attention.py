"""Attention modules: shape-preserving, made from a channel count and a variant."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from sebench.models import variants
from sebench.models.variants import Variant, hidden_channels


class Squeeze(nn.Module):
    """Channel descriptors of a feature map: global pooling over the grid (Eq. 2).

    ``avg`` and ``max`` give one descriptor, ``avgmax`` both, ``none`` the feature map itself
    (NoSqueeze, TPAMI section 7.1).
    """

    def __init__(self, kind: variants.Squeeze) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map (N, C, H, W) to descriptors (N, C), or to the input alone for ``none``."""
        match self.kind:
            case "avg":
                return (x.mean((2, 3)),)
            case "max":
                return (x.amax((2, 3)),)
            case "avgmax":
                return x.mean((2, 3)), x.amax((2, 3))
            case "none":
                return (x,)


class Excite(nn.Module):
    """Gate values from descriptors: s = gate(W2 relu(W1 z)) (Eq. 3).

    Several descriptors share both layers and are summed before the gate, as in the channel part of CBAM.
    Without a squeeze the two layers are 1x1 convolutions with the same parameters.
    """

    def __init__(self, channels: int, variant: Variant) -> None:
        super().__init__()
        hidden = hidden_channels(channels, variant.reduction)
        if variant.squeeze == "none":
            self.fc1: nn.Module = nn.Conv2d(channels, hidden, 1, bias=variant.bias)
            self.fc2: nn.Module = nn.Conv2d(hidden, channels, 1, bias=variant.bias)
        else:
            self.fc1 = nn.Linear(channels, hidden, bias=variant.bias)
            self.fc2 = nn.Linear(hidden, channels, bias=variant.bias)
        self.relu = nn.ReLU(inplace=True)
        self.gate = _GATES[variant.excitation]()

    def forward(self, descriptors: tuple[Tensor, ...]) -> Tensor:
        """Map descriptors (N, C) or (N, C, H, W) to gate values of the same shape."""
        logits = (self.fc2(self.relu(self.fc1(descriptor))) for descriptor in descriptors)
        values: Tensor = self.gate(functools.reduce(torch.add, logits))
        return values


class Scale(nn.Module):
    """Channel-wise multiplication of a feature map with its gate values (Eq. 4)."""

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """Scale (N, C, H, W) by (N, C) or (N, C, H, W)."""
        return x * (gate[:, :, None, None] if gate.dim() == 2 else gate)


class SqueezeExcitation(nn.Module):
    """The SE block: squeeze, excite, scale (Eqs. 2-4); no batch normalisation inside."""

    def __init__(self, channels: int, variant: Variant) -> None:
        super().__init__()
        self.squeeze = Squeeze(variant.squeeze)
        self.excite = Excite(channels, variant)
        self.scale = Scale()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        scaled: Tensor = self.scale(x, self.excite(self.squeeze(x)))
        return scaled


def make_attention(channels: int, variant: Variant) -> nn.Module:
    """The attention module of one slot.

    Args:
        channels: Width of the tensor it attends to.
        variant: Any variant but the plain one.
    """
    if variant.attention is None:
        raise ValueError("the plain variant has no attention module")
    return _MODULES[variant.attention](channels, variant)


_GATES: Mapping[variants.Excitation, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "hardsigmoid": nn.Hardsigmoid,
}

_MODULES: Mapping[str, Callable[[int, Variant], nn.Module]] = {"se": SqueezeExcitation}
"""One module per name in `variants.ATTENTION_OPTIONS`."""
