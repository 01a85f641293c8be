"""Formulas of torchvision's deformable convolution: samples between the pixels, then products."""

from __future__ import annotations

from math import prod

from sebench.counters.work import Call, Rule, Work

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


RULES = (
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
