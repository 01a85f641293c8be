"""A small residual network with SE in each block, whose parts tests replace."""

from __future__ import annotations

import torch
from torch import nn


class SE(nn.Module):
    def __init__(self, channels, hidden, gate):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        self.gate = gate

    def forward(self, x):
        return x * self.gate(self.fc2(torch.relu(self.fc1(x.mean((2, 3))))))[:, :, None, None]


class Block(nn.Module):
    def __init__(self, channels, middle, *, gate, last=1, norm=True):
        super().__init__()
        self.reduce = nn.Conv2d(channels, middle, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(middle)
        self.expand = nn.Conv2d(middle, channels, last, padding=last // 2, bias=not norm)
        self.norm2 = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.se = SE(channels, 16, gate)

    def forward(self, x):
        y = self.norm1(self.reduce(x)).relu_()
        y = self.se(self.norm2(self.expand(y)))
        return self.joined(x, y)

    def joined(self, x, y):
        y += x
        return y.relu_()


class Network(nn.Module):
    """Takes (N, 3, S, S), returns (N, 5)."""

    def __init__(self, block=Block, *, gate=None, **options):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, padding=1)
        gate = nn.Sigmoid() if gate is None else gate
        self.blocks = nn.Sequential(*(block(32, 16, gate=gate, **options) for _ in range(2)))
        self.head = nn.Linear(32, 5)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def network():
    return Network()
