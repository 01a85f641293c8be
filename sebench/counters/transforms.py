"""Formulas of Fourier transforms, by the usual convention: 5 N log2 n FLOPs for complex data, half for real.

A transform is no product of matrices: it has no MACs. Where n is no power of two, the result is rounded.
"""

from __future__ import annotations

from math import log2, prod

import torch

from sebench.counters.work import Call, Rule, Work

_COMPLEX, _REAL = 5.0, 2.5


def _work(points: torch.Tensor, dims: list[int], per_point: float) -> Work:
    """`points` elements, transformed along `dims`: as many points as the longer side of the transform has."""
    length = prod(points.shape[dim] for dim in dims)
    return Work(0, round(per_point * points.numel() * log2(max(length, 1))))


def complex_transform(call: Call) -> Work:
    """Complex to complex."""
    return _work(call.tensor("self"), call.arguments["dim"], _COMPLEX)


def real_transform(call: Call) -> Work:
    """Real to complex (half of the spectrum), and back."""
    real = call.tensor("self") if call.name == "_fft_r2c" else call.output
    return _work(real, call.arguments["dim"], _REAL)


RULES = (
    Rule(
        ("_fft_c2c",),
        "0",
        "5 per element x log2(n), n = points of one transform, rounded",
        complex_transform,
    ),
    Rule(("_fft_r2c", "_fft_c2r"), "0", "2.5 per real element x log2(n), rounded", real_transform),
)
