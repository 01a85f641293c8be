"""The native networks by name: what a caller must know of each before torch is imported.

Stages are the paper's: in ResNet-like networks stage k works at stride 2**k (56x56, 28x28, 14x14, 7x7 for
2..5 at 224x224). Where a network has published names of its own they are kept: VGG's conv groups 1..5, the
modules 3a..5b of BN-Inception (the strided 3c and 4e close their stage), ShuffleNet's stages 2..4, CIFAR's
2..4. Inception-v3, Inception-ResNet-v2 and MobileNet are grouped by stride like ResNet (their reductions
open a stage), AlexNet by the size of its grid (55, 27, 13). What comes before the first stage is the
``stem``, the classifier with its pooling the ``head``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sebench.errors import UsageError
from sebench.schema import Position

StrideIn = Literal["1x1", "3x3"]
ImageSize = int | tuple[int, int]
"""Side of a square in pixels, or height and width."""

_NO_BRANCH: tuple[Position, ...] = ("standard",)
_RESIDUAL: tuple[Position, ...] = ("standard", "pre", "post", "identity")
_BOTTLENECK: tuple[Position, ...] = (*_RESIDUAL, "3x3")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One native network, without its modules."""

    name: str
    family: str
    """Module of `sebench.models` that builds it, with a function of the network's name."""
    description: str
    source: str
    """Where the paper has the network."""
    image_size: ImageSize = 224
    """Of the input: the side of a square, or height and width."""
    min_image_size: int = 32
    """Smallest square input that every layer can work on, or the total stride where that is larger."""
    num_classes: int = 1000
    stage_channels: Mapping[int, int]
    """Stage -> channels of the widest tensor its slots attend to, at every position but ``3x3``."""
    middle_channels: Mapping[int, int] | None = None
    """The same at position ``3x3``; None where blocks have no 3x3 bottleneck."""
    positions: tuple[Position, ...] = _NO_BRANCH
    """Places where a block of this network can hold attention."""
    default_stride_in: StrideIn | None = None
    """The convolution that strides in a bottleneck; None where there is no choice."""

    @property
    def has_stem_pool(self) -> bool:
        """Whether its stem ends in a max pooling that other implementations do otherwise."""
        return self.family in ("resnet", "senet")

    @property
    def has_batch_norm(self) -> bool:
        """Whether it normalises at all."""
        return self.family != "alexnet"

    @property
    def factory(self) -> str:
        """Import path of the function that builds the network."""
        return f"sebench.models.{self.family}:{self.name}"

    @property
    def stages(self) -> tuple[int, ...]:
        """Stages that have attention slots."""
        return tuple(self.stage_channels)

    def widest_channels(self, stages: Iterable[int] | None, position: Position) -> int:
        """Channels of the widest tensor attended to when these stages are filled (None = all)."""
        channels = self.middle_channels if position == "3x3" and self.middle_channels else self.stage_channels
        return max(channels[stage] for stage in (self.stages if stages is None else stages))


def parse_image_size(text: str) -> ImageSize:
    """``224`` or ``800x1333`` (height x width).

    Raises:
        UsageError: it is neither.
    """
    found = re.fullmatch(r"(-?\d+)(?:x(\d+))?", text.strip())
    if not found:
        raise UsageError(
            f"--image-size {text!r} is not a size", hint="give a side, e.g. 224, or height x width, 800x1333"
        )
    height, width = int(found[1]), int(found[2] or found[1])
    return height if height == width else (height, width)


def image_size_text(size: ImageSize) -> str:
    """A size as it is given on the command line."""
    height, width = height_width(size)
    return str(height) if height == width else f"{height}x{width}"


def list_models() -> tuple[ModelInfo, ...]:
    """All native networks, in the order of the paper's tables."""
    return tuple(MODELS.values())


def find_model(name: str) -> ModelInfo | None:
    """The native network of this name; None where there is none."""
    return MODELS.get(name)


def height_width(size: ImageSize) -> tuple[int, int]:
    """Height and width in pixels."""
    return (size, size) if isinstance(size, int) else size


_FOUR_STAGES = {2: 256, 3: 512, 4: 1024, 5: 2048}


def _resnet(depth: int) -> ModelInfo:
    return ModelInfo(
        name=f"resnet{depth}",
        family="resnet",
        description=f"ResNet-{depth} v1: bottlenecks that stride in the first 1x1",
        source="CVPR Table 2",
        stage_channels=_FOUR_STAGES,
        middle_channels={2: 64, 3: 128, 4: 256, 5: 512},
        positions=_BOTTLENECK,
        default_stride_in="1x1",
    )


def _resnext(depth: int) -> ModelInfo:
    return ModelInfo(
        name=f"resnext{depth}_32x4d",
        family="resnet",
        description=f"ResNeXt-{depth} 32x4d: bottlenecks with 32 groups that stride in the 3x3",
        source="CVPR Table 2",
        stage_channels=_FOUR_STAGES,
        middle_channels={2: 128, 3: 256, 4: 512, 5: 1024},
        positions=_BOTTLENECK,
        default_stride_in="3x3",
    )


def _cifar(
    name: str,
    description: str,
    channels: tuple[int, int, int],
    middle: tuple[int, int, int] | None = None,
    *,
    source: str = "TPAMI Table 4",
) -> ModelInfo:
    stages = (2, 3, 4)
    return ModelInfo(
        name=name,
        family="cifar",
        description=description,
        source=source,
        image_size=32,
        min_image_size=8,
        num_classes=10,
        stage_channels=dict(zip(stages, channels, strict=True)),
        middle_channels=dict(zip(stages, middle, strict=True)) if middle else None,
        positions=_BOTTLENECK if middle else _RESIDUAL,
    )


def _faster_rcnn(depth: int) -> ModelInfo:
    return ModelInfo(
        name=f"fasterrcnn_resnet{depth}_fpn",
        family="detection",
        description=f"Faster R-CNN with FPN on ResNet-{depth} v1, 1000 proposals",
        source="CVPR Table 6, TPAMI Table 7",
        image_size=(800, 1333),
        min_image_size=64,
        num_classes=91,
        stage_channels=_FOUR_STAGES,
        middle_channels={2: 64, 3: 128, 4: 256, 5: 512},
        positions=_BOTTLENECK,
        default_stride_in="1x1",
    )


_ALL = (
    _resnet(50),
    _resnet(101),
    _resnet(152),
    _resnext(50),
    _resnext(101),
    ModelInfo(
        name="senet154",
        family="senet",
        description="SENet-154: modified ResNeXt-152 64x4d",
        source="CVPR Table 4",
        stage_channels=_FOUR_STAGES,
        middle_channels={2: 256, 3: 512, 4: 1024, 5: 2048},
        positions=_BOTTLENECK,
    ),
    ModelInfo(
        name="vgg16_bn",
        family="vgg",
        description="VGG-16 with batch normalisation",
        source="CVPR Table 2",
        stage_channels={1: 64, 2: 128, 3: 256, 4: 512, 5: 512},
    ),
    ModelInfo(
        name="alexnet",
        family="alexnet",
        description="AlexNet, one-tower form",
        source="CVPR section 3, no figures",
        min_image_size=63,
        stage_channels={1: 64, 2: 192, 3: 384},
    ),
    ModelInfo(
        name="bn_inception",
        family="inception",
        description="BN-Inception: ten modules, attention on each concatenation",
        source="CVPR Table 2",
        stage_channels={3: 576, 4: 1056, 5: 1024},
    ),
    ModelInfo(
        name="inception_v3",
        family="inception",
        description="Inception-v3 without auxiliary classifier",
        source="CVPR Table 4, plain only",
        image_size=299,
        min_image_size=75,
        stage_channels={3: 288, 4: 768, 5: 2048},
    ),
    ModelInfo(
        name="inception_resnet_v2",
        family="inception_resnet",
        description="Inception-ResNet-v2, 10/20/10 residual blocks",
        source="CVPR Table 2",
        image_size=299,
        min_image_size=75,
        stage_channels={3: 320, 4: 1088, 5: 2080},
        positions=_RESIDUAL,
    ),
    ModelInfo(
        name="mobilenet_v1",
        family="mobilenet",
        description="MobileNet v1 1.0: depthwise separable convolutions",
        source="CVPR Table 3",
        stage_channels={1: 64, 2: 128, 3: 256, 4: 512, 5: 1024},
    ),
    ModelInfo(
        name="shufflenet_v1_g3",
        family="shufflenet",
        description="ShuffleNet v1 1x with 3 groups",
        source="CVPR Table 3",
        stage_channels={2: 240, 3: 480, 4: 960},
        positions=_RESIDUAL,
    ),
    _cifar("cifar_resnet20", "Pre-activation ResNet-20, basic blocks", (16, 32, 64), source="no figures"),
    _cifar("cifar_resnet110", "Pre-activation ResNet-110, basic blocks", (16, 32, 64)),
    _cifar("cifar_resnet164", "Pre-activation ResNet-164, bottlenecks", (64, 128, 256), (16, 32, 64)),
    _cifar("cifar_wrn16_8", "Wide ResNet 16-8", (128, 256, 512)),
    _cifar("cifar_wrn28_10", "Wide ResNet 28-10", (160, 320, 640)),
    ModelInfo(
        name="cifar_shakeshake26_2x96d",
        family="shakeshake",
        description="Shake-Shake 26 2x96d: attention on each of the two branches",
        source="TPAMI Table 4",
        image_size=32,
        min_image_size=8,
        num_classes=10,
        stage_channels={2: 96, 3: 192, 4: 384},
    ),
    _faster_rcnn(50),
    _faster_rcnn(101),
)

MODELS: dict[str, ModelInfo] = {info.name: info for info in _ALL}
"""Every native network by name, in the order of the paper's tables.

A new one is an entry here and a factory in the module of its family.
"""
