# ruff: noqa: D102 - methods and functions are those of torchvision, on shapes
"""What torchvision's detector is made of, on shapes: modules and functions by torchvision's names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from sebench.shapes import tensors as ops
from sebench.shapes.layers import Conv2d, Linear, Module, ReLU, Sequential, max_pool2d
from sebench.shapes.tensors import Tensor, ran, require


class LastLevelMaxPool(Module):
    """Every other pixel of a level."""

    def forward(self, level: Tensor) -> Tensor:
        return max_pool2d(level, 1, 2, 0)


class FeaturePyramidNetwork(Module):
    """A level for each map, finest first, and one more."""

    def __init__(
        self, in_channels: Sequence[int], out_channels: int, *, extra_blocks: LastLevelMaxPool
    ) -> None:
        super().__init__()
        self.inner_blocks = Sequential(*(Sequential(Conv2d(each, out_channels, 1)) for each in in_channels))
        layers = (Sequential(Conv2d(out_channels, out_channels, 3, padding=1)) for _ in in_channels)
        self.layer_blocks = Sequential(*layers)
        self.extra_blocks = extra_blocks

    def forward(self, maps: Mapping[str, Tensor]) -> OrderedDict[str, Tensor]:
        inner = list(self.inner_blocks.children())
        outer = list(self.layer_blocks.children())
        named = list(maps.items())
        last = inner[-1](named[-1][1])
        levels = OrderedDict([(named[-1][0], outer[-1](last))])
        for (name, each), lateral, layer in reversed(list(zip(named[:-1], inner, outer, strict=False))):
            across = lateral(each)
            grid = list(across.shape[-2:])
            last = across + ran(ops.UPSAMPLE, (last, grid), Tensor((*last.shape[:2], *grid), last.dtype))
            levels[name] = layer(last)
            levels.move_to_end(name, last=False)
        levels["pool"] = self.extra_blocks(levels[named[-1][0]])
        return levels


class RPNHead(Module):
    """Scores and offsets of each level's anchors."""

    def __init__(self, in_channels: int, num_anchors: int) -> None:
        super().__init__()
        conv = Sequential(Conv2d(in_channels, in_channels, 3, padding=1), ReLU(inplace=True))
        self.conv = Sequential(conv)
        self.cls_logits = Conv2d(in_channels, num_anchors, 1)
        self.bbox_pred = Conv2d(in_channels, 4 * num_anchors, 1)

    def forward(self, levels: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        scores, offsets = [], []
        for level in levels:
            x = self.conv(level)
            scores.append(self.cls_logits(x))
            offsets.append(self.bbox_pred(x))
        return scores, offsets


class TwoMLPHead(Module):
    """Two FC layers with ReLU."""

    def __init__(self, in_channels: int, size: int) -> None:
        super().__init__()
        self.fc6, self.fc7 = Linear(in_channels, size), Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.fc6, self.fc7):
            y = layer(x.flatten(1))
            x = ran(ops.ELEMENTWISE["relu"], (y,), Tensor(y.shape, y.dtype))
        return x


class FastRCNNPredictor(Module):
    """Class scores and box offsets."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.cls_score = Linear(in_channels, num_classes)
        self.bbox_pred = Linear(in_channels, 4 * num_classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.flatten(1)
        return self.cls_score(x), self.bbox_pred(x)


def roi_align(
    x: Tensor, boxes: Tensor, output_size: int, spatial_scale: float, sampling_ratio: int
) -> Tensor:
    """Regions of a map: ``(boxes, channels, size, size)``."""
    require(x.dtype == boxes.dtype, "roi_align")
    said = (spatial_scale, output_size, output_size, sampling_ratio, False)
    result = Tensor((boxes.shape[0], x.shape[1], output_size, output_size), x.dtype)
    return ran(ops.ROI_ALIGN, (x, boxes, *said), result)


PARTS: tuple[Any, ...] = (
    FastRCNNPredictor,
    FeaturePyramidNetwork,
    LastLevelMaxPool,
    RPNHead,
    TwoMLPHead,
    roi_align,
)
"""By the names that they have in torchvision."""
