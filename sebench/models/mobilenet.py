"""MobileNet v1 1.0-224 (Howard et al. 2017)."""

from __future__ import annotations

from torch import nn

from sebench.models.layers import ConvNormAct, classifier, sequence
from sebench.models.slots import Attended, Slots

_STAGES = ((64,), (128, 128), (256, 256), (512,) * 6, (1024, 1024))
"""Output channels of the separable convolutions, stages 1..5; all but the first stage open with stride 2."""


def mobilenet_v1(slots: Slots, num_classes: int) -> nn.Module:
    """13 depthwise separable convolutions; attention follows each pointwise convolution's ReLU."""
    parts: dict[str, nn.Module] = {"stem": ConvNormAct(3, 32, 3, stride=2)}
    in_channels = 32
    for stage, widths in enumerate(_STAGES, start=1):
        blocks: list[nn.Module] = []
        for block, channels in enumerate(widths):
            stride = 2 if stage > 1 and not block else 1
            body = sequence(
                depthwise=ConvNormAct(in_channels, in_channels, 3, stride=stride, groups=in_channels),
                pointwise=ConvNormAct(in_channels, channels),
            )
            blocks.append(Attended(body, channels, slots, stage))
            in_channels = channels
        parts[f"stage{stage}"] = nn.Sequential(*blocks)
    return sequence(**parts, head=classifier(in_channels, num_classes))
