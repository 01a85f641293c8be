"""torchinfo.summary: forward hooks; "mult-adds" are the parameters of a layer times some of its output sizes.

See ``LayerInfo.calculate_macs``: weights and biases count once per output position of a convolution, and once
per batch entry of every other layer, whatever lies between (sequence positions, for instance). Parameters
whose names only contain "weight" or "bias" (those of an LSTM) count once per entry of the two leading sizes.
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
    named = {name: tensor.numel() for name, tensor in call.module.named_parameters()}
    plain = sum(named.pop(name, 0) for name in ("weight", "bias"))
    # "weight_ih_l0" of an LSTM, "weight_v" of an old weight_norm: times the two leading sizes
    inner = sum(numel for name, numel in named.items() if "weight" in name or "bias" in name)
    if not plain + inner:
        return None
    shape = call.output_shape
    if inner:
        return plain * _positions(call) + inner * prod(
            shape[:2]
        ), "parameters by other names x batch x length"
    if "Conv" in call.kind:
        return plain * _positions(call), "convolution: weights and biases x output positions"
    return plain * _positions(call), "other layers: parameters, biases included, x batch"


def _positions(call: ModuleCall) -> int:
    shape = call.output_shape
    return prod((*shape[:1], *shape[2:])) if "Conv" in call.kind else shape[0]
