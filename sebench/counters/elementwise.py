"""Formulas of elementwise ops, reductions and data movement.

One FLOP per element and per aten operation, whatever the operation costs in silicon: a sigmoid and an add
are both one. Conventions differ between tools (docs/counting.md); this one can be redone by hand.
"""

from __future__ import annotations

from collections.abc import Callable

from sebench.counters.op_names import ARITHMETIC, MOVES
from sebench.counters.work import NO_WORK, Call, Rule, Work


def per_output(flops: int) -> Callable[[Call], Work]:
    """A formula of `flops` per element of the (first) output."""
    return lambda call: Work(0, flops * call.output.numel())


def per_input(flops: int) -> Callable[[Call], Work]:
    """A formula of `flops` per element of the first input; in a backward op that is the incoming gradient."""
    return lambda call: Work(0, flops * call.input.numel())


def averaging(call: Call) -> Work:
    """One add per input element, one division per output element."""
    return Work(0, call.input.numel() + call.output.numel())


def no_work(_: Call) -> Work:
    """Data is moved, nothing is computed."""
    return NO_WORK


_ACCUMULATING = ("sum", "nansum", "prod", "cumsum", "cumprod", "any", "all")
_COMPARING = ("amax", "amin", "aminmax", "max", "min", "argmax", "argmin")

RULES = (
    Rule(ARITHMETIC, "0", "1 per output element", per_output(1)),
    Rule(("glu", "glu_backward"), "0", "2 per output element (sigmoid, product)", per_output(2)),
    Rule(
        ("native_dropout", "native_dropout_backward"),
        "0",
        "2 per output element (mask, scale)",
        per_output(2),
    ),
    Rule(("addr",), "0", "2 per output element (product, sum)", per_output(2)),
    Rule(("linalg_cross",), "0", "3 per output element (two products, difference)", per_output(3)),
    Rule(("mean",), "0", "1 per input element + 1 per output element", averaging),
    Rule(_ACCUMULATING + _COMPARING, "0", "1 per input element", per_input(1)),
    Rule(("linalg_vector_norm", "norm"), "0", "2 per input element (square, sum)", per_input(2)),
    Rule(
        ("var", "std", "var_mean", "std_mean"),
        "0",
        "4 per input element (mean 1, squared deviations 3)",
        per_input(4),
    ),
    Rule(("logsumexp",), "0", "4 per input element (maximum, difference, exp, sum)", per_input(4)),
    Rule(("embedding_dense_backward",), "0", "1 per incoming gradient element", per_input(1)),
    Rule(MOVES, "0", "0 (bytes only)", no_work),
)
