"""torchinfo.summary: forward hooks; "mult-adds" are the parameters of a layer times some of its output sizes.

See ``LayerInfo.calculate_macs``: weights and biases count once per output position of a convolution, and once
per batch entry of every other layer, whatever lies between (sequence positions, for instance).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import torch
from torch import nn

from sebench.counters.adapters.modules import Price, module_differences
from sebench.counters.adapters.observation import ModuleCall, Observation
from sebench.schema import Attribution, Phase


class Torchinfo:
    """`summary(...).total_mult_adds`."""

    name = "torchinfo"
    distribution = "torchinfo"
    phases: tuple[Phase, ...] = ("inference",)

    def count(self, model: nn.Module, batch: torch.Tensor, phase: Phase) -> int:
        """Runs the network once in evaluation mode."""
        from torchinfo import summary  # noqa: PLC0415 - optional

        report = summary(model, input_data=[batch], verbose=0, device=batch.device, mode="eval")
        return int(report.total_mult_adds)

    def differences(self, seen: Observation) -> Iterator[Attribution]:
        """Biases and normalisation count; functional calls are not seen."""
        yield from module_differences(seen, _price)


def _price(call: ModuleCall) -> Price | None:
    if next(call.module.children(), None) is not None:
        return None
    named = dict(call.module.named_parameters())
    elements = sum(named[name].numel() for name in ("weight", "bias") if name in named)
    if not elements:
        return None
    shape = call.output_shape
    if "Conv" in call.kind:
        return elements * prod((*shape[:1], *shape[2:])), "convolution: weights and biases x output positions"
    return elements * shape[0], "other layers: parameters, biases included, x batch"
