"""ShuffleNet v1 1x with three groups (Zhang et al. 2018)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from sebench.models.layers import ConvNormAct, classifier, sequence
from sebench.models.slots import Slots, SlottedBlock
from sebench.schema import Position

_GROUPS = 3
_STAGES = ((240, 4), (480, 8), (960, 4))
"""Output channels and units of stages 2, 3, 4."""


class ShuffleUnit(SlottedBlock):
    """Grouped 1x1, channel shuffle, depthwise 3x3, grouped 1x1, added to the input.

    With stride 2 the branch is concatenated to the average-pooled input instead and emits the channels
    that are missing. ``standard`` attention sits on the branch before the add or concatenation, ``post``
    after it and its ReLU.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("expand.conv",)

    def __init__(
        self, in_channels: int, out_channels: int, slots: Slots, stage: int, first_groups: int
    ) -> None:
        strided = in_channels != out_channels
        branch_channels = out_channels - in_channels if strided else out_channels
        at: dict[Position, int] = {
            "standard": branch_channels,
            "pre": in_channels,
            "post": out_channels,
            "identity": in_channels,
        }
        super().__init__(slots, stage, at)
        middle = out_channels // 4
        self.reduce = ConvNormAct(in_channels, middle, groups=first_groups)
        self.depthwise = ConvNormAct(middle, middle, 3, stride=2 if strided else 1, groups=middle, relu=False)
        self.expand = ConvNormAct(middle, branch_channels, groups=_GROUPS, relu=False)
        self.pool = nn.AvgPool2d(3, 2, padding=1) if strided else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H, W), half the grid where in and out differ."""
        y = _shuffle_channels(self.reduce(self.attend("pre", x)))
        y = self.attend("standard", self.expand(self.depthwise(y)))
        if self.pool is None:
            y += self.attend("identity", x)
        else:
            y = torch.cat((self.attend("identity", self.pool(x)), y), dim=1)
        return self.attend("post", self.relu(y))


def shufflenet_v1_g3(slots: Slots, num_classes: int) -> nn.Module:
    """ShuffleNet v1 1x, g = 3; the first 1x1 of all is not grouped."""
    parts: dict[str, nn.Module] = {
        "stem": sequence(conv=ConvNormAct(3, 24, 3, stride=2), pool=nn.MaxPool2d(3, 2, padding=1))
    }
    in_channels = 24
    for stage, (channels, units) in enumerate(_STAGES, start=2):
        blocks: list[nn.Module] = []
        for _ in range(units):
            first_groups = 1 if in_channels == 24 else _GROUPS
            blocks.append(ShuffleUnit(in_channels, channels, slots, stage, first_groups))
            in_channels = channels
        parts[f"stage{stage}"] = nn.Sequential(*blocks)
    return sequence(**parts, head=classifier(in_channels, num_classes))


def _shuffle_channels(x: Tensor) -> Tensor:
    """Transpose groups and their channels; written out so that every device runs the same copy."""
    n, channels, height, width = x.shape
    grouped = x.view(n, _GROUPS, channels // _GROUPS, height, width)
    return grouped.transpose(1, 2).reshape(n, channels, height, width)
