"""AlexNet in its one-tower form (Krizhevsky 2014): no groups, no local response normalisation."""

from __future__ import annotations

from torch import nn

from sebench.models.layers import dense_classifier, sequence
from sebench.models.slots import Attended, Slots


def alexnet(slots: Slots, num_classes: int) -> nn.Module:
    """Five convolutions; attention follows each one's ReLU, as in VGG."""

    def conv(
        in_channels: int, out: int, kernel: int, stage: int, *, stride: int = 1, padding: int
    ) -> nn.Module:
        body = sequence(
            conv=nn.Conv2d(in_channels, out, kernel, stride=stride, padding=padding),
            relu=nn.ReLU(inplace=True),
        )
        return Attended(body, out, slots, stage)

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2)

    return sequence(
        stage1=sequence(conv1=conv(3, 64, 11, 1, stride=4, padding=2), pool=pool()),
        stage2=sequence(conv2=conv(64, 192, 5, 2, padding=2), pool=pool()),
        stage3=sequence(
            conv3=conv(192, 384, 3, 3, padding=1),
            conv4=conv(384, 256, 3, 3, padding=1),
            conv5=conv(256, 256, 3, 3, padding=1),
            pool=pool(),
        ),
        head=dense_classifier(256, 6, num_classes, dropout_first=True),
    )
