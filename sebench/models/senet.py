"""SENet-154: a ResNeXt-152 64x4d with a three-layer stem, halved 1x1s and 3x3 projections."""

from __future__ import annotations

from torch import nn

from sebench.models.layers import ConvNormAct, classifier, sequence
from sebench.models.resnet import Bottleneck, Widths
from sebench.models.slots import Slots

_DEPTHS = (3, 8, 36, 3)


def senet154(slots: Slots, num_classes: int) -> nn.Module:
    """SENet-154 (CVPR section 6.2); the stride lies in the 3x3."""
    parts: dict[str, nn.Module] = {
        "stem": sequence(
            conv1=ConvNormAct(3, 64, 3, stride=2),
            conv2=ConvNormAct(64, 64, 3),
            conv3=ConvNormAct(64, 128, 3),
            pool=nn.MaxPool2d(3, 2, padding=1),
        )
    }
    in_channels = 128
    for index, depth in enumerate(_DEPTHS):
        widths = Widths(128 << index, 256 << index, 256 << index)
        stride = 2 if index else 1
        blocks = [_block(in_channels, widths, slots, index + 2, stride)]
        blocks += [_block(widths.expand, widths, slots, index + 2) for _ in range(depth - 1)]
        parts[f"stage{index + 2}"] = nn.Sequential(*blocks)
        in_channels = widths.expand
    return sequence(**parts, head=classifier(in_channels, num_classes, dropout=0.2))


def _block(
    in_channels: int, widths: Widths, slots: Slots, stage: int, stride: int | None = None
) -> nn.Module:
    """One bottleneck of 64 groups; the first of a stage, given its stride, projects its shortcut."""
    projection = None
    if stride is not None:
        kernel = 3 if stride == 2 else 1
        projection = ConvNormAct(in_channels, widths.expand, kernel, stride=stride, relu=False)
    return Bottleneck(
        in_channels,
        widths,
        slots,
        stage=stage,
        stride=stride or 1,
        stride_in="3x3",
        groups=64,
        projection=projection,
    )
