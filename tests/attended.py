"""A user's file with one network in several hands: a gate as a module, inline, and without one."""

NETS = """
import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, 2, 1), nn.Conv2d(2, channels, 1)

    def forward(self, x):
        return x * self.up(self.down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class Net(nn.Module):
    def __init__(self, gate=None, inline=False):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.first, self.second = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm, self.relu = nn.BatchNorm2d(8), nn.ReLU()
        self.gate, self.inline = gate, inline
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x)
        y = self.norm(self.second(self.relu(self.first(x))))
        if self.inline:
            y = y * self.gate.up(self.gate.down(y.mean((2, 3), keepdim=True)).relu()).sigmoid()
        elif self.gate is not None:
            y = self.gate(y)
        return self.head(self.relu(x + y).mean((2, 3)))


def gated():
    return Net(Gate(8))


def inline():
    return Net(Gate(8), inline=True)


def plain():
    return Net()


class Functional(Net):
    # Its branch ends in a function.
    def forward(self, x):
        x = self.stem(x)
        y = torch.tanh(self.norm(self.second(self.relu(self.first(x)))))
        return {"logits": self.head(self.relu(x + y).mean((2, 3)))}


def functional():
    return Functional()


class Block(nn.Module):
    # Its branch ends in a function, or before one.
    def __init__(self, inputs, function):
        super().__init__()
        self.first, self.second = nn.Conv2d(inputs, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm, self.short, self.function = nn.BatchNorm2d(8), nn.Conv2d(inputs, 8, 1), function

    def forward(self, x):
        y = self.norm(self.second(torch.relu(self.first(x))))
        return torch.relu(self.short(x) + (torch.tanh(y) if self.function else y))


def both():
    return nn.Sequential(Block(3, True), nn.MaxPool2d(2), Block(8, False))


class Aware(Functional):
    # Does something else where it is captured.
    def forward(self, x):
        return super().forward(2 * x if torch.compiler.is_compiling() else x)


def aware():
    return Aware()


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4))
"""
SHAPE = (1, 3, 16, 16)
# The gate's two 1x1 convolutions with biases: 8 x 2 + 2 and 2 x 8 + 8 parameters, 8 x 2 + 2 x 8 MACs.
GATE_PARAMS, GATE_MACS = 18 + 24, 32
# SE with r=16 hides max(1, 8 // 16) = 1: 8 + 1 and 8 + 8 parameters, 8 + 8 MACs.
SE_PARAMS, SE_MACS = 25, 16
