"""Simple, parameter-free attention (SimAM).

L. Yang, R.-Y. Zhang, L. Li and X. Xie, "SimAM: A Simple, Parameter-Free Attention Module for Convolutional
Neural Networks", ICML 2021, section 3: the inverse of each neuron's minimal energy (Eq. 5) is its gate
(Eq. 6), in the form of the code that the paper prints.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from sebench.models.attention import Implementation
from sebench.models.attentions.steps import Scale, Untouched


class Energy(nn.Module):
    """Gate values sigmoid(d / (4 (sum(d) / (H W - 1) + lambda)) + 1/2), d = (x - mean(x))^2."""

    def __init__(self, lam: float) -> None:
        super().__init__()
        self.lam = lam
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W), or a map of other dimensions, to the same shape."""
        axes = tuple(range(2, x.dim()))
        others = max(1, math.prod(x.shape[2:]) - 1)  # a map of one pixel has no others, and no variance
        squared = (x - x.mean(axes, keepdim=True)).square()
        variance = squared.sum(axes, keepdim=True) / others
        gate: Tensor = self.gate(squared / (4 * (variance + self.lam)) + 0.5)
        return gate


class SimpleAttention(nn.Module):
    """y = x * sigmoid(1 / E(x)).

    Parameters: 0. MACs per image: 0; all its work is elementwise.
    """

    def __init__(self, channels: int, *, lam: float = 1e-4) -> None:
        """`lam` is lambda of Eq. 5; the number of channels does not matter."""
        super().__init__()
        self.energy = Energy(lam)
        self.scale = Scale()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        scaled: Tensor = self.scale(x, self.energy(x))
        return scaled


class MapAsGate(nn.Module):
    """Stands in for the energy: the map itself, for nothing."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return x.detach()


IMPLEMENTATION = Implementation(module=SimpleAttention, stand_ins={"energy": MapAsGate, "scale": Untouched})
