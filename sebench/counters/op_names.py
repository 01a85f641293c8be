"""Aten ops by what they do, for those whose formula is one and the same (in-place forms included)."""


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
