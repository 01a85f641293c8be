"""Networks whose answers are known: tests copy this file."""

import time

import torch
from torch import nn


class Net(nn.Module):
    """Scores of 6 classes: how near the mean of the first channel, in 255ths, is to 10 times the class."""

    def __init__(self, shift=0.0, outputs=6):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(shift))
        self.outputs = outputs

    def forward(self, images):
        level = images[:, 0].mean(dim=(1, 2)) * 255 + self.shift
        return -(level[:, None] - 10 * torch.arange(float(self.outputs))).abs()


def net():
    return Net()


def shifted():
    """Always answers one class too high, and so is right for the last class alone."""
    return Net(10.0)


def wide():
    return Net(outputs=10)


def broken():
    return Net(float("nan"))


def maps():
    return nn.Conv2d(3, 6, 1)


class Constant(nn.Module):
    def forward(self, images):
        return torch.zeros(len(images), 6)


def constant():
    return Constant()


class Stuck(Net):
    """Answers the first batch, and then no more for a minute."""

    def forward(self, images):
        if getattr(self, "seen", False):
            time.sleep(60)
        self.seen = True
        return super().forward(images)


def stuck():
    return Stuck()
