"""Formulas of direct solvers: multiply-accumulates of the textbook elimination, counted one by one.

Iterative methods (eigenvalues, singular values, matrix functions) take as many steps as the data need, which
a count cannot know: they stay in the ledger.
"""

from __future__ import annotations

from math import prod

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

RULES = (
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
