"""CIFAR networks with pre-activation: ResNet-20/110/164 (He et al. 2016), Wide ResNet (Zagoruyko 2016)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from sebench.models.layers import classifier, sequence
from sebench.models.slots import Slots, SlottedBlock
from sebench.schema import Position


class PreActivation(SlottedBlock):
    """A residual unit that normalises and activates before each convolution.

    Where the width changes, a 1x1 projection takes the shortcut from the activated input. ``pre`` attention
    sits between the first activation and the first convolution, ``post`` after the add (there is no ReLU).
    """

    def __init__(
        self,
        in_channels: int,
        out: int,
        slots: Slots,
        *,
        stage: int,
        stride: int,
        middle: Mapping[Position, int],
    ) -> None:
        at: dict[Position, int] = dict.fromkeys(("standard", "post", "identity"), out)
        super().__init__(slots, stage, {**at, "pre": in_channels, **middle})
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.projection = _conv(in_channels, out, 1, stride) if in_channels != out else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H / stride, W / stride)."""
        activated = self.relu(self.bn1(x))
        shortcut = x if self.projection is None else self.projection(activated)
        y = self.attend("standard", self.branch(self.attend("pre", activated)))
        y += self.attend("identity", shortcut)
        return self.attend("post", y)

    @abstractmethod
    def branch(self, x: Tensor) -> Tensor:
        """The convolutions, from the activated input to the add."""


class BasicUnit(PreActivation):
    """Two 3x3 convolutions."""

    residual_ends: ClassVar[tuple[str, ...]] = ("conv2",)

    def __init__(self, in_channels: int, width: int, slots: Slots, *, stage: int, stride: int) -> None:
        super().__init__(in_channels, width, slots, stage=stage, stride=stride, middle={})
        self.conv1 = _conv(in_channels, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = _conv(width, width, 3)

    def branch(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, width, H / stride, W / stride)."""
        y: Tensor = self.conv2(self.relu(self.bn2(self.conv1(x))))
        return y


class BottleneckUnit(PreActivation):
    """1x1, 3x3 and 1x1 to four times the width.

    ``3x3`` attention sits behind the normalisation and ReLU that follow the 3x3.
    """

    residual_ends: ClassVar[tuple[str, ...]] = ("conv3",)

    def __init__(self, in_channels: int, width: int, slots: Slots, *, stage: int, stride: int) -> None:
        super().__init__(in_channels, 4 * width, slots, stage=stage, stride=stride, middle={"3x3": width})
        self.conv1 = _conv(in_channels, width, 1, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = _conv(width, width, 3)
        self.bn3 = nn.BatchNorm2d(width)
        self.conv3 = _conv(width, 4 * width, 1)

    def branch(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, 4 * width, H / stride, W / stride)."""
        y = self.conv2(self.relu(self.bn2(self.conv1(x))))
        y = self.attend("3x3", self.relu(self.bn3(y)))
        expanded: Tensor = self.conv3(y)
        return expanded


def cifar_resnet20(slots: Slots, num_classes: int) -> nn.Module:
    """Pre-activation ResNet-20: 3 x 3 basic units."""
    return _network(BasicUnit, 3, (16, 32, 64), slots, num_classes)


def cifar_resnet110(slots: Slots, num_classes: int) -> nn.Module:
    """Pre-activation ResNet-110: 3 x 18 basic units."""
    return _network(BasicUnit, 18, (16, 32, 64), slots, num_classes)


def cifar_resnet164(slots: Slots, num_classes: int) -> nn.Module:
    """Pre-activation ResNet-164: 3 x 18 bottleneck units."""
    return _network(BottleneckUnit, 18, (16, 32, 64), slots, num_classes)


def cifar_wrn16_8(slots: Slots, num_classes: int) -> nn.Module:
    """Wide ResNet of depth 16 and width 8."""
    return _network(BasicUnit, 2, (128, 256, 512), slots, num_classes)


def cifar_wrn28_10(slots: Slots, num_classes: int) -> nn.Module:
    """Wide ResNet of depth 28 and width 10."""
    return _network(BasicUnit, 4, (160, 320, 640), slots, num_classes)


def _network(
    unit: type[BasicUnit] | type[BottleneckUnit],
    depth: int,
    widths: tuple[int, int, int],
    slots: Slots,
    num_classes: int,
) -> nn.Module:
    """A 16-channel stem and three stages of `depth` units, the last two opening with stride 2."""
    parts: dict[str, nn.Module] = {"stem": _conv(3, 16, 3)}
    channels = 16
    for stage, width in enumerate(widths, start=2):
        units: list[nn.Module] = []
        for index in range(depth):
            stride = 2 if stage > 2 and not index else 1
            units.append(unit(channels, width, slots, stage=stage, stride=stride))
            channels = 4 * width if unit is BottleneckUnit else width
        parts[f"stage{stage}"] = nn.Sequential(*units)
    head = sequence(
        bn=nn.BatchNorm2d(channels), relu=nn.ReLU(inplace=True), classifier=classifier(channels, num_classes)
    )
    return sequence(**parts, head=head)


def _conv(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False
    )
