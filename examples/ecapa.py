"""ECAPA-TDNN for speakers, with SE over time (speechbrain), for `sebench compare --model ecapa.py:net`."""

import torch
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
from torch import nn

FRAMES = 300  # three seconds
FILTERS = 80  # of the mel filter bank


def net() -> nn.Module:
    """The wide network of the paper (Desplanques, Thienpondt and Demuynck, Interspeech 2020)."""
    return ECAPA_TDNN(FILTERS, channels=[1024, 1024, 1024, 1024, 3072], lin_neurons=192)


def example_inputs(batch_size: int) -> torch.Tensor:
    """Filter banks: samples, frames, filters."""
    return torch.randn(batch_size, FRAMES, FILTERS)
