"""Gates that are constant, folded into weights: where that gives the same network, and why not elsewhere.

With constants s, a gate turns a feature map f into s f. Where f = BN(g), the weight and the bias of the
normalisation take s; where f is a convolution's, its filters and its bias do. Through ReLU that is exact for
s >= 0, as relu(s x) = s relu(x) then; through SiLU or Hardswish it never is. Otherwise the convolution that
follows takes s, in the weights of its input channels: padding with zeros does not see it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from sebench.counters.recording import Op, Recording
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.gates import FoundGate
from sebench.surgery.liveness import drop_of

_RELU = "relu"
_CHANNEL = 1
"""Dimension of the channels in a feature map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldPlace:
    """The module whose weights can take the values of a gate."""

    module: str
    """Its path."""
    ahead: bool
    """Whether it takes the product; otherwise it makes the feature map."""
    only_positive: bool
    """Whether there is a ReLU between, so that no value may be negative."""
    weights: tuple[str, ...]
    """Parameters that change; of a convolution ahead, those of its input channels."""


@dataclass(frozen=True, slots=True)
class NoPlace:
    """Why no weights can take the values of a gate."""

    reason: str


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes the channels of a feature map."""

    module: str
    norms: Tensor
    """Norm of the weights behind each channel (C), in float64."""


def fold_place(network: nn.Module, recording: Recording, gate: FoundGate) -> FoldPlace | NoPlace:
    """Where the values of a gate can go, were they constant.

    Args:
        network: the one that was recorded.
        recording: its forward pass.
        gate: one of its gates.
    """
    flow = Dataflow(recording)
    if not _is_per_channel(flow, gate):
        return NoPlace("it weighs branches, or positions, and not only channels")
    around = _Surroundings(flow, dict(network.named_modules()), drop_of(recording, [gate]).ops)
    behind, ahead = around.behind(gate), around.ahead(gate)
    places = [place for place in (behind, ahead) if isinstance(place, FoldPlace)]
    if places:
        return next((place for place in places if not place.only_positive), places[0])
    reasons = (place.reason for place in (behind, ahead) if isinstance(place, NoPlace))
    return NoPlace("; ".join(dict.fromkeys(reasons)))


def folded_state(network: nn.Module, constants: Collection[tuple[FoldPlace, Tensor]]) -> dict[str, Tensor]:
    """The state_dict of a network whose weights have taken the values of gates; the network stays as it is.

    Args:
        network: as it is.
        constants: for each gate its place, and its values (C) in float64.
    """
    state = {key: value.detach().clone() for key, value in network.state_dict().items()}
    modules = dict(network.named_modules())
    for place, values in constants:
        for name in place.weights:
            weight = state[name]
            scale = values.to(device=weight.device, dtype=torch.float64)
            if place.ahead:
                factor = _of_inputs(modules[place.module], scale, weight)
            else:
                factor = scale.reshape(-1, *[1] * (weight.dim() - 1))
            state[name] = (weight.to(torch.float64) * factor).to(weight.dtype)
    return state


def maker_of(network: nn.Module, recording: Recording, gate: FoundGate) -> Maker | None:
    """The convolution behind a feature map, with the norm of each of its filters.

    Where a batch norm follows it, each norm is times what that multiplies the channel by in evaluation mode,
    |weight| / sqrt(running variance + eps). Activations between it and the gate do not matter.
    """
    flow = Dataflow(recording)
    modules = dict(network.named_modules())
    scale: Tensor | None = None
    named: str | None = None
    value = gate.feature
    while True:
        op = flow.producer(value)
        if op is None or len(flow.activations(op)) != 1:
            return None
        module = modules.get(op.module)
        if "batch_norm" in op.name and isinstance(module, _BatchNorm) and scale is None:
            scale, named = _scale_of(module), op.module
        elif "convolution" in op.name:
            if not isinstance(module, _ConvNd) or isinstance(module, _ConvTransposeNd):
                return None
            norms = module.weight.detach().to(torch.float64).cpu().flatten(1).norm(dim=1)
            if scale is not None and scale.shape != norms.shape:
                return None
            return Maker(named or op.module, norms if scale is None else norms * scale)
        elif flow.value(value).shape != flow.value(flow.activations(op)[0]).shape or op.is_view:
            return None
        value = flow.activations(op)[0]


def _scale_of(module: _BatchNorm) -> Tensor | None:
    if module.running_var is None:
        return None
    scale = 1 / (module.running_var.detach().to(torch.float64).cpu() + module.eps).sqrt()
    return scale if module.weight is None else scale * module.weight.detach().to(torch.float64).cpu().abs()


def _is_per_channel(flow: Dataflow, gate: FoundGate) -> bool:
    """Whether it has one value per channel, in the dimension where convolutions have theirs."""
    full, small = flow.value(gate.feature).shape, flow.value(gate.values).shape
    small = (1,) * (len(full) - len(small)) + small
    return (
        gate.gate.kind == "channel"
        and gate.gate.branches == 1
        and small[_CHANNEL] == full[_CHANNEL] == math.prod(small[1:])
    )


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What lies around a gate that is taken out."""

    flow: Dataflow
    modules: Mapping[str, nn.Module]
    gone: Collection[int]
    """Ops that go with it."""

    def behind(self, gate: FoundGate) -> FoldPlace | NoPlace:
        value, only_positive, last = gate.feature, False, gate.product
        while True:
            if self._takers(value) - {last}:
                return NoPlace("something else takes the feature map as well")
            index = self.flow.value(value).producer
            if index is None:
                return NoPlace("the feature map is the network's input")
            op = self.flow.op(index)
            if op.plain_name == _RELU:
                value, only_positive, last = op.inputs[0], True, index
                continue
            weights = self._of_outputs(op)
            if isinstance(weights, NoPlace):
                return weights
            return FoldPlace(module=op.module, ahead=False, only_positive=only_positive, weights=weights)

    def ahead(self, gate: FoundGate) -> FoldPlace | NoPlace:
        index, only_positive = gate.product, False
        while True:
            outputs = self.flow.op(index).outputs
            takers = {taker for value in outputs for taker in self._takers(value)}
            if len(takers) != 1 or not self.flow.recording.outputs or self._is_returned(outputs):
                return NoPlace("what follows is not one layer alone")
            index = takers.pop()
            op = self.flow.op(index)
            if op.plain_name == _RELU:
                only_positive = True
                continue
            name = f"{op.module}.weight"
            module = self.modules.get(op.module)
            if "convolution" not in op.name or not self._is_convolution(module):
                return NoPlace(f"{op.plain_name} follows")
            if not self._are_own(op, (name,)):
                return NoPlace(f"the weights of {op.module} are used elsewhere, or made of others")
            return FoldPlace(module=op.module, ahead=True, only_positive=only_positive, weights=(name,))

    def _of_outputs(self, op: Op) -> tuple[str, ...] | NoPlace:
        """Parameters that scale what a layer returns; why there are none."""
        module = self.modules.get(op.module)
        if "batch_norm" in op.name and isinstance(module, _BatchNorm):
            if not module.affine:
                return NoPlace(f"{op.module} has no weight and bias")
        elif "convolution" not in op.name or not self._is_convolution(module):
            return NoPlace(f"{op.plain_name} makes the feature map")
        has_bias = getattr(module, "bias", None) is not None
        names = tuple(f"{op.module}.{name}" for name in ("weight", *(["bias"] if has_bias else [])))
        if not self._are_own(op, names):
            return NoPlace(f"the weights of {op.module} are used elsewhere, or made of others")
        return names

    def _is_convolution(self, module: nn.Module | None) -> bool:
        return isinstance(module, _ConvNd) and not isinstance(module, _ConvTransposeNd)

    def _are_own(self, op: Op, names: Collection[str]) -> bool:
        """Whether an op is given these parameters, and no other is."""
        given = {self.flow.value(value).name: value for value in op.inputs}
        return all(
            name in given and sum(given[name] in other.inputs for other in self.flow.recording.ops) == 1
            for name in names
        )

    def _takers(self, value: int) -> set[int]:
        """Ops that stay and take a value, or a view of it."""
        return set(self._all_takers(value)) - set(self.gone)

    def _all_takers(self, value: int) -> Iterator[int]:
        for index, op in enumerate(self.flow.recording.ops):
            if value in op.inputs:
                yield index
        if value in self.flow.recording.outputs:
            yield -1

    def _is_returned(self, values: Collection[int]) -> bool:
        return not set(values).isdisjoint(self.flow.recording.outputs)


def _of_inputs(module: nn.Module, scale: Tensor, weight: Tensor) -> Tensor:
    """What each weight of a convolution is multiplied by, given a factor for each of its input channels."""
    groups = int(getattr(module, "groups", 1))
    by_group = scale.reshape(groups, 1, -1).expand(groups, weight.shape[0] // groups, -1)
    return by_group.reshape(weight.shape[0], weight.shape[1], *[1] * (weight.dim() - 2))
