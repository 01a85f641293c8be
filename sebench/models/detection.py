"""Faster R-CNN with a feature pyramid on ResNet-50/101: torchvision's detector with sebench's backbones.

Neck, region proposal head and box head are torchvision's own modules (`torchvision.models.detection`). The
backbone is the paper's ResNet v1 with its attention slots; ``stride_in="3x3"`` gives torchvision's. What
depends on the content of an image is fixed, so that the network can be counted and timed: the proposals are a
thousand boxes spread over the image, as many as torchvision keeps at test time. Left out are the choice of
proposals (decoding and suppression of anchors) and of detections, which are no matter of the backbone.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import roi_align
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

from sebench.models.registry import StrideIn
from sebench.models.resnet import resnet50, resnet101
from sebench.models.slots import Slots

PROPOSALS = 1000
"""Per image: ``rpn_post_nms_top_n_test`` of torchvision."""
PYRAMID_CHANNELS = 256
ANCHORS = 3
"""Aspect ratios per location: 1/2, 1 and 2."""
ROI_SIZE = 7
SAMPLING_RATIO = 2
DIVISOR = 32
"""torchvision pads a batch of images to a multiple of this."""
_STAGES = ("stage2", "stage3", "stage4", "stage5")
_STRIDES = (4, 8, 16, 32)
_BACKBONE_CHANNELS = [256, 512, 1024, 2048]


class BoxHead(nn.Module):
    """Two FC layers, then the class scores and box offsets of each proposal."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.features = TwoMLPHead(PYRAMID_CHANNELS * ROI_SIZE**2, 1024)
        self.predictor = FastRCNNPredictor(1024, num_classes)

    def forward(self, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Map (R, 256, 7, 7) to class scores (R, classes) and offsets (R, 4 x classes)."""
        scores: tuple[Tensor, Tensor] = self.predictor(self.features(regions))
        return scores


class RegionPooling(nn.Module):
    """RoIAlign of fixed boxes, shared evenly among the four levels that torchvision pools from."""

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Map four levels (N, 256, H, W) to the regions of all images, (1000 N, 256, 7, 7)."""
        share = PROPOSALS // len(levels)
        regions = [
            roi_align(
                level,
                self._boxes(level, share, stride),
                ROI_SIZE,
                spatial_scale=1 / stride,
                sampling_ratio=SAMPLING_RATIO,
            )
            for level, stride in zip(levels, _STRIDES, strict=True)
        ]
        return torch.cat(regions)

    def _boxes(self, level: Tensor, count: int, stride: int) -> Tensor:
        """`count` boxes per image as (N x count, 5): image, x1, y1, x2, y2, along the image's diagonal."""
        images, _, height, width = level.shape
        side = ROI_SIZE * SAMPLING_RATIO * stride
        place = torch.linspace(0, 1, count, device=level.device).repeat(images)
        index = torch.arange(images, device=level.device).repeat_interleave(count, output_size=images * count)
        x = place * (width * stride - side)
        y = place * (height * stride - side)
        return torch.stack((index.to(level.dtype), x, y, x + side, y + side), dim=1).to(level.dtype)


class FasterRCNN(nn.Module):
    """Backbone, pyramid, proposal head and box head, run on one batch of images."""

    def __init__(self, backbone: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.stem = backbone.get_submodule("stem")
        for stage in _STAGES:
            self.add_module(stage, backbone.get_submodule(stage))
        self.neck = FeaturePyramidNetwork(
            _BACKBONE_CHANNELS, PYRAMID_CHANNELS, extra_blocks=LastLevelMaxPool()
        )
        self.rpn = RPNHead(PYRAMID_CHANNELS, ANCHORS)
        self.pooling = RegionPooling()
        self.boxes = BoxHead(num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map (N, 3, H, W) to class scores and offsets of the boxes, then those of each level's anchors."""
        x = self.stem(_padded(images))
        stages: OrderedDict[str, Tensor] = OrderedDict()
        for stage in _STAGES:
            x = stages[stage] = self.get_submodule(stage)(x)
        levels = list(self.neck(stages).values())
        objectness, deltas = self.rpn(levels)
        scores, offsets = self.boxes(self.pooling(levels[: len(_STAGES)]))
        return (scores, offsets, *objectness, *deltas)


def fasterrcnn_resnet50_fpn(slots: Slots, num_classes: int, stride_in: StrideIn) -> nn.Module:
    """Faster R-CNN on ResNet-50."""
    return FasterRCNN(resnet50(slots, 1, stride_in), num_classes)


def fasterrcnn_resnet101_fpn(slots: Slots, num_classes: int, stride_in: StrideIn) -> nn.Module:
    """Faster R-CNN on ResNet-101."""
    return FasterRCNN(resnet101(slots, 1, stride_in), num_classes)


def _padded(images: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    return functional.pad(images, (0, -width % DIVISOR, 0, -height % DIVISOR))
