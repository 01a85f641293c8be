"""A tiny gated network, what was recorded and found, and both ways to take its attention out."""

import copy
from dataclasses import dataclass
from functools import cache

import pytest
import torch
from torch import nn

from sebench import counters
from sebench.counters.recording import Recording
from sebench.inputs import Inputs
from sebench.surgery.capture import capture
from sebench.surgery.gates import FoundGate, find_gates
from sebench.surgery.removal import replacements, take_out
from tests import gated

SHAPE = (1, 3, 8, 8)


@dataclass(frozen=True)
class Found:
    network: nn.Module
    recording: Recording
    gates: tuple[FoundGate, ...]

    def by_module(self):
        return take_out(copy.deepcopy(self.network), replacements(self.recording, self.gates))


def found_in(network):
    recording = counters.record(network, SHAPE)
    return Found(network, recording, find_gates(recording))


@pytest.fixture(scope="session")
def found():
    return cache(lambda name: found_in(gated.build(name)))


@pytest.fixture(scope="session")
def captured(found):
    return cache(lambda name: capture(found(name).network, Inputs((torch.zeros(SHAPE),))))
