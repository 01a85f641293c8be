"""BN-Inception (Ioffe & Szegedy 2015) and Inception-v3 (Szegedy et al. 2016).

Attention sits on the concatenation of every module, the strided ones included.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import nn

from sebench.models.layers import Concat, ConvNormAct, classifier, sequence
from sebench.models.slots import Attended, Slots


class _Module(NamedTuple):
    """Output channels of one BN-Inception module's branches."""

    name: str
    single: int
    """1x1 branch; 0 in the strided modules, which have none."""
    small: tuple[int, int]
    """1x1 and 3x3."""
    double: tuple[int, int, int]
    """1x1, 3x3 and 3x3."""
    pool: Literal["avg", "max"]
    pooled: int
    """1x1 behind the pooling; 0 passes the pooled input through and strides the module."""


_BN_INCEPTION = (
    _Module("3a", 64, (64, 64), (64, 96, 96), "avg", 32),
    _Module("3b", 64, (64, 96), (64, 96, 96), "avg", 64),
    _Module("3c", 0, (128, 160), (64, 96, 96), "max", 0),
    _Module("4a", 224, (64, 96), (96, 128, 128), "avg", 128),
    _Module("4b", 192, (96, 128), (96, 128, 128), "avg", 128),
    _Module("4c", 160, (128, 160), (128, 160, 160), "avg", 128),
    _Module("4d", 96, (128, 192), (160, 192, 192), "avg", 128),
    _Module("4e", 0, (128, 192), (192, 256, 256), "max", 0),
    _Module("5a", 352, (192, 320), (160, 224, 224), "avg", 128),
    _Module("5b", 352, (192, 320), (192, 224, 224), "max", 128),
)


def bn_inception(slots: Slots, num_classes: int) -> nn.Module:
    """BN-Inception, ten modules on the grids 28, 14 and 7."""
    stem = sequence(
        conv1=ConvNormAct(3, 64, 7, stride=2),
        pool1=nn.MaxPool2d(3, 2, padding=1),
        conv2_reduce=ConvNormAct(64, 64),
        conv2=ConvNormAct(64, 192, 3),
        pool2=nn.MaxPool2d(3, 2, padding=1),
    )
    stages: dict[int, dict[str, nn.Module]] = {3: {}, 4: {}, 5: {}}
    channels = 192
    for module in _BN_INCEPTION:
        stage = int(module.name[0])
        body = Concat(**_bn_branches(channels, module))
        channels = module.single + module.small[-1] + module.double[-1] + (module.pooled or channels)
        stages[stage][f"module_{module.name}"] = Attended(body, channels, slots, stage)
    parts = {f"stage{stage}": sequence(**modules) for stage, modules in stages.items()}
    return sequence(stem=stem, **parts, head=classifier(channels, num_classes))


def _bn_branches(channels: int, module: _Module) -> dict[str, nn.Module]:
    stride = 1 if module.pooled else 2
    reduce, out = module.small
    double_reduce, double_a, double_b = module.double
    branches: dict[str, nn.Module] = {}
    if module.single:
        branches["conv1x1"] = ConvNormAct(channels, module.single)
    branches["conv3x3"] = sequence(
        reduce=ConvNormAct(channels, reduce),
        conv=ConvNormAct(reduce, out, 3, stride=stride),
    )
    branches["double3x3"] = sequence(
        reduce=ConvNormAct(channels, double_reduce),
        conv_a=ConvNormAct(double_reduce, double_a, 3),
        conv_b=ConvNormAct(double_a, double_b, 3, stride=stride),
    )
    pooling = nn.MaxPool2d if module.pool == "max" else nn.AvgPool2d
    pool: nn.Module = pooling(3, stride, padding=1)
    branches["pool"] = (
        sequence(pool=pool, conv=ConvNormAct(channels, module.pooled)) if module.pooled else pool
    )
    return branches


def inception_v3(slots: Slots, num_classes: int) -> nn.Module:
    """Inception-v3 without auxiliary classifier; modules on the grids 35, 17 and 8."""

    def attended(body: nn.Module, channels: int, stage: int) -> nn.Module:
        return Attended(body, channels, slots, stage)

    return sequence(
        stem=inception_stem(),
        stage3=sequence(
            mixed_5b=attended(_grid35(192, 32), 256, 3),
            mixed_5c=attended(_grid35(256, 64), 288, 3),
            mixed_5d=attended(_grid35(288, 64), 288, 3),
        ),
        stage4=sequence(
            mixed_6a=attended(_reduce_to_17(), 768, 4),
            mixed_6b=attended(_grid17(128), 768, 4),
            mixed_6c=attended(_grid17(160), 768, 4),
            mixed_6d=attended(_grid17(160), 768, 4),
            mixed_6e=attended(_grid17(192), 768, 4),
        ),
        stage5=sequence(
            mixed_7a=attended(_reduce_to_8(), 1280, 5),
            mixed_7b=attended(_grid8(1280), 2048, 5),
            mixed_7c=attended(_grid8(2048), 2048, 5),
        ),
        head=classifier(2048, num_classes, dropout=0.5),
    )


def inception_stem() -> nn.Sequential:
    """Stem of Inception-v3 and Inception-ResNet-v2: 299x299x3 to 35x35x192."""
    return sequence(
        conv1=ConvNormAct(3, 32, 3, stride=2, padding=0),
        conv2=ConvNormAct(32, 32, 3, padding=0),
        conv3=ConvNormAct(32, 64, 3),
        pool1=nn.MaxPool2d(3, 2),
        conv4=ConvNormAct(64, 80),
        conv5=ConvNormAct(80, 192, 3, padding=0),
        pool2=nn.MaxPool2d(3, 2),
    )


def conv_chain(
    in_channels: int, *layers: tuple[int, int | tuple[int, int]], stride: int = 1, relu: bool = True
) -> nn.Sequential:
    """Convolutions given as (channels, kernel), all but a strided last one keeping the grid.

    Args:
        in_channels: Channels that enter the chain.
        layers: Output channels and kernel size of each convolution.
        stride: Stride of the last convolution, which is then unpadded.
        relu: Whether the last convolution is followed by a ReLU.
    """
    chain: list[nn.Module] = []
    for index, (channels, kernel) in enumerate(layers, start=1):
        last = index == len(layers)
        strided = last and stride > 1
        chain.append(
            ConvNormAct(
                in_channels,
                channels,
                kernel,
                stride=stride if last else 1,
                padding=0 if strided else None,
                relu=relu or not last,
            )
        )
        in_channels = channels
    return nn.Sequential(*chain)


def _grid35(channels: int, pooled: int) -> nn.Module:
    return Concat(
        conv1x1=ConvNormAct(channels, 64),
        conv5x5=conv_chain(channels, (48, 1), (64, 5)),
        double3x3=conv_chain(channels, (64, 1), (96, 3), (96, 3)),
        pool=_pooled_conv(channels, pooled),
    )


def _reduce_to_17() -> nn.Module:
    return Concat(
        conv3x3=conv_chain(288, (384, 3), stride=2),
        double3x3=conv_chain(288, (64, 1), (96, 3), (96, 3), stride=2),
        pool=nn.MaxPool2d(3, 2),
    )


def _grid17(middle: int) -> nn.Module:
    row, column = (1, 7), (7, 1)
    return Concat(
        conv1x1=ConvNormAct(768, 192),
        conv7x7=conv_chain(768, (middle, 1), (middle, row), (192, column)),
        double7x7=conv_chain(768, (middle, 1), (middle, column), (middle, row), (middle, column), (192, row)),
        pool=_pooled_conv(768, 192),
    )


def _reduce_to_8() -> nn.Module:
    return Concat(
        conv3x3=conv_chain(768, (192, 1), (320, 3), stride=2),
        conv7x7=conv_chain(768, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3), stride=2),
        pool=nn.MaxPool2d(3, 2),
    )


def _grid8(channels: int) -> nn.Module:
    def split() -> nn.Module:
        return Concat(row=ConvNormAct(384, 384, (1, 3)), column=ConvNormAct(384, 384, (3, 1)))

    return Concat(
        conv1x1=ConvNormAct(channels, 320),
        conv3x3=sequence(reduce=ConvNormAct(channels, 384), split=split()),
        double3x3=sequence(reduce=conv_chain(channels, (448, 1), (384, 3)), split=split()),
        pool=_pooled_conv(channels, 192),
    )


def _pooled_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    """3x3 average pooling that keeps the grid, then a 1x1 convolution."""
    return sequence(pool=nn.AvgPool2d(3, 1, padding=1), conv=ConvNormAct(in_channels, out_channels))
