"""Shake-Shake 26 2x96d (Gastaldi 2017): two branches, mixed at random in training."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from sebench.models.layers import ConvNormAct, classifier, sequence
from sebench.models.slots import Slots, SlottedBlock

_STAGES = ((2, 96), (3, 192), (4, 384))
_UNITS = 4


class _RandomMix(torch.autograd.Function):
    """Shake-Shake-Image: one random weight per image forward, another one backward."""

    @staticmethod
    def forward(ctx: object, first: Tensor, second: Tensor) -> Tensor:
        alpha = torch.rand(len(first), 1, 1, 1, dtype=first.dtype, device=first.device)
        return first * alpha + second * (1 - alpha)

    @staticmethod
    def backward(ctx: object, *grads: Tensor) -> tuple[Tensor, Tensor]:
        (grad,) = grads
        beta = torch.rand(len(grad), 1, 1, 1, dtype=grad.dtype, device=grad.device)
        return grad * beta, grad * (1 - beta)


class Branch(SlottedBlock):
    """Two 3x3 convolutions with normalisation; attention on the output, before the branches are mixed."""

    residual_ends: ClassVar[tuple[str, ...]] = ("conv2.conv",)

    def __init__(self, in_channels: int, width: int, slots: Slots, *, stage: int, stride: int) -> None:
        super().__init__(slots, stage, {"standard": width})
        self.conv1 = ConvNormAct(in_channels, width, 3, stride=stride)
        self.conv2 = ConvNormAct(width, width, 3, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, width, H / stride, W / stride)."""
        return self.attend("standard", self.conv2(self.conv1(x)))


class SplitProjection(nn.Module):
    """Shortcut where the width changes: two subsampled grids, one shifted by a pixel, half the width each."""

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.subsample = nn.AvgPool2d(1, stride)
        self.straight = nn.Conv2d(in_channels, width // 2, 1, bias=False)
        self.shifted = nn.Conv2d(in_channels, width // 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, width, H / stride, W / stride)."""
        shifted = nn.functional.pad(x, (-1, 1, -1, 1))
        halves = self.straight(self.subsample(x)), self.shifted(self.subsample(shifted))
        y: Tensor = self.bn(torch.cat(halves, dim=1))
        return y


class ShakeUnit(nn.Module):
    """ReLU, two branches mixed into one, added to the shortcut."""

    def __init__(self, in_channels: int, width: int, slots: Slots, *, stage: int, stride: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.branch1 = Branch(in_channels, width, slots, stage=stage, stride=stride)
        self.branch2 = Branch(in_channels, width, slots, stage=stage, stride=stride)
        self.projection = SplitProjection(in_channels, width, stride) if in_channels != width else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, width, H / stride, W / stride)."""
        activated = self.relu(x)
        shortcut = x if self.projection is None else self.projection(activated)
        first, second = self.branch1(activated), self.branch2(activated)
        mixed = _RandomMix.apply(first, second) if self.training else (first + second) * 0.5
        y: Tensor = mixed + shortcut
        return y


def cifar_shakeshake26_2x96d(slots: Slots, num_classes: int) -> nn.Module:
    """Shake-Shake 26 2x96d: three stages of four units, 96, 192 and 384 channels."""
    parts: dict[str, nn.Module] = {"stem": ConvNormAct(3, 16, 3, relu=False)}
    channels = 16
    for stage, width in _STAGES:
        units: list[nn.Module] = []
        for index in range(_UNITS):
            stride = 2 if stage > 2 and not index else 1
            units.append(ShakeUnit(channels, width, slots, stage=stage, stride=stride))
            channels = width
        parts[f"stage{stage}"] = nn.Sequential(*units)
    head = sequence(relu=nn.ReLU(), classifier=classifier(channels, num_classes))
    return sequence(**parts, head=head)
