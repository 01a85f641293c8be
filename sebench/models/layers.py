"""The few layers that the families share. Image tensors are (N, C, H, W)."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn


class ConvNormAct(nn.Sequential):
    """Convolution, batch normalisation and, unless `relu` is off, ReLU."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int] = 1,
        *,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
        bias: bool = False,
        relu: bool = True,
    ) -> None:
        """`padding` None keeps the grid of an unstrided convolution with odd kernel."""
        conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=_same_padding(kernel_size) if padding is None else padding,
            groups=groups,
            bias=bias,
        )
        parts: OrderedDict[str, nn.Module] = OrderedDict(conv=conv, bn=nn.BatchNorm2d(out_channels))
        if relu:
            parts["relu"] = nn.ReLU(inplace=True)
        super().__init__(parts)


class Concat(nn.Module):
    """Named branches over one input, concatenated along the channels in the order given."""

    def __init__(self, **branches: nn.Module) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, sum of the branches' channels, H', W')."""
        return torch.cat([branch(x) for branch in self.children()], dim=1)


class FixedGrid(nn.Module):
    """Average-pools to the grid that fully connected layers were made for, where it is not that already.

    At its native size a network has no such op, so none is run there.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, size, size)."""
        if x.shape[-2:] == (self.size, self.size):
            return x
        return nn.functional.adaptive_avg_pool2d(x, self.size)


def sequence(**modules: nn.Module) -> nn.Sequential:
    """Named modules, one after the other."""
    return nn.Sequential(OrderedDict(modules))


def classifier(channels: int, num_classes: int, *, dropout: float = 0.0) -> nn.Sequential:
    """Global average pooling and one fully connected layer: (N, C, H, W) to (N, num_classes)."""
    parts: dict[str, nn.Module] = {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
    if dropout:
        parts["dropout"] = nn.Dropout(dropout)
    return sequence(**parts, fc=nn.Linear(channels, num_classes))


def dense_classifier(channels: int, grid: int, num_classes: int, *, dropout_first: bool) -> nn.Sequential:
    """The three fully connected layers of AlexNet and VGG, hidden width 4096, dropout 0.5.

    Dropout precedes a hidden layer (AlexNet) or follows its ReLU (VGG).
    """
    parts: dict[str, nn.Module] = {"grid": FixedGrid(grid), "flatten": nn.Flatten()}
    width = channels * grid * grid
    for index in (1, 2):
        if dropout_first:
            parts[f"dropout{index}"] = nn.Dropout(0.5)
        parts[f"fc{index}"] = nn.Linear(width, 4096)
        parts[f"relu{index}"] = nn.ReLU(inplace=True)
        if not dropout_first:
            parts[f"dropout{index}"] = nn.Dropout(0.5)
        width = 4096
    return sequence(**parts, fc3=nn.Linear(width, num_classes))


def _same_padding(kernel_size: int | tuple[int, int]) -> int | tuple[int, int]:
    if isinstance(kernel_size, int):
        return kernel_size // 2
    return kernel_size[0] // 2, kernel_size[1] // 2
