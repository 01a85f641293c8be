"""Gates that keep no feature map for the backward pass: it is worked out again from what batch norm keeps.

A product of a feature map b and a gate s keeps b, because the gradient of s needs it:
ds = sum over the positions of (do * b). Behind batch norm b is known all the same, as

    b = w (y - mean) / std + bias,

of which batch norm keeps y, mean and 1 / std for itself. So

    ds = w (sum(do * y) - mean sum(do)) / std + bias sum(do)

takes two reductions, and b need neither be kept nor written again. Where the squeeze is a mean, both parts of
the gradient of b are added up in one pass: db = do * s + dz / positions. The general idea: Chen et al.,
"Training Deep Nets with Sublinear Memory Cost", 2016.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from sebench.counters.recording import Recording
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.gates import find_gates

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_PRODUCTS = frozenset({torch.mul, torch.Tensor.mul, torch.Tensor.__mul__, torch.Tensor.__rmul__})
_MEANS = frozenset({torch.mean, torch.Tensor.mean})
_POOLINGS = frozenset(
    {functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d, functional.adaptive_avg_pool3d}
)
_NOTE = "normalised"
"""Attribute of a batch norm's output: a `Normalised`."""


def recompute(network: nn.Module, recording: Recording) -> tuple[str, ...]:
    """Let the gates of a network keep no feature map for the backward pass, in place.

    That is possible where a module is exactly a gate and its feature map comes right from batch norm. In
    training, its module and that batch norm then run other code with the same weights under the same names;
    in evaluation mode nothing changes.

    Args:
        network: The one; it runs in eager mode.
        recording: A forward pass of it.

    Returns:
        The modules that are gates and were changed; empty where there is none that could be.
    """
    flow = Dataflow(recording)
    modules = dict(network.named_modules())
    changed: dict[str, None] = {}
    for gate in find_gates(recording):
        producer = flow.producer(gate.feature)
        norm = None if producer is None else modules.get(producer.module)
        is_product = flow.op(gate.product).name == "mul"
        if gate.call is None or gate.gate.kind != "channel" or not is_product or not _is_taken(norm):
            continue
        path = gate.call.path
        if path not in changed:
            changed[path] = None
            _become(modules[path], _RecomputingGate)
        if not isinstance(norm, _RememberingNorm):
            _become(cast("nn.Module", norm), _RememberingNorm)
    return tuple(changed)


def _is_taken(norm: nn.Module | None) -> bool:
    """Whether it is a batch norm as torch has it, or one that has become another already."""
    if isinstance(norm, _RememberingNorm):
        return True
    return isinstance(norm, _NORMS) and type(norm) in _NORMS and norm.affine and norm.momentum is not None


def _become(module: nn.Module, mixin: type[nn.Module]) -> None:
    """Change what a module runs, and none of the names in its state."""
    own = type(module)
    module.__class__ = type(own.__name__, (mixin, own), {"__module__": own.__module__})


@dataclass(frozen=True, slots=True)
class Normalised:
    """How the output of a batch norm follows from its input; noted on that output."""

    raw: Tensor
    """The input (N, C, ...)."""
    mean: Tensor
    """Of each channel, (C)."""
    inverse_std: Tensor
    """Of each channel, (C)."""
    weight: Tensor
    bias: Tensor
    version: int
    """Of the output as it was; it may be written to afterwards."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What the backward pass needs."""
        return self.raw, self.mean, self.inverse_std, self.weight, self.bias


class _RememberingNorm(nn.Module):
    """A batch norm that notes on its output what that was made of."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, ...) to the same shape."""
        norm = cast("nn.BatchNorm2d", self)
        momentum = cast("float", norm.momentum)  # as `_is_taken` requires
        if not norm.training or not torch.is_grad_enabled():
            output: Tensor = super().forward(x)
            return output
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
        output, mean, inverse_std = torch.native_batch_norm(
            x, norm.weight, norm.bias, norm.running_mean, norm.running_var, True, momentum, norm.eps
        )
        note = Normalised(
            x.detach(),
            mean.detach(),
            inverse_std.detach(),
            norm.weight.detach(),
            norm.bias.detach(),
            output._version,
        )
        setattr(output, _NOTE, note)
        return output


class _RecomputingGate(nn.Module):
    """A gate whose product keeps what its feature map is made of, in place of the feature map."""

    def forward(self, *args: Any, **kwargs: Any) -> object:  # noqa: ANN401 - as the gate has it
        """What the gate returns."""
        given = next((each for each in (*args, *kwargs.values()) if _note_of(each)), None)
        if given is None or not torch.is_grad_enabled():
            return super().forward(*args, **kwargs)
        with _Products(given, cast("Normalised", _note_of(given))):
            return super().forward(*args, **kwargs)


def _note_of(value: object) -> Normalised | None:
    note: Normalised | None = getattr(value, _NOTE, None)
    return note if note is not None and cast("Tensor", value)._version == note.version else None


class _Products(TorchFunctionMode):
    """Runs the mean and the product of one call of a gate as the functions below."""

    def __init__(self, feature: Tensor, normalised: Normalised) -> None:
        super().__init__()
        self._feature, self._normalised = feature, normalised
        self._shared: _Shared | None = None
        self._passed = feature

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Called for every function of torch."""
        kwargs = kwargs or {}
        if any(each is self._feature for each in args[:2]):
            if func in _PRODUCTS and len(args) == 2 and not kwargs:
                return self._product(*args)
            if self._shared is None and _is_mean(func, *args, **kwargs):
                pooled = self._mean()
                return pooled.flatten(1) if _drops_dimensions(func, *args, **kwargs) else pooled
        return func(*args, **kwargs)

    def _mean(self) -> Tensor:
        self._shared = _Shared()
        pooled, self._passed = _Mean.apply(self._feature, self._shared)
        return cast("Tensor", pooled)

    def _product(self, one: Tensor, other: Tensor) -> Tensor:
        gate = _unexpanded(other if one is self._feature else one, self._feature)
        if gate is None:
            return one * other
        return cast("Tensor", _Product.apply(self._passed, gate, self._shared, *self._normalised.tensors))


def _unexpanded(gate: object, feature: Tensor) -> Tensor | None:
    """A gate's values as (N, C, 1, ...); None where they are of another shape."""
    if not isinstance(gate, Tensor):
        return None
    shape = (*feature.shape[:2], *(1 for _ in feature.shape[2:]))
    if gate.shape == feature.shape and not any(gate.stride()[2:]):
        for dimension in range(2, gate.dim()):
            gate = gate.narrow(dimension, 0, 1)
        return gate
    return gate if tuple(gate.shape) == shape else None


def _is_mean(func: Callable[..., Any], x: Tensor, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401
    """Whether it is the mean over all positions of a feature map."""
    if func in _POOLINGS:
        size = kwargs.get("output_size", args[0] if args else None)
        return size in (1, (1,) * (x.dim() - 2), [1] * (x.dim() - 2))
    if func not in _MEANS or kwargs.get("dtype") is not None or len(args) > 2:
        return False
    asked = kwargs.get("dim", args[0] if args else None)
    dimensions = {asked} if isinstance(asked, int) else set(asked or ())
    return {each % x.dim() for each in dimensions} == set(range(2, x.dim()))


def _drops_dimensions(func: Callable[..., Any], _: Tensor, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401
    return func in _MEANS and not kwargs.get("keepdim", args[1] if args[1:] else False)


class _Shared:
    """What the two functions of one call tell each other in the backward pass."""

    gate: Tensor | None = None
    """Set by the product; its gradient is then that of the output, which the mean multiplies."""


class _Mean(torch.autograd.Function):
    """The mean over all positions (N, C, 1, ...), and the feature map itself for the product."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shared: _Shared) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        ctx.shared, ctx.shape = shared, x.shape
        ctx.set_materialize_grads(False)
        return x.mean(tuple(range(2, x.dim())), keepdim=True), x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, pooled: Tensor | None, product: Tensor | None) -> tuple[Tensor | None, None]:  # noqa: ANN401
        gate, ctx.shared.gate = ctx.shared.gate, None
        mean = None if pooled is None else pooled / math.prod(ctx.shape[2:])
        if product is None or gate is None:  # the product was none of ours
            return None if mean is None else mean.expand(ctx.shape), None
        if mean is None:
            return product * gate, None
        if product.dtype == gate.dtype == mean.dtype:
            return torch.addcmul(mean, product, gate), None
        return (product * gate + mean).to(mean.dtype), None


class _Product(torch.autograd.Function):
    """The feature map times the gate's values."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Tensor, shared: _Shared | None, *made_of: Tensor) -> Tensor:  # noqa: ANN401
        ctx.shared, ctx.dtype = shared, x.dtype
        ctx.save_for_backward(gate, *made_of)
        return x * gate

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        gate, *made_of = ctx.saved_tensors
        of_gate = _summed(gradient, made_of).view_as(gate).to(gate.dtype)
        if ctx.shared is None:
            return ((gradient * gate).to(ctx.dtype), of_gate, None, *(None for _ in made_of))
        ctx.shared.gate = gate
        return (gradient, of_gate, None, *(None for _ in made_of))


def _summed(gradient: Tensor, made_of: Sequence[Tensor]) -> Tensor:
    """The sum over all positions of a gradient times the normalised map, (N, C)."""
    raw, mean, inverse_std, weight, bias = made_of
    positions = tuple(range(2, raw.dim()))
    scale = weight * inverse_std
    if raw.dtype in (torch.bfloat16, torch.float16):
        # The difference of two sums would have few digits left: the map is worked out, for a moment.
        wide = (1, -1, *(1 for _ in positions))
        shift = bias - mean * scale
        normalised = torch.addcmul(shift.view(wide), raw, scale.view(wide)).to(gradient.dtype)
        return (gradient * normalised).sum(positions, dtype=scale.dtype)
    total = gradient.sum(positions)
    return scale * (_dot(gradient, raw) - mean * total) + bias * total


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """The sum over all positions of a product; in this layout without writing the product."""
    if one.is_contiguous() and other.is_contiguous():
        rows = one.shape[0] * one.shape[1]
        return torch.bmm(one.view(rows, 1, -1), other.view(rows, -1, 1)).view(one.shape[:2])
    return (one * other).sum(tuple(range(2, one.dim())))
