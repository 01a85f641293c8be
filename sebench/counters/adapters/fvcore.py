"""fvcore.nn.FlopCountAnalysis: a trace of composite ops, priced by ``fvcore/nn/jit_handles.py``.

A "flop" of fvcore is a multiply-accumulate. Ops without a handle are skipped; so is fused attention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import floor, prod

import numpy as np
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
        """Traces the network in evaluation mode; a trace needs values, so a copy full of zeros is made.

        Fast paths, which torch takes within ``no_grad``, would hide the layers that they replace.
        """
        from fvcore.nn import FlopCountAnalysis  # noqa: PLC0415 - optional at run time

        model = model.to_empty(device="cpu").eval()
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.data.zero_()
        analysis = FlopCountAnalysis(model, torch.zeros(batch.shape, dtype=batch.dtype))
        analysis = analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            return int(analysis.total())
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)

    def differences(self, seen: Observation) -> Iterator[Attribution]:
        """Normalisation, pooling and interpolation are priced; products other than the usual are not seen."""
        for call in seen.function_calls:
            price = _PRICES.get(call.name)
            if price is None and call.name in _EXACT:
                continue
            macs, why = price(call) if price else (-call.macs, _NO_HANDLE)
            yield Attribution(op=f"aten.{_ATEN.get(call.name, call.name)}", macs=macs, why=why)


_ATEN = {
    "interpolate": "upsample",
    "grid_sample": "grid_sampler",
    "multi_head_attention_forward": "scaled_dot_product_attention",
    "__matmul__": "matmul",
    "__rmatmul__": "matmul",
}
_NO_HANDLE = "fvcore has no handle for it"
_IMAGES = 4
"""Dimensions of a batch of images."""
_EXACT = frozenset(
    (
        *("linear", "mm", "bmm", "addmm", "convolution", "_convolution"),
        *(f"conv_transpose{rank}d" for rank in (1, 2, 3)),
        *("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"),  # their linear layers are traced
    )
)
"""Calls that reach the trace as ops whose handles count as we do."""


def _argument(call: FunctionCall, index: int, name: str) -> object:
    return call.options.get(name, call.arguments[index] if index < len(call.arguments) else None)


def _batch_norm(call: FunctionCall) -> tuple[int, str]:
    """With batch statistics (weight standardisation, even in evaluation) it is priced as a layer norm."""
    affine = _argument(call, 3 if call.functional else 1, "weight") is not None
    if _argument(call, 5, "training"):
        return prod(call.input_shape) * (
            5 if affine else 4
        ), "batch norm by batch statistics: 5 per element, or 4"
    return prod(call.input_shape) * (2 if affine else 1), "batch norm: 2 per element, 1 if not affine"


def _norm(index: int, plain_index: int | None = None) -> Callable[[FunctionCall], tuple[int, str]]:
    """`index` of the weight among the arguments of ``nn.functional``, `plain_index` among those of torch."""

    def price(call: FunctionCall) -> tuple[int, str]:
        at = index if call.functional or plain_index is None else plain_index
        affine = _argument(call, at, "weight") is not None
        return prod(call.input_shape) * (5 if affine else 4), "normalisation: 5 per element, 4 without scale"

    return price


def _pool(call: FunctionCall) -> tuple[int, str]:
    return prod(call.input_shape), "adaptive average pooling: 1 per input element"


def _interpolate(call: FunctionCall) -> tuple[int, str]:
    """Of images, and without antialiasing, which is another op."""
    mode = str(_argument(call, 3, "mode") or "nearest")
    handled = len(call.input_shape) == _IMAGES and not _argument(call, 6, "antialias")
    per_output = {"nearest": 1, "bilinear": 4}.get(mode, 0) if handled else 0
    return prod(call.output_shape) * per_output, "interpolation: 1 (nearest) or 4 (bilinear) per output"


def _grid_sample(call: FunctionCall) -> tuple[int, str]:
    return 4 * prod(call.output_shape), "grid sampling: 4 per output, whatever the mode"


def _convolution(call: FunctionCall) -> tuple[int, str]:
    """Padding by a word, "same" or "valid", makes another op of it."""
    return (-call.macs if isinstance(_argument(call, 4, "padding"), str) else 0), _NO_HANDLE


def _multi_head_attention(call: FunctionCall) -> tuple[int, str]:
    """Of (L, N, E) queries and (S, N, E) keys: fused attention, or with a mask ``baddbmm`` for the scores."""
    query, key = call.arguments[:2]
    scores = prod(query.shape) * int(key.shape[0])
    if _argument(call, 15, "need_weights") is False:
        return -2 * scores, _NO_HANDLE
    masked = any(
        _argument(call, index, name) is not None
        for index, name in ((14, "key_padding_mask"), (16, "attn_mask"))
    )
    return -scores * masked, _NO_HANDLE


def _matmul(call: FunctionCall) -> tuple[int, str]:
    """Of (..., n, k) and (..., k, m): elements of the first times m, however the first is broadcast."""
    first, second = (tuple(tensor.shape) for tensor in call.arguments[:2])
    if call.name == "__rmatmul__":
        first, second = second, first
    why = "matmul: the first factor's elements x columns of the second, broadcasting left out"
    return prod(first) * second[-1] - call.macs, why


def _einsum(call: FunctionCall) -> tuple[int, str]:
    """`einsum_flop_jit`: two equations by formula, all others by numpy's text."""
    equation, *operands = call.arguments
    if len(operands) == 1 and not isinstance(operands[0], torch.Tensor):
        (operands,) = operands
    renamed, shapes = _renamed(str(equation)), [tuple(operand.shape) for operand in operands]
    if renamed == "abc,abd->acd":
        return prod(shapes[0]) * shapes[1][2] - call.macs, _EINSUM
    if renamed == "abc,adc->adb":
        return prod(shapes[0]) * shapes[1][1] - call.macs, _EINSUM
    return _half_of_numpys_flops(renamed, shapes) - call.macs, _EINSUM


_EINSUM = "einsum: half of the FLOPs that numpy.einsum_path prints, with four digits"


def _renamed(equation: str) -> str:
    """Letters by order of appearance, no blanks."""
    compact = equation.replace(" ", "")
    letters = dict.fromkeys(character for character in compact if character.isalpha())
    return compact.translate({ord(letter): ord("a") + i for i, letter in enumerate(letters)})


def _half_of_numpys_flops(equation: str, shapes: list[tuple[int, ...]]) -> int:
    # Views of one element: only their shapes are looked at.
    operands = [np.broadcast_to(np.zeros(()), shape) for shape in shapes]
    _, text = np.einsum_path(equation, *operands, optimize="optimal")
    line = next(line for line in str(text).splitlines() if "optimized flop" in line.lower())
    return floor(float(line.rpartition(":")[2]) / 2)


_PRICES: Mapping[str, Callable[[FunctionCall], tuple[int, str]]] = {
    "batch_norm": _batch_norm,
    "layer_norm": _norm(2),
    "group_norm": _norm(2),
    "instance_norm": _norm(3, 1),
    "adaptive_avg_pool2d": _pool,
    "interpolate": _interpolate,
    "grid_sample": _grid_sample,
    **{f"conv{rank}d": _convolution for rank in (1, 2, 3)},
    "matmul": _matmul,
    "__matmul__": _matmul,
    "__rmatmul__": _matmul,
    "einsum": _einsum,
    "multi_head_attention_forward": _multi_head_attention,
}
