"""ptflops with its aten backend: formulas for products and convolutions, biases included."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from sebench.counters.adapters.observation import Observation
from sebench.schema import Attribution, OpCost, Phase

_PRICED = frozenset(("aten.mm", "aten.addmm", "aten.bmm", "aten.convolution", "aten._convolution"))
_BIASED = frozenset(("aten.addmm", "aten.convolution", "aten._convolution"))


class Ptflops:
    """`get_model_complexity_info` with ``backend="aten"``."""

    name = "ptflops"
    distribution = "ptflops"
    phases: tuple[Phase, ...] = ("inference",)

    def count(self, model: nn.Module, batch: torch.Tensor, phase: Phase) -> int:
        """Runs the network once in evaluation mode."""
        from ptflops import get_model_complexity_info  # noqa: PLC0415 - optional

        with torch.no_grad():
            macs, _ = get_model_complexity_info(
                model,
                tuple(batch.shape),
                as_strings=False,
                print_per_layer_stat=False,
                backend="aten",
                input_constructor=lambda _: batch,
            )
        if macs is None:  # it prints its errors and goes on
            raise RuntimeError("ptflops did not finish")
        return int(macs)

    def differences(self, seen: Observation) -> Iterator[Attribution]:
        """Bias adds count as MACs; other products are not seen."""
        for op in seen.forward_ops:
            if op.op in _BIASED and _bias_adds(op):
                yield Attribution(op=op.op, macs=_bias_adds(op), why="bias: 1 per output element")
            elif op.macs and op.op not in _PRICED:
                yield Attribution(op=op.op, macs=-op.macs, why="ptflops has no formula for it")


def _bias_adds(op: OpCost) -> int:
    # Our FLOPs are 2 x MACs, and one per output element of a biased op.
    return op.flops - 2 * op.macs
