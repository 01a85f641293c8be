"""Formulas of the ops that multiply and accumulate: convolutions, matrix products, attention.

A bias add is one FLOP per output element and no MAC, so that MACs equal torch's FlopCounterMode / 2.
"""

from __future__ import annotations

from math import prod

from sebench.counters.work import Call, Rule, Work


def _convolution_macs(call: Call, output_numel: int) -> int:
    """Each weight column meets each output position once; a transposed convolution swaps the two ends.

    Shapes: weight ``(C_out, C_in / groups, *kernel)``, transposed ``(C_in, C_out / groups, *kernel)``.
    """
    positions = call.tensor("input").numel() if call.arguments["transposed"] else output_numel
    return positions * prod(call.tensor("weight").shape[1:])


def convolution(call: Call) -> Work:
    """Any rank, stride, padding, dilation and grouping."""
    macs = _convolution_macs(call, call.output.numel())
    return Work(macs, 2 * macs + (call.output.numel() if call.has("bias") else 0))


def convolution_backward(call: Call) -> Work:
    """Each gradient asked for, of the input and of the weight, costs the forward pass once.

    Own formula: torch's FlopCounterMode counts a grouped weight gradient `groups` times in many releases.
    """
    wants_input, wants_weight, wants_bias = call.arguments["output_mask"]
    gradient_numel = call.tensor("grad_output").numel()
    macs = (wants_input + wants_weight) * _convolution_macs(call, gradient_numel)
    return Work(macs, 2 * macs + wants_bias * gradient_numel)


def product(call: Call) -> Work:
    """``(m, k) x (k, n)``, batched or not: every output element accumulates k products."""
    name = "self" if call.has("self") else "input"
    macs = call.output.numel() * call.tensor(name).shape[-1]
    return Work(macs, 2 * macs)


def linear(call: Call) -> Work:
    """A product plus one add per output element where there is a bias."""
    macs, flops = product(call)
    return Work(macs, flops + (call.output.numel() if call.has("bias") else 0))


def biased_product(call: Call) -> Work:
    """``addmm`` and ``baddbmm``: the bias is the op's `self`, the factors follow."""
    factor = next(call.tensor(name) for name in ("mat1", "batch1", "mat") if call.has(name))
    macs = call.output.numel() * factor.shape[-1]
    return Work(macs, 2 * macs + call.output.numel())


def _scores(call: Call) -> int:
    """Attention scores: batch x heads x queries x keys (a causal mask is not subtracted)."""
    query, key = call.tensor("query"), call.tensor("key")
    return prod(query.shape[:-1]) * key.shape[-2]


def attention(call: Call) -> Work:
    """Scaled dot-product attention: scores (depth d), softmax of 5 and scale of 1, weighted values (d_v)."""
    scores = _scores(call)
    macs = scores * (call.tensor("query").shape[-1] + call.tensor("value").shape[-1])
    return Work(macs, 2 * macs + 6 * scores)


def attention_backward(call: Call) -> Work:
    """Fused kernels recompute the scores, then form the gradients of value, softmax, query and key."""
    scores = _scores(call)
    macs = scores * (3 * call.tensor("query").shape[-1] + 2 * call.tensor("value").shape[-1])
    return Work(macs, 2 * macs + 8 * scores)


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
        ("convolution", "_convolution", "convolution_overrideable"),
        "N x C_out x output positions x C_in / groups x kernel (transposed: input positions)",
        "2 x MACs + 1 per output element if biased",
        convolution,
    ),
    Rule(
        ("convolution_backward", "convolution_backward_overrideable"),
        "the forward's, once for the input gradient and once for the weight gradient, where needed",
        "2 x MACs + 1 per gradient element for the bias gradient",
        convolution_backward,
    ),
    Rule(("mm", "bmm", "mv", "dot", "vdot"), "output elements x inner size", "2 x MACs", product),
    Rule(
        ("addmm", "baddbmm", "addmv"),
        "output elements x inner size",
        "2 x MACs + 1 per output element",
        biased_product,
    ),
    Rule(
        ("linear",),
        "output elements x input features",
        "2 x MACs + 1 per output element if biased",
        linear,
    ),
    Rule(
        _ATTENTION,
        "scores x (d + d_v), scores = N x heads x queries x keys",
        "2 x MACs + 6 per score",
        attention,
    ),
    Rule(
        tuple(f"{op}_backward" for op in _ATTENTION),
        "scores x (3 d + 2 d_v)",
        "2 x MACs + 8 per score",
        attention_backward,
    ),
)
