"""ptflops with its aten backend: formulas for products and convolutions, biases included.

It prices ops as the dispatcher hands them over: under ``inference_mode`` whole layers, which it skips.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import torch
from torch import nn

from sebench.counters.adapters.observation import Observation, OpCall
from sebench.schema import Attribution, Phase

_PRODUCTS = frozenset(("aten.mm", "aten.bmm"))
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
        """Bias adds count as MACs; other products are not seen, and composites not taken apart."""
        for call in seen.op_calls:
            if call.op in _BIASED:
                yield Attribution(op=call.op, macs=_bias_adds(call), why="bias: 1 per output element")
            elif call.op == "aten.matmul":
                yield Attribution(op=call.op, macs=_matmul(call) - call.macs, why=_WHOLE_MATMUL)
            elif call.op not in _PRODUCTS:
                yield Attribution(op=call.op, macs=-call.macs, why="ptflops has no formula for it")


_WHOLE_MATMUL = "matmul: the first factor's elements x columns of the second, broadcasting left out"


def _matmul(call: OpCall) -> int:
    first, second = call.shapes
    return prod(first) * second[-1]


def _bias_adds(call: OpCall) -> int:
    # Our FLOPs are 2 x MACs, and one per output element of a biased op.
    return call.flops - 2 * call.macs
