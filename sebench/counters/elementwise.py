"""Formulas of elementwise ops, reductions, normalisations and data movement.

One FLOP per element and per aten operation, whatever the operation costs in silicon: a sigmoid and an add
are both one. Conventions differ between tools (docs/counting.md); this one can be redone by hand. The
statistics of a normalisation are 1 (mean) + 3 (squared deviations) per element, scale and shift are 2.
"""

from __future__ import annotations

from collections.abc import Callable

from sebench.counters.work import NO_WORK, Call, Rule, Work


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ARITHMETIC = _names(
    """
    abs acos acosh add addcdiv addcmul asin asinh atan atan2 atanh bitwise_and bitwise_not bitwise_or
    bitwise_xor ceil celu clamp clamp_max clamp_min copysign cos cosh deg2rad div elu elu_backward eq
    erf erfc erfinv exp exp2 expm1 floor floor_divide fmax fmin fmod frac ge gelu gelu_backward gt
    hardshrink hardsigmoid hardsigmoid_backward hardswish hardswish_backward hardtanh hardtanh_backward
    heaviside hypot isfinite isinf isnan le leaky_relu leaky_relu_backward lerp lgamma log log10 log1p
    log2 log_sigmoid_backward log_sigmoid_forward logaddexp logaddexp2 logical_and logical_not
    logical_or logical_xor logit lt masked_fill maximum minimum mish mish_backward mul nan_to_num ne neg
    pow prelu _prelu_kernel _prelu_kernel_backward reciprocal relu relu6 remainder round
    rrelu_with_noise rsqrt rsub sgn sigmoid sigmoid_backward sign silu silu_backward sin sinh softplus
    softplus_backward softshrink sqrt square sub tan tanh tanh_backward threshold threshold_backward
    tril triu trunc where xlogy
    """
)
"""One FLOP per output element."""

MOVES = _names(
    """
    arange as_strided_scatter bernoulli cat channel_shuffle clone col2im constant_pad_nd contiguous copy
    diagonal_scatter embedding eye fill flip full full_like gather im2col index index_copy index_fill
    index_put index_select linspace masked_scatter masked_select new_full new_ones new_zeros normal
    one_hot ones ones_like pixel_shuffle pixel_unshuffle rand rand_like randint randn randn_like random
    randperm reflection_pad1d reflection_pad2d reflection_pad3d repeat replication_pad1d
    replication_pad2d replication_pad3d roll rot90 scalar_tensor scatter select_backward select_scatter
    slice_backward slice_scatter stack _to_copy unfold_backward uniform _unsafe_index _unsafe_index_put
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
    _upsample_nearest_exact2d zero zeros zeros_like
    """
)
"""Data is moved or created, nothing is computed: bytes only."""

FREE = _names(
    """
    alias as_strided _conj detach diagonal empty empty_like empty_permuted empty_strided expand
    is_same_size item lift lift_fresh _linalg_check_errors _local_scalar_dense _neg_view
    _nested_view_from_buffer new_empty new_empty_strided permute record_stream _reshape_alias resize
    resolve_conj resolve_neg select set slice split split_with_sizes squeeze sym_numel sym_size
    sym_storage_offset sym_stride t transpose unbind unfold unsafe_split unsafe_split_with_sizes
    _unsafe_view unsqueeze view view_as_complex view_as_real
    """
)
"""Views, allocation and bookkeeping: no tensor data moves."""


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


BATCH_NORM = (
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "_batch_norm_with_update",
    "_batch_norm_no_update",
    "cudnn_batch_norm",
)
BATCH_NORM_BACKWARD = ("native_batch_norm_backward", "batch_norm_backward")


def uses_batch_statistics(call: Call) -> bool:
    """Whether batch norm normalises by its own batch, and so updates the running statistics."""
    implied = call.name == "_batch_norm_with_update"
    return bool(call.arguments.get("training", call.arguments.get("train", implied)))


def batch_norm(call: Call) -> Work:
    """Scale and shift per element (affine and statistics fold per channel); in training the statistics."""
    return Work(0, call.output.numel() * (6 if uses_batch_statistics(call) else 2))


def batch_norm_backward(call: Call) -> Work:
    """Two channel sums (1 + 3), and the input gradient: a, b, c with a dy + b x + c, or one scale in eval."""
    wants_input, wants_weight, wants_bias = call.arguments["output_mask"]
    trained = uses_batch_statistics(call)
    sums = 4 if wants_weight or wants_bias or (wants_input and trained) else 0
    return Work(0, call.input.numel() * (sums + wants_input * (4 if trained else 1)))


def row_norm(call: Call) -> Work:
    """Statistics per row and affine per column do not fold: 4 + 2, and 2 more for the affine part."""
    return Work(0, call.output.numel() * (8 if call.has("weight") else 6))


NORMALISATION = (
    Rule(BATCH_NORM, "0", "2 per element; with batch statistics 6", batch_norm),
    Rule(
        BATCH_NORM_BACKWARD,
        "0",
        "8 per element with batch statistics, 5 without; fewer where not every gradient is needed",
        batch_norm_backward,
    ),
    Rule(("native_layer_norm", "_fused_rms_norm"), "0", "8 per element; 6 without affine", row_norm),
    Rule(("native_layer_norm_backward", "_fused_rms_norm_backward"), "0", "12 per element", per_input(12)),
    Rule(("native_group_norm",), "0", "6 per element (affine folded per channel)", per_output(6)),
    Rule(("native_group_norm_backward",), "0", "8 per element", per_input(8)),
    Rule(
        ("_softmax", "_safe_softmax", "_log_softmax"),
        "0",
        "5 per element (maximum, difference, exp, sum, division)",
        per_input(5),
    ),
    Rule(("_softmax_backward_data", "_log_softmax_backward_data"), "0", "4 per element", per_output(4)),
    Rule(
        ("_weight_norm_interface", "_weight_norm_interface_backward"),
        "0",
        "4 per output element (square, sum, division, scale)",
        per_output(4),
    ),
)
