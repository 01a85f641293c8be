"""Formulas of pairwise distances: every pair of rows is contracted over the columns.

A pair costs one difference and one multiply-accumulate per column, and a root.
"""

from __future__ import annotations

from sebench.counters.work import Call, Rule, Work


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


RULES = (
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
