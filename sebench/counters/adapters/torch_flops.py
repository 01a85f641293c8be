"""torch.utils.flop_counter.FlopCounterMode: formulas for matrix products, convolutions and fused attention.

It counts a multiply-add as two, hence the half.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from sebench.counters.adapters.observation import Observation
from sebench.counters.work import is_composite, tensors
from sebench.schema import Attribution, Phase


class TorchFlops:
    """Half of `FlopCounterMode.get_total_flops`."""

    name = "torch"
    distribution = "torch"
    phases: tuple[Phase, ...] = ("inference", "training")

    def count(self, model: nn.Module, batch: torch.Tensor, phase: Phase) -> int:
        """Forward, and in training the backward from a dense gradient of every output.

        Without gradients the counter stumbles over a parameter that is handed to a module as an argument.
        """
        training = phase == "training"
        model.train(training)
        if not training:
            model.requires_grad_(requires_grad=False)
        with torch.set_grad_enabled(training), FlopCounterMode(display=False) as counter:
            outputs = [tensor for tensor in tensors(model(batch)) if tensor.requires_grad]
            if training and outputs:
                torch.autograd.backward(outputs, [torch.empty_like(output) for output in outputs])
        return int(counter.get_total_flops()) // 2

    def differences(self, seen: Observation) -> Iterator[Attribution]:
        """Ops without a formula; grouped weight gradients, which old releases count once per group."""
        for op in seen.cost.ops:
            if op.macs and not _is_counted(op.op):
                yield Attribution(op=op.op, macs=-op.macs, why="FlopCounterMode has no formula for it")
            elif op.op == _CPU_ATTENTION_BACKWARD:
                yield Attribution(op=op.op, macs=-op.macs // 5, why=_KEPT_SCORES)
        if seen.cost.phase == "training" and _counts_groups_repeatedly():
            yield from _grouped_weight_gradients(seen)


_CPU_ATTENTION_BACKWARD = "aten._scaled_dot_product_flash_attention_for_cpu_backward"
_KEPT_SCORES = "without data, torch runs attention as products that keep the scores: 4 in the backward, not 5"


def _is_counted(op: str) -> bool:
    """Whether there is a formula, or the op is made of others, which FlopCounterMode then looks at."""
    packet = getattr(torch.ops.aten, op.removeprefix("aten."), None)
    if packet is None:
        return False
    return packet in flop_registry or any(
        is_composite(getattr(packet, overload)) for overload in packet.overloads()
    )


def _grouped_weight_gradients(seen: Observation) -> Iterator[Attribution]:
    forward = seen.macs_by_module()
    for call in {call.path: call for call in seen.module_calls}.values():
        groups = getattr(call.module, "groups", 1)
        if groups > 1 and isinstance(call.module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            yield Attribution(
                op="aten.convolution_backward",
                macs=(groups - 1) * forward[call.path],
                why="this release of torch counts grouped weight gradients once per group",
            )


def _counts_groups_repeatedly() -> bool:
    """Ask the formula: the weight gradient of two groups of one channel, 1x1 on one pixel, is 2 MACs."""
    batch, weight, output = (1, 2, 1, 1), (2, 1, 1, 1), (1, 2, 1, 1)
    formula = flop_registry[torch.ops.aten.convolution_backward]
    tensors_ = [torch.empty(shape, device="meta") for shape in (output, batch, weight)]
    gradients = (None, torch.empty(weight, device="meta"), None)
    flops = formula(
        *tensors_, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 2, [False, True, False], out_val=gradients
    )
    return int(flops) > 2 * prod(output)
