"""The elements the paper's "GFLOPs" add to the MACs (docs/counting.md, the axpy convention).

One per residual-add element and one per squeezed element; the scale is free, because the graphs the
authors released fuse it with the add ("Axpy").
"""

from __future__ import annotations

import torch

from sebench.counters.work import Call, tensors

_REDUCTIONS = frozenset(
    ("mean", "sum", "amax", "amin", "max", "min", "var", "std", "var_mean", "std_mean", "linalg_vector_norm")
)
_ADAPTIVE = frozenset(f"{kind}_pool{rank}d" for kind in ("_adaptive_avg", "adaptive_max") for rank in (2, 3))
_POOLS = frozenset(("avg_pool2d", "avg_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices"))
_FIRST_SPATIAL = 2


def is_add(op: str) -> bool:
    """Whether an op may be a residual add."""
    return op in ("aten.add", "aten.add_")


def residual_elements(call: Call) -> int:
    """Elements of an add of two same-shaped activations ``(N, C, ...)``; 0 for any other op."""
    if not is_add(call.op):
        return 0
    one, other = call.arguments["self"], call.arguments["other"]
    if not isinstance(other, torch.Tensor) or one.shape != other.shape:
        return 0
    return one.numel() if one.dim() > _FIRST_SPATIAL and one.is_floating_point() else 0


def squeezed_elements(call: Call) -> int:
    """Input elements of a reduction over spatial dimensions of ``(N, C, ...)``; 0 for any other op."""
    if call.name in _REDUCTIONS:
        return call.input.numel() if _reduces_space(call) else 0
    if call.name in _ADAPTIVE:
        return call.input.numel()
    if call.name in _POOLS and all(size == 1 for size in call.output.shape[_FIRST_SPATIAL:]):
        return call.input.numel()
    return 0


def _reduces_space(call: Call) -> bool:
    rank, dims = call.input.dim(), call.arguments.get("dim")
    if dims is None or len(list(tensors(call.arguments))) > 1:  # all dimensions, or elementwise max(x, y)
        return False
    dims = [dims] if isinstance(dims, int) else dims
    return len(dims) > 0 and all(dim % rank >= _FIRST_SPATIAL for dim in dims)
