"""The interface of another counter: its name, how to run it, and which differences its rules predict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import nn

from sebench.counters.adapters.observation import Observation
from sebench.schema import Attribution, Phase


class Tool(Protocol):
    """Another counter."""

    name: str
    """As in tables, e.g. ``torch FlopCounterMode / 2``."""
    distribution: str
    """What to install."""
    phases: tuple[Phase, ...]

    def count(self, model: nn.Module, batch: torch.Tensor, phase: Phase) -> int:
        """What the tool counts, as MACs; raises ImportError where it is not installed.

        Args:
            model: a copy of the network that the tool may alter.
            batch: one input batch.
            phase: one of `phases`.
        """

    def differences(self, seen: Observation) -> Iterator[Attribution]:
        """What the tool's documented or published rules make it count other than MACs, and what they miss.

        Predicted from what was observed, never from the tool's own answer: the part of the answer that no
        rule predicts has to remain visible.
        """
