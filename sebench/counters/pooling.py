"""Formulas of pooling and interpolation: one FLOP per tap read, and one per average taken."""

from __future__ import annotations

from math import prod

import torch

from sebench.counters.elementwise import per_input, per_output
from sebench.counters.work import Call, Rule, Work


def _rank(call: Call) -> int:
    """``max_pool2d_with_indices`` -> 2."""
    return int(call.name.partition("pool")[2][0])


def _window(call: Call) -> int:
    """Taps of one window; those that fall on the padding count."""
    kernel = call.arguments["kernel_size"]
    sizes = [kernel] if isinstance(kernel, int) else list(kernel)
    return prod(sizes * _rank(call) if len(sizes) == 1 else sizes)


def _adaptive_taps(source: torch.Tensor, pooled: torch.Tensor, rank: int) -> int:
    """Sum of window sizes: output i of n covers floor(i size / n) up to ceil((i + 1) size / n)."""
    taps = prod(source.shape[:-rank])
    for size, n in zip(source.shape[-rank:], pooled.shape[-rank:], strict=True):
        taps *= sum(-((i + 1) * size // -n) - i * size // n for i in range(n))
    return taps


def max_pooling(call: Call) -> Work:
    """One comparison per tap."""
    return Work(0, call.output.numel() * _window(call))


def average_pooling(call: Call) -> Work:
    """One add per tap and one division per window."""
    return Work(0, call.output.numel() * (_window(call) + 1))


def average_pooling_backward(call: Call) -> Work:
    """Each incoming gradient is divided once and added to every tap of its window."""
    return Work(0, call.tensor("grad_output").numel() * (_window(call) + 1))


def adaptive_max_pooling(call: Call) -> Work:
    """One comparison per tap; the windows tile the input."""
    return Work(0, _adaptive_taps(call.input, call.output, _rank(call)))


def adaptive_average_pooling(call: Call) -> Work:
    """One add per tap and one division per window; the windows tile the input."""
    return Work(0, _adaptive_taps(call.input, call.output, _rank(call)) + call.output.numel())


def adaptive_average_pooling_backward(call: Call) -> Work:
    """The mirror image of `adaptive_average_pooling`."""
    gradient = call.tensor("grad_output")
    return Work(0, _adaptive_taps(call.tensor("self"), gradient, _rank(call)) + gradient.numel())


def _interpolation(ops: tuple[str, ...], taps: int) -> tuple[Rule, Rule]:
    """A product and an add per tap, forwards and backwards."""
    backward = tuple(f"{op}_backward" for op in ops)
    cost = f"{2 * taps} per {{}} element ({taps} taps)"
    return (
        Rule(ops, "0", cost.format("output"), per_output(2 * taps)),
        Rule(backward, "0", cost.format("incoming gradient"), per_input(2 * taps)),
    )


def _grid_sampling(call: Call, sampled: torch.Tensor) -> Work:
    """A product and an add per tap; the nearest pixel is only copied."""
    spatial = sampled.dim() - 2
    linear, _, cubic = range(3)  # interpolation modes, as torch numbers them
    taps = {linear: 2**spatial, cubic: 4**spatial}.get(call.arguments["interpolation_mode"], 0)
    return Work(0, 2 * taps * sampled.numel())


_GRID_SAMPLERS = ("grid_sampler_2d", "grid_sampler_3d")
_MAX = ("max_pool2d_with_indices", "max_pool3d_with_indices")
_ADAPTIVE_MAX = ("adaptive_max_pool2d", "adaptive_max_pool3d")
_AVERAGE = ("avg_pool2d", "avg_pool3d")
_ADAPTIVE_AVERAGE = ("_adaptive_avg_pool2d", "_adaptive_avg_pool3d")
_NEAREST = tuple(
    f"{kind}{rank}d" for kind in ("upsample_nearest", "_upsample_nearest_exact") for rank in (1, 2, 3)
)

RULES = (
    Rule(_MAX, "0", "window size per output element", max_pooling),
    Rule(_ADAPTIVE_MAX, "0", "1 per window element", adaptive_max_pooling),
    Rule(_AVERAGE, "0", "window size + 1 per output element", average_pooling),
    Rule(_ADAPTIVE_AVERAGE, "0", "1 per window element + 1 per output element", adaptive_average_pooling),
    Rule(
        tuple(f"{op}_backward" for op in (*_MAX, *_ADAPTIVE_MAX, *_NEAREST)),
        "0",
        "1 per incoming gradient element",
        per_input(1),
    ),
    Rule(
        tuple(f"{op}_backward" for op in _AVERAGE),
        "0",
        "window size + 1 per incoming gradient element",
        average_pooling_backward,
    ),
    Rule(
        tuple(f"{op}_backward" for op in _ADAPTIVE_AVERAGE),
        "0",
        "1 per window element + 1 per incoming gradient element",
        adaptive_average_pooling_backward,
    ),
    *_interpolation(("upsample_linear1d",), 2),
    *_interpolation(("upsample_bilinear2d", "_upsample_bilinear2d_aa"), 4),
    *_interpolation(("upsample_trilinear3d",), 8),
    *_interpolation(("upsample_bicubic2d", "_upsample_bicubic2d_aa"), 16),
    Rule(
        _GRID_SAMPLERS,
        "0",
        "2 per tap and output element: 4 taps, in 3-d 8; nearest 0, bicubic 16",
        lambda call: _grid_sampling(call, call.output),
    ),
    Rule(
        tuple(f"{op}_backward" for op in _GRID_SAMPLERS),
        "0",
        "2 per tap and incoming gradient element",
        lambda call: _grid_sampling(call, call.input),
    ),
)
