"""Inception-ResNet-v2 (Szegedy et al. 2017) with 10, 20 and 10 residual blocks."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from sebench.models.inception import conv_chain, inception_stem
from sebench.models.layers import Concat, ConvNormAct, classifier, sequence
from sebench.models.slots import Slots, SlottedBlock


class ResidualInception(SlottedBlock):
    """Inception branches, a linear 1x1 back to the input's width, scaled and added.

    ``standard`` attention sits on the linear 1x1's output, before scaling and add.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ()  # the constant scale keeps the branch small already

    def __init__(
        self,
        branches: Concat,
        middle: int,
        channels: int,
        slots: Slots,
        *,
        stage: int,
        scale: float,
        relu: bool,
    ) -> None:
        super().__init__(slots, stage, dict.fromkeys(("standard", "pre", "post", "identity"), channels))
        self.branches = branches
        self.linear = nn.Conv2d(middle, channels, 1)
        self.scale = scale
        self.relu = nn.ReLU(inplace=True) if relu else None

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (N, channels, H, W)."""
        y = self.linear(self.branches(self.attend("pre", x)))
        y = self.attend("standard", y) * self.scale
        y += self.attend("identity", x)
        return self.attend("post", y if self.relu is None else self.relu(y))


def inception_resnet_v2(slots: Slots, num_classes: int) -> nn.Module:
    """Inception-ResNet-v2; the last block has no ReLU."""
    return sequence(
        stem=inception_stem(),
        stage3=sequence(mixed_5b=_mixed_5b(), blocks=nn.Sequential(*(_block_a(slots) for _ in range(10)))),
        stage4=sequence(mixed_6a=_mixed_6a(), blocks=nn.Sequential(*(_block_b(slots) for _ in range(20)))),
        stage5=sequence(
            mixed_7a=_mixed_7a(),
            blocks=nn.Sequential(*(_block_c(slots, relu=index < 9) for index in range(10))),
        ),
        head=sequence(conv=ConvNormAct(2080, 1536), classifier=classifier(1536, num_classes, dropout=0.2)),
    )


def _mixed_5b() -> nn.Module:
    return Concat(
        conv1x1=ConvNormAct(192, 96),
        conv5x5=conv_chain(192, (48, 1), (64, 5)),
        double3x3=conv_chain(192, (64, 1), (96, 3), (96, 3)),
        pool=sequence(pool=nn.AvgPool2d(3, 1, padding=1, count_include_pad=False), conv=ConvNormAct(192, 64)),
    )


def _block_a(slots: Slots) -> nn.Module:
    branches = Concat(
        conv1x1=ConvNormAct(320, 32),
        conv3x3=conv_chain(320, (32, 1), (32, 3)),
        double3x3=conv_chain(320, (32, 1), (48, 3), (64, 3)),
    )
    return ResidualInception(branches, 128, 320, slots, stage=3, scale=0.17, relu=True)


def _mixed_6a() -> nn.Module:
    return Concat(
        conv3x3=conv_chain(320, (384, 3), stride=2),
        double3x3=conv_chain(320, (256, 1), (256, 3), (384, 3), stride=2),
        pool=nn.MaxPool2d(3, 2),
    )


def _block_b(slots: Slots) -> nn.Module:
    branches = Concat(
        conv1x1=ConvNormAct(1088, 192),
        conv7x7=conv_chain(1088, (128, 1), (160, (1, 7)), (192, (7, 1))),
    )
    return ResidualInception(branches, 384, 1088, slots, stage=4, scale=0.10, relu=True)


def _mixed_7a() -> nn.Module:
    return Concat(
        conv3x3_a=conv_chain(1088, (256, 1), (384, 3), stride=2),
        conv3x3_b=conv_chain(1088, (256, 1), (288, 3), stride=2),
        double3x3=conv_chain(1088, (256, 1), (288, 3), (320, 3), stride=2),
        pool=nn.MaxPool2d(3, 2),
    )


def _block_c(slots: Slots, *, relu: bool) -> nn.Module:
    branches = Concat(
        conv1x1=ConvNormAct(2080, 192),
        conv3x3=conv_chain(2080, (192, 1), (224, (1, 3)), (256, (3, 1))),
    )
    return ResidualInception(branches, 448, 2080, slots, stage=5, scale=0.20, relu=relu)
