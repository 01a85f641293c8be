"""Formulas of everything that is not a contraction: elementwise, reductions, pooling, normalisation.

One FLOP per element and per aten operation, whatever the operation costs in silicon: a sigmoid and an add
are both one. Conventions differ between tools (docs/counting.md); this one is simple enough to redo by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch

from sebench.counters.work import NO_WORK, Call, Rule, Work

ARITHMETIC = tuple(
    """
    abs acos acosh add addcdiv addcmul asin asinh atan atan2 atanh ceil celu clamp clamp_max clamp_min copysign cos
    cosh deg2rad div elu elu_backward erf erfc erfinv exp exp2 expm1 floor floor_divide fmax fmin fmod frac
    gelu gelu_backward hardshrink hardsigmoid hardsigmoid_backward hardswish hardswish_backward hardtanh
    hardtanh_backward heaviside hypot leaky_relu leaky_relu_backward lerp lgamma log log10 log1p log2
    log_sigmoid_backward log_sigmoid_forward logaddexp logaddexp2 logit masked_fill maximum minimum mish
    mish_backward mul neg pow prelu _prelu_kernel _prelu_kernel_backward reciprocal relu relu6 remainder
    round rsqrt rsub rrelu_with_noise sgn sigmoid sigmoid_backward sign silu silu_backward sin sinh softplus
    softplus_backward softshrink sqrt square sub tan tanh tanh_backward threshold threshold_backward tril triu trunc
    where xlogy eq ne lt le gt ge logical_and logical_or logical_xor logical_not bitwise_and bitwise_or
    bitwise_xor bitwise_not isnan isinf isfinite nan_to_num
    """.split()
)

MOVES = tuple(
    """
    arange as_strided_scatter bernoulli cat channel_shuffle clone col2im constant_pad_nd contiguous copy diagonal_scatter embedding eye fill flip
    full full_like gather im2col index index_copy index_fill index_put _unsafe_index
    _unsafe_index_put index_select linspace masked_scatter masked_select normal one_hot ones ones_like pixel_shuffle
    pixel_unshuffle rand rand_like randint randn randn_like randperm random reflection_pad1d reflection_pad2d
    reflection_pad3d repeat replication_pad1d replication_pad2d replication_pad3d roll rot90 scalar_tensor scatter
    select_backward select_scatter slice_backward slice_scatter stack _to_copy uniform unfold_backward
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
    zero zeros zeros_like new_full new_ones new_zeros
    """.split()
)

FREE = tuple(
    """
    _conj _local_scalar_dense _nested_view_from_buffer _neg_view _reshape_alias _unsafe_view alias as_strided
    detach diagonal empty empty_like empty_permuted empty_strided expand is_same_size item lift
    lift_fresh new_empty new_empty_strided permute record_stream resize resolve_conj resolve_neg select set slice
    split split_with_sizes squeeze sym_numel sym_size sym_storage_offset sym_stride t transpose unbind unfold
    unsafe_split unsafe_split_with_sizes unsqueeze view view_as_complex view_as_real
    """.split()
)
"""Views, allocation and bookkeeping: they move no tensor data."""


def per_output(flops: int) -> Callable[[Call], Work]:
    """A formula of `flops` per element of the (first) output."""
    return lambda call: Work(0, flops * call.output.numel())


def per_input(flops: int) -> Callable[[Call], Work]:
    """A formula of `flops` per element of the first input."""
    return lambda call: Work(0, flops * call.input.numel())


def no_work(_: Call) -> Work:
    """Data is moved, nothing is computed."""
    return NO_WORK


def averaging(call: Call) -> Work:
    """One add per input element, one division per output element."""
    return Work(0, call.input.numel() + call.output.numel())


def _window(call: Call) -> int:
    kernel = call.arguments["kernel_size"]
    kernel = [kernel] if isinstance(kernel, int) else list(kernel)
    rank = int(call.name.partition("pool")[2][0])
    return prod(kernel * rank if len(kernel) == 1 else kernel)


def max_pooling(call: Call) -> Work:
    """One comparison per tap of each window; taps on the padding count."""
    return Work(0, call.output.numel() * _window(call))


def average_pooling(call: Call) -> Work:
    """One add per tap of each window and one division per output element."""
    return Work(0, call.output.numel() * (_window(call) + 1))


def average_pooling_backward(call: Call) -> Work:
    """Each output gradient is divided once and added to every tap of its window."""
    return Work(0, call.tensor("grad_output").numel() * (_window(call) + 1))


def _adaptive_taps(source: torch.Tensor, pooled: torch.Tensor, rank: int) -> int:
    """Sum of window sizes: output i of n covers floor(i * size / n) up to ceil((i + 1) * size / n)."""
    taps = prod(source.shape[:-rank])
    for size, n in zip(source.shape[-rank:], pooled.shape[-rank:], strict=True):
        taps *= sum(-((i + 1) * size // -n) - i * size // n for i in range(n))
    return int(taps)


def adaptive_average_pooling(call: Call) -> Work:
    """As `average_pooling`, with windows that tile the input."""
    rank = int(call.name[-2])
    return Work(0, _adaptive_taps(call.input, call.output, rank) + call.output.numel())


def adaptive_average_pooling_backward(call: Call) -> Work:
    """As `average_pooling_backward`, with windows that tile the input."""
    gradient, rank = call.tensor("grad_output"), int(call.name.partition("pool")[2][0])
    return Work(0, _adaptive_taps(call.tensor("self"), gradient, rank) + gradient.numel())


def adaptive_max_pooling(call: Call) -> Work:
    """As `max_pooling`, with windows that tile the input."""
    return Work(0, _adaptive_taps(call.input, call.output, int(call.name[-2])))


def per_gradient(flops: int) -> Callable[[Call], Work]:
    """A formula of `flops` per element of the incoming gradient (the first argument)."""
    return per_input(flops)


def trains_statistics(call: Call) -> bool:
    """Whether a batch-norm call normalises by the statistics of its own batch and updates the running ones."""
    implied = call.name == "_batch_norm_with_update"
    return bool(call.arguments.get("training", call.arguments.get("train", implied)))


def batch_norm(call: Call) -> Work:
    """One scale and one shift per element (folded per channel); batch statistics add 1 (mean) + 3 (variance)."""
    return Work(0, call.output.numel() * (6 if trains_statistics(call) else 2))


def batch_norm_backward(call: Call) -> Work:
    """Two channel sums (1 + 3) where needed; input gradient 4 with batch statistics, 1 without."""
    wants_input, wants_weight, wants_bias = call.arguments.get("output_mask", (True, True, True))
    trained = trains_statistics(call)
    sums = 4 if wants_weight or wants_bias or (wants_input and trained) else 0
    return Work(0, call.input.numel() * (sums + wants_input * (4 if trained else 1)))


def layer_norm(call: Call) -> Work:
    """Mean 1, variance 3, normalisation 2, affine 2: it cannot be folded, statistics are per row."""
    return Work(0, call.output.numel() * (8 if call.has("weight") else 6))


RULES = (
    Rule(ARITHMETIC, "0", "1 per output element", per_output(1)),
    Rule(("glu", "glu_backward"), "0", "2 per output element (sigmoid, product)", per_output(2)),
    Rule(("native_dropout",), "0", "2 per output element (mask, scale)", per_output(2)),
    Rule(("native_dropout_backward",), "0", "2 per output element (mask, scale)", per_output(2)),
    Rule(("mean",), "0", "1 per input element + 1 per output element", averaging),
    Rule(
        tuple("sum amax amin aminmax max min argmax argmin prod any all cumsum cumprod nansum".split()),
        "0",
        "1 per input element",
        per_input(1),
    ),
    Rule(("linalg_vector_norm", "norm"), "0", "2 per input element", per_input(2)),
    Rule(("var", "std", "var_mean", "std_mean", "logsumexp"), "0", "4 per input element", per_input(4)),
    Rule(("_softmax", "_safe_softmax", "_log_softmax"), "0", "5 per input element", per_input(5)),
    Rule(("_softmax_backward_data", "_log_softmax_backward_data"), "0", "4 per output element", per_output(4)),
    Rule(
        ("max_pool2d_with_indices", "max_pool3d_with_indices"),
        "0",
        "window size per output element",
        max_pooling,
    ),
    Rule(("avg_pool2d", "avg_pool3d"), "0", "window size + 1 per output element", average_pooling),
    Rule(
        ("_adaptive_avg_pool2d", "_adaptive_avg_pool3d"),
        "0",
        "1 per window element + 1 per output element",
        adaptive_average_pooling,
    ),
    Rule(
        ("adaptive_max_pool2d", "adaptive_max_pool3d"),
        "0",
        "1 per window element",
        adaptive_max_pooling,
    ),
    Rule(
        tuple(
            f"{kind}_backward"
            for kind in ("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d",
                         "adaptive_max_pool3d", "embedding_dense", "upsample_nearest1d", "upsample_nearest2d",
                         "upsample_nearest3d", "_upsample_nearest_exact1d", "_upsample_nearest_exact2d")
        ),
        "0",
        "1 per incoming gradient element",
        per_gradient(1),
    ),
    Rule(
        ("avg_pool2d_backward", "avg_pool3d_backward"),
        "0",
        "window size + 1 per incoming gradient element",
        average_pooling_backward,
    ),
    Rule(
        ("_adaptive_avg_pool2d_backward", "_adaptive_avg_pool3d_backward"),
        "0",
        "1 per window element + 1 per incoming gradient element",
        adaptive_average_pooling_backward,
    ),
    Rule(("upsample_linear1d",), "0", "4 per output element (2 taps)", per_output(4)),
    Rule(("upsample_bilinear2d", "_upsample_bilinear2d_aa"), "0", "8 per output element (4 taps)", per_output(8)),
    Rule(("upsample_trilinear3d",), "0", "16 per output element (8 taps)", per_output(16)),
    Rule(("upsample_bicubic2d", "_upsample_bicubic2d_aa"), "0", "32 per output element (16 taps)", per_output(32)),
    Rule(("upsample_linear1d_backward",), "0", "4 per incoming gradient element", per_gradient(4)),
    Rule(
        ("upsample_bilinear2d_backward", "_upsample_bilinear2d_aa_backward"),
        "0",
        "8 per incoming gradient element",
        per_gradient(8),
    ),
    Rule(("upsample_trilinear3d_backward",), "0", "16 per incoming gradient element", per_gradient(16)),
    Rule(
        ("upsample_bicubic2d_backward", "_upsample_bicubic2d_aa_backward"),
        "0",
        "32 per incoming gradient element",
        per_gradient(32),
    ),
    Rule(("grid_sampler_2d",), "0", "8 per output element (4 taps)", per_output(8)),
    Rule(
        ("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
         "_batch_norm_with_update", "_batch_norm_no_update", "cudnn_batch_norm"),
        "0",
        "2 per element; with batch statistics 6",
        batch_norm,
    ),
    Rule(
        ("native_batch_norm_backward", "batch_norm_backward", "cudnn_batch_norm_backward"),
        "0",
        "8 per element with batch statistics; 5 without (1 or 4 where only one gradient is needed)",
        batch_norm_backward,
    ),
    Rule(("native_layer_norm", "_fused_rms_norm"), "0", "8 per element; 6 without affine", layer_norm),
    Rule(("native_layer_norm_backward", "_fused_rms_norm_backward"), "0", "12 per element", per_gradient(12)),
    Rule(("native_group_norm",), "0", "6 per element (affine folded per channel)", per_output(6)),
    Rule(("native_group_norm_backward",), "0", "8 per element", per_gradient(8)),
    Rule(MOVES, "0", "0 (bytes only)", no_work),
)  # fmt: skip
