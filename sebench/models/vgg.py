"""VGG-16 with batch normalisation (Simonyan & Zisserman 2015); convolutions keep their biases."""

from __future__ import annotations

from torch import nn

from sebench.models.layers import ConvNormAct, dense_classifier, sequence
from sebench.models.slots import Attended, Slots

_GROUPS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def vgg16_bn(slots: Slots, num_classes: int) -> nn.Module:
    """Five groups of 3x3 convolutions; attention follows each one's ReLU (TPAMI section 3.3)."""
    parts: dict[str, nn.Module] = {}
    in_channels = 3
    for stage, (channels, depth) in enumerate(_GROUPS, start=1):
        group: dict[str, nn.Module] = {}
        for index in range(1, depth + 1):
            conv = ConvNormAct(in_channels, channels, 3, bias=True)
            group[f"conv{index}"] = Attended(conv, channels, slots, stage)
            in_channels = channels
        parts[f"stage{stage}"] = sequence(**group, pool=nn.MaxPool2d(2))
    return sequence(**parts, head=dense_classifier(in_channels, 7, num_classes, dropout_first=False))
