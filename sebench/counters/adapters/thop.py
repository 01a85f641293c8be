"""thop.profile: forward hooks on modules of known classes (see its ``vision/calc_func.py``).

Only exact classes have a rule; a subclass, a functional call and the scale of SE are not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from math import prod

import torch
from torch import nn

from sebench.counters.adapters.modules import Price, module_differences
from sebench.counters.adapters.observation import ModuleCall, Observation
from sebench.schema import Attribution, Phase

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_NORMS = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.LayerNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)
_AVERAGES = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_ADAPTIVE = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
_UPSAMPLES = (nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d)
_CELLS = (nn.RNNCell, nn.GRUCell, nn.LSTMCell)
_LAYERS = (nn.RNN, nn.GRU, nn.LSTM)
_RECURRENT = "recurrent: products, biases, activations and gates"
_UPSAMPLE_COSTS = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}


class Thop:
    """`thop.profile`."""

    name = "thop"
    distribution = "thop"
    phases: tuple[Phase, ...] = ("inference",)

    def count(self, model: nn.Module, batch: torch.Tensor, phase: Phase) -> int:
        """Runs the network once in evaluation mode."""
        from thop import profile  # noqa: PLC0415 - optional at run time

        return int(profile(model, inputs=(batch,), verbose=False)[0])

    def differences(self, seen: Observation) -> Iterator[Attribution]:
        """Normalisation and average pooling are priced; functional calls are not seen."""
        yield from module_differences(seen, _price, per_occurrence=True)


def _price(call: ModuleCall) -> Price | None:
    rule = _RULES.get(type(call.module))
    return None if rule is None else (rule[0](call), rule[1])


def _linear(call: ModuleCall) -> int:
    return call.input_shape[-1] * prod(call.output_shape)


def _norm(call: ModuleCall) -> int:
    affine = getattr(call.module, "affine", False) or getattr(call.module, "elementwise_affine", False)
    return (4 if affine else 2) * prod(call.input_shape)


def _softmax(call: ModuleCall) -> int:
    features = call.input_shape[call.module.dim]  # type: ignore[index]
    return prod(call.input_shape) // features * (3 * features - 1)


def _upsample(call: ModuleCall) -> int:
    return _UPSAMPLE_COSTS.get(str(call.module.mode), 0) * prod(call.output_shape)


def _convolution(call: ModuleCall) -> int:
    weight: torch.Tensor = call.module.weight  # type: ignore[assignment]  # no parameter where it is derived
    per_output = call.input_shape[1] // int(call.module.groups) * prod(weight.shape[2:])  # type: ignore[arg-type]
    return prod(call.output_shape) * per_output


def _adaptive(call: ModuleCall) -> int:
    kernel = Fraction(prod(call.input_shape[2:]), prod(call.output_shape[2:]))
    return int((kernel + 1) * prod(call.output_shape))


def _cell(kind: str, inputs: int, hidden: int, *, bias: bool) -> int:
    """Operations of one step for one batch entry: per gate the products, an activation and two biases."""
    gates, rest = {"RNN": (1, 0), "GRU": (3, 4), "LSTM": (4, 4)}[kind]
    return gates * (hidden * (inputs + hidden) + hidden + 2 * hidden * bias) + rest * hidden


def _recurrent_cell(call: ModuleCall) -> int:
    cell: nn.RNNCellBase = call.module  # type: ignore[assignment]
    kind = call.kind.removesuffix("Cell")
    return call.input_shape[0] * _cell(kind, cell.input_size, cell.hidden_size, bias=cell.bias)


def _recurrent(call: ModuleCall) -> int:
    """Batch x length x the cells of all layers; two leading sizes are taken for these, whatever they are."""
    layer: nn.RNNBase = call.module  # type: ignore[assignment]
    directions, hidden = 1 + layer.bidirectional, layer.hidden_size
    cells = _cell(call.kind, layer.input_size, hidden, bias=layer.bias)
    cells += (layer.num_layers - 1) * _cell(call.kind, directions * hidden, hidden, bias=layer.bias)
    return directions * cells * prod(call.input_shape[:2])


_Rule = tuple[Callable[[ModuleCall], int], str]
_RULES: Mapping[type[nn.Module], _Rule] = {
    **dict.fromkeys(_CONVOLUTIONS, (_convolution, "convolution")),
    **dict.fromkeys(_TRANSPOSED, (_convolution, "transposed convolution: by output positions")),
    nn.Linear: (_linear, "linear"),
    **dict.fromkeys(_NORMS, (_norm, "normalisation: 4 per element, 2 without scale and shift")),
    **dict.fromkeys(_CELLS, (_recurrent_cell, _RECURRENT)),
    **dict.fromkeys(_LAYERS, (_recurrent, _RECURRENT)),
    nn.PReLU: (lambda call: prod(call.input_shape), "PReLU: 1 per element"),
    nn.Softmax: (_softmax, "softmax: 3 per element, less 1 per row"),
    **dict.fromkeys(_AVERAGES, (lambda call: prod(call.output_shape), "average pooling: 1 per output")),
    **dict.fromkeys(_ADAPTIVE, (_adaptive, "adaptive average pooling: 1 per input and output element")),
    **dict.fromkeys(_UPSAMPLES, (_upsample, "upsampling: 1 (nearest) to 259 (bicubic) per output")),
}
