"""Multiply-accumulates by hand: convolutions, linear layers, matrix products, attention."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from sebench.counters import count


class Function(nn.Module):
    """A network that is one function of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def work(model, shape):
    cost = count(model, shape)
    assert cost.uncounted == ()
    return sum(op.macs for op in cost.ops), sum(op.flops for op in cost.ops)


@pytest.mark.parametrize(
    ("layer", "shape", "macs", "outputs"),
    [
        # 8 filters of 3x3x3 at 6x6 positions: 8*36*27; outputs 8*36
        (nn.Conv2d(3, 8, 3), (1, 3, 8, 8), 7776, 288),
        # batch 2, stride 2, padding 1: 4x4 positions: 2*8*16*27
        (nn.Conv2d(3, 8, 3, stride=2, padding=1), (2, 3, 8, 8), 6912, 256),
        # 4 groups: each output sees 8/4 channels: 16*36*(2*9)
        (nn.Conv2d(8, 16, 3, groups=4), (1, 8, 8, 8), 10368, 576),
        # depthwise, dilation 2 (window 5): 4x4 positions: 8*16*9
        (nn.Conv2d(8, 8, 3, groups=8, dilation=2), (1, 8, 8, 8), 1152, 128),
        # 1-d: 4 filters of 2x5 at 6 positions: 4*6*10
        (nn.Conv1d(2, 4, 5), (1, 2, 10), 240, 24),
        # 3-d: 2 filters of 1x2x2x2 at 3x3x3: 2*27*8
        (nn.Conv3d(1, 2, 2), (1, 1, 4, 4, 4), 432, 54),
        # transposed: each of 3*25 inputs meets 8*9 weights: 75*72; outputs 8 * (2*4+3)^2
        (nn.ConvTranspose2d(3, 8, 3, stride=2), (1, 3, 5, 5), 5400, 968),
        # transposed, 2 groups: 4*25 inputs meet (6/2)*9 weights; outputs 6*7*7
        (nn.ConvTranspose2d(4, 6, 3, groups=2), (1, 4, 5, 5), 2700, 294),
        # linear: 2*5*7
        (nn.Linear(5, 7), (2, 5), 70, 14),
        # linear over tokens: 2*3 rows: 6*5*7
        (nn.Linear(5, 7), (2, 3, 5), 210, 42),
    ],
)
def test_layers(layer, shape, macs, outputs):
    assert work(layer, shape) == (macs, 2 * macs + outputs)  # the bias: 1 add per output


def test_without_bias_only_products_are_counted():
    assert work(nn.Conv2d(3, 8, 3, bias=False), (1, 3, 8, 8)) == (7776, 15552)
    assert work(nn.Linear(5, 7, bias=False), (2, 5)) == (70, 140)


@pytest.mark.parametrize(
    ("function", "shape", "macs", "extra"),
    [
        (lambda x: x @ x.transpose(-1, -2), (4, 6), 4 * 6 * 4, 0),
        (lambda x: x @ x.transpose(-1, -2), (3, 4, 6), 3 * 4 * 6 * 4, 0),
        (lambda x: torch.einsum("bchw,bdhw->bcd", x, x), (2, 3, 4, 5), 2 * 3 * 20 * 3, 0),
        (lambda x: torch.baddbmm(x, x, x), (2, 3, 3), 2 * 27, 18),
        (lambda x: torch.mv(x, x[0]), (4, 4), 16, 0),
        (lambda x: torch.dot(x[0], x[1]), (2, 5), 5, 0),
    ],
)
def test_products(function, shape, macs, extra):
    assert work(Function(function), shape) == (macs, 2 * macs + extra)


def test_attention_is_two_products_of_scores():
    # 2 heads, 5 queries and keys, depth 4: scores 2*5*5 = 50; q k^T 50*4 and weights v 50*4
    model = Function(lambda x: functional.scaled_dot_product_attention(x, x, x))
    assert work(model, (1, 2, 5, 4))[0] == 400


def test_composites_that_arrive_whole_are_decomposed():
    def inferred(x):
        with torch.inference_mode():
            return functional.linear(x.matmul(x.t()), x.t())

    # matmul (3,4)(4,3): 36, then 3x3 inputs to 4 features: 36
    assert work(Function(inferred), (3, 4))[0] == 72
