"""One FLOP per element: elementwise ops, reductions, pooling, normalisation, and what is free."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from sebench.counters import count


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def flops(model, shape, **options):
    cost = count(model, shape, **options)
    assert cost.uncounted == ()
    assert sum(op.macs for op in cost.ops) == 0
    return sum(op.flops for op in cost.ops)


@pytest.mark.parametrize(
    "function",
    [
        torch.relu,
        torch.relu_,
        torch.sigmoid,
        torch.tanh,
        functional.hardsigmoid,
        functional.hardswish,
        functional.hardtanh,
        functional.silu,
        functional.gelu,
        torch.exp,
        torch.sqrt,
        torch.abs,
        torch.neg,
        functional.relu6,
        functional.elu,
        functional.leaky_relu,
        functional.softplus,
        functional.mish,
        lambda x: x * x,
        lambda x: x + 1,
        lambda x: x - x,
        lambda x: x / 2,
        lambda x: x**2,
        lambda x: x.clamp(0, 1),
        lambda x: x > 0,
        lambda x: torch.maximum(x, x),
        lambda x: x.mul_(2),
    ],
)
def test_elementwise_ops_cost_one_per_element(function):
    assert flops(Function(function), (2, 3, 4)) == 24


def test_a_broadcast_product_costs_its_output():
    assert flops(Function(lambda x: x * x[:, :, :1, :1]), (1, 8, 5, 5)) == 200


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x.mean((2, 3)), 200 + 8),  # every input added, every mean divided
        (nn.AdaptiveAvgPool2d(1), 200 + 8),  # the same arithmetic, whatever it is called
        (lambda x: functional.avg_pool2d(x, 5), 200 + 8),
        (lambda x: x.sum((2, 3)), 200),
        (lambda x: x.amax((2, 3)), 200),
        (lambda x: x.flatten(2).max(-1)[0], 200),
        (lambda x: x.flatten(2).std(-1), 800),
        (nn.AdaptiveMaxPool2d(1), 200),
        (nn.MaxPool2d(3, stride=2, padding=1), 8 * 9 * 9),  # 3x3 windows of 9 taps
        (nn.AvgPool2d(2), 8 * 4 * (4 + 1)),  # 2x2 windows of 4 taps, one division each
        (nn.AdaptiveAvgPool2d(2), 8 * (6 * 6) + 8 * 4),  # 5 -> 2: windows 0..2 and 2..4, 6 taps per side
        (lambda x: x.softmax(1), 5 * 200),
        (lambda x: functional.interpolate(x, scale_factor=2), 0),
        (lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"), 8 * 8 * 100),
    ],
)
def test_reductions_and_pools(function, expected):
    assert flops(Function(function), (1, 8, 5, 5)) == expected


@pytest.mark.parametrize(
    ("layer", "training", "inference"),
    [
        # forward 6 with batch statistics, backward 4 (sums): nothing before it needs a gradient
        (nn.BatchNorm2d(8), 6 + 4, 2),
        (nn.LayerNorm((8, 5, 5)), 8 + 12, 8),
        (nn.GroupNorm(2, 8), 6 + 8, 6),
    ],
)
def test_normalisations(layer, training, inference):
    shape = (2, 8, 5, 5)
    assert flops(layer, shape) == 400 * inference
    assert flops(layer, shape, phase="training") == 400 * training


def test_a_layer_norm_without_affine_part():
    assert flops(nn.LayerNorm((8, 5, 5), elementwise_affine=False), (2, 8, 5, 5)) == 400 * 6


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.view(2, -1),
        lambda x: x.flatten(1),
        lambda x: x.permute(0, 2, 1),
        lambda x: x[:, 1:],
        lambda x: x.unsqueeze(0),
        lambda x: x.expand(5, 2, 3, 4),
        lambda x: x.chunk(2, 1),
        lambda x: x.detach(),
        torch.empty_like,
        nn.Dropout(0.5),
        nn.Identity(),
        lambda x: x.t_() if x.dim() < 3 else x,
    ],
)
def test_views_allocation_and_evaluated_dropout_are_free(function):
    cost = count(Function(function), (2, 3, 4))
    assert cost.ops == ()
    assert cost.uncounted == ()


def test_marks_for_a_profiler_are_free():
    def marked(x):
        with torch.profiler.record_function("part"):
            return x + x

    cost = count(Function(marked), (2, 3))
    assert ([op.op for op in cost.ops], cost.uncounted) == (["aten.add"], ())


def test_data_movement_costs_bytes_alone():
    (cat,) = count(Function(lambda x: torch.cat((x, x), 1)), (1, 3, 4, 4)).ops
    assert (cat.op, cat.macs, cat.flops) == ("aten.cat", 0, 0)
    assert (cat.bytes_read, cat.bytes_written) == (2 * 48 * 4, 96 * 4)


def test_batch_counter_is_bookkeeping():
    ops = {op.op for op in count(nn.BatchNorm2d(8), (2, 8, 5, 5), phase="training").ops}
    assert ops == {"aten.native_batch_norm", "aten.native_batch_norm_backward"}


def test_ops_without_a_formula_are_in_the_ledger_and_in_no_total():
    model = Function(lambda x: torch.erfinv(x).sort()[0] + x.sort()[0])
    cost = count(model, (4, 4))
    assert [(entry.op, entry.calls) for entry in cost.uncounted] == [("aten.sort", 2)]
    assert {op.op for op in cost.ops} == {"aten.erfinv", "aten.add"}
