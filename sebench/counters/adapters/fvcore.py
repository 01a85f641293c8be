"""fvcore.nn.FlopCountAnalysis: a trace of composite ops, priced by ``fvcore/nn/jit_handles.py``.

A "flop" of fvcore is a multiply-accumulate. Ops without a handle are skipped; so is fused attention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod

import torch
from torch import nn

from sebench.counters.adapters.observation import FunctionCall, Observation
from sebench.schema import Attribution, Phase


class Fvcore:
    """`FlopCountAnalysis.total`."""

    name = "fvcore"
    distribution = "fvcore"
    phases: tuple[Phase, ...] = ("inference",)

    def count(self, model: nn.Module, batch: torch.Tensor, phase: Phase) -> int:
        """Traces the network in evaluation mode; a trace needs values, so a copy full of zeros is made."""
        from fvcore.nn import FlopCountAnalysis  # noqa: PLC0415 - optional at run time

        model = model.to_empty(device="cpu").eval()
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.data.zero_()
        analysis = FlopCountAnalysis(model, torch.zeros(batch.shape, dtype=batch.dtype))
        return int(analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total())

    def differences(self, seen: Observation) -> Iterator[Attribution]:
        """Normalisation, pooling and interpolation are priced; attention and lone products are not seen."""
        for call in seen.function_calls:
            price = _PRICES.get(call.name)
            if price is not None:
                macs, why = price(call)
                yield Attribution(op=f"aten.{_ATEN.get(call.name, call.name)}", macs=macs, why=why)
        for op in seen.forward_ops:
            if op.macs and op.op.startswith(_UNSEEN):
                yield Attribution(op=op.op, macs=-op.macs, why=_NO_HANDLE)


_ATEN = {"interpolate": "upsample", "multi_head_attention_forward": "scaled_dot_product_attention"}
# The others reach the trace as linear, matmul, einsum, addmm, mm, bmm or _convolution, which have handles.
_NO_HANDLE = "fvcore has no handle for it"
_UNSEEN = ("aten.mv", "aten.addmv", "aten.dot", "aten.vdot", "aten.baddbmm")


def _argument(call: FunctionCall, index: int, name: str) -> object:
    return call.options.get(name, call.arguments[index] if index < len(call.arguments) else None)


def _batch_norm(call: FunctionCall) -> tuple[int, str]:
    affine = _argument(call, 3, "weight") is not None
    return prod(call.input_shape) * (2 if affine else 1), "batch norm: 2 per element, 1 if not affine"


def _norm(index: int) -> Callable[[FunctionCall], tuple[int, str]]:
    def price(call: FunctionCall) -> tuple[int, str]:
        affine = _argument(call, index, "weight") is not None
        return prod(call.input_shape) * (5 if affine else 4), "normalisation: 5 per element, 4 without scale"

    return price


def _pool(call: FunctionCall) -> tuple[int, str]:
    return prod(call.input_shape), "adaptive average pooling: 1 per input element"


def _interpolate(call: FunctionCall) -> tuple[int, str]:
    mode = _argument(call, 3, "mode") or "nearest"
    per_output = {"nearest": 1, "bilinear": 4}.get(str(mode), 0)
    return prod(call.output_shape) * per_output, "interpolation: 1 (nearest) or 4 (bilinear) per output"


def _attention(call: FunctionCall) -> tuple[int, str]:
    """Scores and their product with the values, (..., L, S) from (..., L, E), (..., S, E) and (..., S, V)."""
    query, key, value = (call.arguments[i] for i in range(3))
    scores = prod(query.shape[:-1]) * int(key.shape[-2])
    return -scores * int(query.shape[-1] + value.shape[-1]), _NO_HANDLE


def _multi_head_attention(call: FunctionCall) -> tuple[int, str]:
    """The fused attention inside, of (L, N, E) queries and (S, N, E) keys; without it bmm is traced."""
    if _argument(call, 15, "need_weights") is not False:
        return 0, _NO_HANDLE
    query, key = call.arguments[:2]
    return -2 * prod(query.shape) * int(key.shape[0]), _NO_HANDLE


_PRICES: Mapping[str, Callable[[FunctionCall], tuple[int, str]]] = {
    "batch_norm": _batch_norm,
    "layer_norm": _norm(2),
    "group_norm": _norm(2),
    "instance_norm": _norm(3),
    "adaptive_avg_pool2d": _pool,
    "interpolate": _interpolate,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head_attention,
}
