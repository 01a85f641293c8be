"""ResNet-50/101/152 (He et al. 2016, v1) and ResNeXt-50/101 32x4d (Xie et al. 2017)."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from sebench.models.layers import ConvNormAct, classifier, sequence
from sebench.models.registry import StrideIn
from sebench.models.slots import Slots, SlottedBlock
from sebench.schema import Position


class Widths(NamedTuple):
    """Output channels of a bottleneck's three convolutions."""

    reduce: int
    middle: int
    expand: int


class Bottleneck(SlottedBlock):
    """1x1, 3x3, 1x1 and a shortcut: the residual unit whose output is attended before the add.

    Positions (TPAMI section 6.5): ``standard`` after the last normalisation, before the add; ``pre`` on the
    branch's input, the shortcut sees the block's input as it is; ``post`` after the add and its ReLU;
    ``identity`` on the shortcut, behind its projection; ``3x3`` after the 3x3, its normalisation and ReLU.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("conv3.conv",)

    def __init__(
        self,
        in_channels: int,
        widths: Widths,
        slots: Slots,
        *,
        stage: int,
        stride: int,
        stride_in: StrideIn,
        groups: int,
        projection: nn.Module | None,
    ) -> None:
        out = widths.expand
        at: dict[Position, int] = dict.fromkeys(("standard", "post", "identity"), out)
        at |= {"pre": in_channels, "3x3": widths.middle}
        super().__init__(slots, stage, at)
        first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
        self.conv1 = ConvNormAct(in_channels, widths.reduce, stride=first)
        self.conv2 = ConvNormAct(widths.reduce, widths.middle, 3, stride=second, groups=groups)
        self.conv3 = ConvNormAct(widths.middle, out, relu=False)
        self.projection = projection
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, expand, H / stride, W / stride)."""
        shortcut = x if self.projection is None else self.projection(x)
        y = self.conv1(self.attend("pre", x))
        y = self.attend("3x3", self.conv2(y))
        y = self.attend("standard", self.conv3(y))
        y += self.attend("identity", shortcut)
        return self.attend("post", self.relu(y))


def resnet50(slots: Slots, num_classes: int, stride_in: StrideIn) -> nn.Module:
    """ResNet-50."""
    return _resnet((3, 4, 6, 3), slots, num_classes, stride_in)


def resnet101(slots: Slots, num_classes: int, stride_in: StrideIn) -> nn.Module:
    """ResNet-101."""
    return _resnet((3, 4, 23, 3), slots, num_classes, stride_in)


def resnet152(slots: Slots, num_classes: int, stride_in: StrideIn) -> nn.Module:
    """ResNet-152."""
    return _resnet((3, 8, 36, 3), slots, num_classes, stride_in)


def resnext50_32x4d(slots: Slots, num_classes: int, stride_in: StrideIn) -> nn.Module:
    """ResNeXt-50 with 32 groups of width 4."""
    return _resnet((3, 4, 6, 3), slots, num_classes, stride_in, base_width=128, groups=32)


def resnext101_32x4d(slots: Slots, num_classes: int, stride_in: StrideIn) -> nn.Module:
    """ResNeXt-101 with 32 groups of width 4."""
    return _resnet((3, 4, 23, 3), slots, num_classes, stride_in, base_width=128, groups=32)


def _resnet(
    depths: tuple[int, int, int, int],
    slots: Slots,
    num_classes: int,
    stride_in: StrideIn,
    *,
    base_width: int = 64,
    groups: int = 1,
) -> nn.Module:
    """Four stages whose middle width starts at `base_width` and doubles, output widths 256..2048."""
    parts: dict[str, nn.Module] = {
        "stem": sequence(conv=ConvNormAct(3, 64, 7, stride=2), pool=nn.MaxPool2d(3, 2, padding=1))
    }
    in_channels = 64
    for index, depth in enumerate(depths):
        widths = Widths(base_width << index, base_width << index, 256 << index)
        blocks: list[nn.Module] = []
        for block in range(depth):
            stride = 2 if index and not block else 1
            projection = (
                ConvNormAct(in_channels, widths.expand, stride=stride, relu=False) if not block else None
            )
            blocks.append(
                Bottleneck(
                    in_channels,
                    widths,
                    slots,
                    stage=index + 2,
                    stride=stride,
                    stride_in=stride_in,
                    groups=groups,
                    projection=projection,
                )
            )
            in_channels = widths.expand
        parts[f"stage{index + 2}"] = nn.Sequential(*blocks)
    return sequence(**parts, head=classifier(in_channels, num_classes))
