"""Formulas of the ops that multiply and accumulate: convolutions and matrix products.

A bias add is one FLOP per output element and no MAC, so that MACs equal torch's FlopCounterMode / 2.
torchvision's deformable convolution takes samples between the pixels first.
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


def batched_sum(call: Call) -> Work:
    """``addbmm``: the products of all matrices of a batch are added up."""
    macs = call.tensor("batch1").numel() * call.tensor("batch2").shape[-1]
    return Work(macs, 2 * macs + call.output.numel())


def grouped_product(call: Call) -> Work:
    """Each group multiplies its own rows; of two plain matrices the groups share the inner size."""
    first, second = call.tensor("self"), call.tensor("mat2")
    if first.dim() == second.dim() == _MATRIX:
        macs = first.numel() * second.shape[-1]
    else:
        macs = call.output.numel() * first.shape[-1]
    return Work(macs, 2 * macs + (call.output.numel() if call.has("bias") else 0))


def time_convolution(call: Call) -> Work:
    """``conv_tbc``: input (time, batch, C_in), weight (kernel, C_in, C_out)."""
    kernel, features, _ = call.tensor("weight").shape
    macs = call.output.numel() * kernel * features
    return Work(macs, 2 * macs + call.output.numel())


def affine_grid(call: Call) -> Work:
    """Each point of a grid times the transposed matrix of its image: ``(N, rank, rank + 1)``."""
    macs = call.output.numel() * call.tensor("theta").shape[-1]
    return Work(macs, 2 * macs)


def trilinear(call: Call) -> Work:
    """Two products, one after the other: the first factor by the second, then by the third.

    Each `expandK` names dimensions that factor K lacks. A summed dimension that the third factor lacks is
    gone after the first product. For ``nn.Bilinear`` (batch b, features i and j, outputs o): b o i j + b o j.
    """
    expanded = [frozenset(call.arguments[f"expand{k}"]) for k in (1, 2, 3)]
    shapes = [list(call.tensor(f"i{k}").shape) for k in (1, 2, 3)]
    for shape, missing in zip(shapes, expanded, strict=True):
        for dim in sorted(missing):
            shape.insert(dim, 1)
    sizes = [max(size) for size in zip(*shapes, strict=True)]
    unrolled = {call.arguments["unroll_dim"]}  # a loop: both products run once per step
    absent = (expanded[0] & expanded[1]) - unrolled
    gone = (frozenset(call.arguments["sumdim"]) & expanded[2]) - unrolled
    macs = sum(
        prod(size for dim, size in enumerate(sizes) if dim not in left_out) for left_out in (absent, gone)
    )
    return Work(macs, 2 * macs)


_MATRIX = 2
_PACKED = ("_weight_int8pack_mm", "_weight_int4pack_mm", "_weight_int4pack_mm_for_cpu")
"""Weights of fewer bits, unpacked in the kernel."""

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
    Rule(
        (*("mm", "bmm", "mv", "dot", "vdot", "_int_mm"), *_PACKED),
        "output elements x inner size",
        "2 x MACs",
        product,
    ),
    Rule(
        ("addmm", "baddbmm", "addmv", "_addmm_activation"),
        "output elements x inner size",
        "2 x MACs + 1 per output element",
        biased_product,
    ),
    Rule(
        ("linear", "_scaled_mm", "_scaled_mm_v2"),
        "output elements x input features",
        "2 x MACs + 1 per output element if biased",
        linear,
    ),
    Rule(
        ("addbmm",),
        "batch x output elements x inner size",
        "2 x MACs + 1 per output element",
        batched_sum,
    ),
    Rule(
        ("_grouped_mm", "_scaled_grouped_mm", "_scaled_grouped_mm_v2"),
        "rows x columns x inner size, of all groups together",
        "2 x MACs + 1 per output element if biased",
        grouped_product,
    ),
    Rule(
        ("conv_tbc",),
        "output elements x kernel x C_in",
        "2 x MACs + 1 per output element",
        time_convolution,
    ),
    Rule(("affine_grid_generator",), "output elements x (rank + 1)", "2 x MACs", affine_grid),
    Rule(
        ("_trilinear",),
        "first factor x second, then x third (`nn.Bilinear`: N x out x in2 x (in1 + 1))",
        "2 x MACs",
        trilinear,
    ),
)


_TAPS = 4


def _samples(call: Call, output_shape: tuple[int, ...]) -> int:
    """Every input channel is sampled at each tap of the kernel and each output position."""
    batch, _, height, width = output_shape
    return batch * call.tensor("input").shape[1] * prod(call.tensor("weight").shape[2:]) * height * width


def _sampling(call: Call) -> int:
    """FLOPs of one sample: a product and an add for each of four neighbours, and the mask."""
    return 2 * _TAPS + bool(call.arguments["use_mask"])


def deformable_convolution(call: Call) -> Work:
    """As a convolution of the same shape, whose bias torchvision always adds."""
    output = call.output
    macs = output.numel() * prod(call.tensor("weight").shape[1:])
    return Work(macs, 2 * macs + output.numel() + _samples(call, tuple(output.shape)) * _sampling(call))


def deformable_convolution_backward(call: Call) -> Work:
    """All gradients at once; the samples are taken again, and spread out over input and offsets."""
    gradient = call.tensor("grad")
    macs = 2 * gradient.numel() * prod(call.tensor("weight").shape[1:])
    samples = _samples(call, tuple(gradient.shape))
    return Work(macs, 2 * macs + gradient.numel() + 3 * samples * _sampling(call))


DEFORMABLE = (
    Rule(
        ("torchvision.deform_conv2d",),
        "N x C_out x output positions x C_in / groups x kernel",
        "2 x MACs + 1 per output element + 8 per sampled value, 9 with a mask",
        deformable_convolution,
    ),
    Rule(
        ("torchvision._deform_conv2d_backward",),
        "twice the forward's",
        "2 x MACs + 1 per gradient element + 24 per sampled value, 27 with a mask",
        deformable_convolution_backward,
    ),
)
