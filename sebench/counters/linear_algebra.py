"""Formulas of linear algebra beyond products: direct solvers, pairwise distances, Fourier transforms.

Solvers: multiply-accumulates of the textbook elimination, counted one by one. Iterative methods (eigenvalues,
singular values, matrix functions) take as many steps as the data need, which a count cannot know: they stay
in the ledger.

Distances: a pair of rows costs one difference and one multiply-accumulate per column, and a root.

Transforms are no products of matrices and have no MACs: 5 N log2 n FLOPs by the usual convention for complex
data, half for real; where n is no power of two, the result is rounded.
"""

from __future__ import annotations

from math import log2, prod

import torch

from sebench.counters.work import Call, Rule, Work


def _matrices(matrix: torch.Tensor) -> tuple[int, int]:
    """How many square matrices, and their size."""
    return prod(matrix.shape[:-2]), matrix.shape[-1]


def _lu_macs(n: int) -> int:
    """Step k of n updates a (n - k) x (n - k) block: the sum of the squares below n."""
    return (n - 1) * n * (2 * n - 1) // 6


def cholesky(call: Call) -> Work:
    """Step k updates the lower half of a (n - k) x (n - k) block; n roots and n (n - 1) / 2 divisions."""
    count, n = _matrices(call.input)
    macs = (n - 1) * n * (n + 1) // 6
    return Work(count * macs, count * (2 * macs + n * (n + 1) // 2))


def lu(call: Call) -> Work:
    """Elimination; each pivot divides the column below it."""
    count, n = _matrices(call.input)
    macs = _lu_macs(n)
    return Work(count * macs, count * (2 * macs + n * (n - 1) // 2))


def _substituted(n: int, unknowns: int, triangles: int) -> Work:
    """For all right-hand sides of all matrices together; every unknown is divided once."""
    macs = triangles * n * (n - 1) // 2 * (unknowns // n)
    return Work(macs, 2 * macs + unknowns)


def triangular_solve(call: Call) -> Work:
    """One substitution, with a division per unknown."""
    matrix = call.tensor("A" if call.has("A") else "self")
    return _substituted(matrix.shape[-1], call.output.numel(), triangles=1)


def lu_solve(call: Call) -> Work:
    """Two substitutions for each right-hand side; one of the factors has ones on its diagonal."""
    return _substituted(call.tensor("LU").shape[-1], call.output.numel(), triangles=2)


def solve(call: Call) -> Work:
    """Elimination, then two substitutions for each right-hand side, or for the columns of the identity."""
    eliminated = lu(call)
    rest = _substituted(call.tensor("A").shape[-1], call.output.numel(), triangles=2)
    return Work(eliminated.macs + rest.macs, eliminated.flops + rest.flops)


_LU = "n (n - 1) (2 n - 1) / 6 per matrix"

FACTORISATIONS = (
    Rule(
        ("linalg_cholesky_ex",),
        "n (n^2 - 1) / 6 per matrix",
        "2 x MACs + n (n + 1) / 2 (roots, divisions)",
        cholesky,
    ),
    Rule(
        ("linalg_lu_factor_ex", "linalg_lu", "_linalg_det", "_linalg_slogdet"),
        _LU,
        "2 x MACs + n (n - 1) / 2 (divisions)",
        lu,
    ),
    Rule(
        ("linalg_solve_triangular", "triangular_solve"),
        "n (n - 1) / 2 per right-hand side",
        "2 x MACs + 1 per unknown",
        triangular_solve,
    ),
    Rule(
        ("linalg_lu_solve",),
        "n (n - 1) per right-hand side",
        "2 x MACs + 1 per unknown",
        lu_solve,
    ),
    Rule(
        ("_linalg_solve_ex", "linalg_inv_ex"),
        f"{_LU} + n (n - 1) per right-hand side (inverse: n of them)",
        "2 x MACs + n (n - 1) / 2 per matrix + 1 per unknown",
        solve,
    ),
)


def _distances(pairs: int, columns: int) -> Work:
    macs = pairs * columns
    return Work(macs, 2 * macs + macs + pairs)


def distances(call: Call) -> Work:
    """``(..., p, m)`` and ``(..., r, m)`` to ``(..., p, r)``; or the n (n - 1) / 2 pairs of one matrix."""
    return _distances(call.output.numel(), call.input.shape[-1])


def distances_backward(call: Call) -> Work:
    """Per pair the gradient over the distance, per pair and column a difference times it, added up."""
    return _distances(call.input.numel(), call.output.shape[-1])


def euclidean_distances(call: Call) -> Work:
    """One matrix product: |a - b|^2 = a^2 + b^2 - 2 a b, with the two squares as two more columns."""
    one, other = call.tensor("x1"), call.tensor("x2")
    macs = call.output.numel() * (one.shape[-1] + 2)
    return Work(macs, 2 * macs + 3 * one.numel() + 2 * other.numel() + 2 * call.output.numel())


DISTANCES = (
    Rule(
        ("_cdist_forward", "_pdist_forward"),
        "pairs x columns",
        "3 per pair and column (difference, square, sum) + 1 per pair (root)",
        distances,
    ),
    Rule(
        ("_cdist_backward", "_pdist_backward"),
        "pairs x columns",
        "3 per pair and column (difference, product, sum) + 1 per pair (division)",
        distances_backward,
    ),
    Rule(
        ("_euclidean_dist",),
        "pairs x (columns + 2): a product of matrices, with the squared lengths as columns",
        "2 x MACs + 3 per element of the first, 2 of the second (lengths, -2 x) + 2 per pair (limit, root)",
        euclidean_distances,
    ),
)


_COMPLEX, _REAL = 5.0, 2.5


def _transformed(points: torch.Tensor, dims: list[int], per_point: float) -> Work:
    """`points` elements, transformed along `dims`: as many points as the longer side of the transform has."""
    length = prod(points.shape[dim] for dim in dims)
    return Work(0, round(per_point * points.numel() * log2(max(length, 1))))


def complex_transform(call: Call) -> Work:
    """Complex to complex."""
    return _transformed(call.tensor("self"), call.arguments["dim"], _COMPLEX)


def real_transform(call: Call) -> Work:
    """Real to complex (half of the spectrum), and back."""
    real = call.tensor("self") if call.name == "_fft_r2c" else call.output
    return _transformed(real, call.arguments["dim"], _REAL)


TRANSFORMS = (
    Rule(
        ("_fft_c2c",),
        "0",
        "5 per element x log2(n), n = points of one transform, rounded",
        complex_transform,
    ),
    Rule(("_fft_r2c", "_fft_c2r"), "0", "2.5 per real element x log2(n), rounded", real_transform),
)
