"""Scaled dot-product attention: its formulas, and the kernel that a CPU runs for it.

On the meta device torch only has the mathematical form, whose backward pass keeps the scores: four products.
The kernel of the CPU, like those of GPUs, keeps none and computes them again: five. The kernel is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, prod
from typing import Any

import torch

from sebench.counters.work import Call, Rule, Work

_aten = torch.ops.aten


def _scores(call: Call) -> int:
    """Attention scores: batch x heads x queries x keys (a causal mask is not subtracted)."""
    query, key = call.tensor("query"), call.tensor("key")
    return prod(query.shape[:-1]) * key.shape[-2]


def attention(call: Call) -> Work:
    """Scores (depth d), scale of 1 and softmax of 5, a mask to add, weighted values (d_v)."""
    scores = _scores(call)
    macs = scores * (call.tensor("query").shape[-1] + call.tensor("value").shape[-1])
    masked = call.has("attn_mask") or call.has("attn_bias")
    return Work(macs, 2 * macs + (6 + masked) * scores)


def attention_backward(call: Call) -> Work:
    """Fused kernels recompute the scores, then form the gradients of value, softmax, query and key."""
    scores = _scores(call)
    macs = scores * (3 * call.tensor("query").shape[-1] + 2 * call.tensor("value").shape[-1])
    return Work(macs, 2 * macs + 8 * scores)


def attend(  # noqa: PLR0917 - the schema of the op
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """The op as a CPU runs it: by its flash kernel where that takes these factors, else in its parts."""
    factors: tuple[torch.Tensor, ...] = (query, key, value)
    if dropout_p or not _fits_kernel(factors, grouped=enable_gqa) or not _fits_mask(attn_mask, query.dim()):
        whole = _aten.scaled_dot_product_attention.default
        options = {"scale": scale, "enable_gqa": enable_gqa}
        result: torch.Tensor = whole.decompose(*factors, attn_mask, dropout_p, is_causal, **options)
        return result
    single = query.dim() < _DIMENSIONS  # no batch
    if single:
        factors = tuple(tensor.unsqueeze(0) for tensor in factors)
        attn_mask = attn_mask.unsqueeze(0) if attn_mask is not None and attn_mask.dim() == 3 else attn_mask
    output: torch.Tensor = _aten._scaled_dot_product_flash_attention_for_cpu(
        *factors, dropout_p, is_causal, attn_mask=_added(attn_mask, query.dtype), scale=scale
    )[0]
    return output.squeeze(0) if single else output


_DIMENSIONS = 4
"""Batch, heads, length, depth."""


def _fits_kernel(factors: tuple[torch.Tensor, ...], *, grouped: bool) -> bool:
    """The conditions of torch's flash kernel for the CPU; otherwise the mathematical form runs."""
    query, key, value = factors
    dims = {tensor.dim() for tensor in factors}
    if len(dims) > 1 or not dims <= {_DIMENSIONS - 1, _DIMENSIONS} or not query.is_floating_point():
        return False
    batches = {tensor.shape[:-3] for tensor in factors}
    heads, kept = query.shape[-3], key.shape[-3]
    return (
        torch._C._get_flash_sdp_enabled()  # the switch of the CPU, too
        and len(batches) == 1
        and kept == value.shape[-3]
        and (kept in {heads, 1} or grouped)
        and len({tensor.shape[-1] for tensor in factors}) == 1
        and all(tensor.numel() and tensor.stride(-1) == 1 for tensor in factors)
    )


def _fits_mask(mask: torch.Tensor | None, dims: int) -> bool:
    """A mask that learns, or one per head beside a batch, is left to the mathematical form."""
    return mask is None or (not mask.requires_grad and mask.dim() in (2, dims, _DIMENSIONS))


def _added(mask: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    """A mask of booleans becomes one to add."""
    if mask is None or mask.dtype != torch.bool:
        return mask
    kept, dropped = (torch.scalar_tensor(value, dtype=dtype, device=mask.device) for value in (0.0, -inf))
    return torch.where(mask, kept, dropped)


DECOMPOSITIONS: Mapping[Any, Callable[..., Any]] = {_aten.scaled_dot_product_attention.default: attend}
"""For composites that arrive whole, under ``inference_mode``, what they are made of on a CPU."""

_ATTENTION = tuple(
    f"_scaled_dot_product_{kernel}"
    for kernel in (
        "flash_attention",
        "flash_attention_for_cpu",
        "efficient_attention",
        "cudnn_attention",
        "fused_attention_overrideable",
    )
)

RULES = (
    Rule(
        _ATTENTION,
        "scores x (d + d_v), scores = N x heads x queries x keys",
        "2 x MACs + 6 per score, 7 with a mask",
        attention,
    ),
    Rule(
        tuple(f"{op}_backward" for op in _ATTENTION),
        "scores x (3 d + 2 d_v)",
        "2 x MACs + 8 per score",
        attention_backward,
    ),
)
