"""The paper's convention: MACs + residual-add elements + squeezed elements."""

import pytest
import torch
from torch import nn

from sebench.counters import count


class SqueezeExcitation(nn.Module):
    """Gate of 8 channels and 2 hidden units, written in one of the usual ways."""

    def __init__(self, squeeze, form):
        super().__init__()
        self.squeeze, self.form = squeeze, form
        layer = nn.Linear if form == "linear" else lambda fan_in, fan_out: nn.Conv2d(fan_in, fan_out, 1)
        self.fc1, self.fc2 = layer(8, 2), layer(2, 8)

    def forward(self, x):
        z = self.squeeze(x)
        z = z.flatten(1) if self.form == "linear" else z.reshape(len(x), 8, 1, 1)
        gate = torch.sigmoid(self.fc2(torch.relu(self.fc1(z))))
        return gate.view(len(x), 8, 1, 1) * x


class Residual(nn.Module):
    def __init__(self, squeeze, form):
        super().__init__()
        self.conv, self.se = nn.Conv2d(8, 8, 1, bias=False), SqueezeExcitation(squeeze, form)

    def forward(self, x):
        return self.se(self.conv(x)) + x


SQUEEZES = [
    lambda x: x.mean((2, 3)),
    lambda x: x.mean((-1, -2), keepdim=True),
    nn.AdaptiveAvgPool2d(1),
    lambda x: nn.functional.avg_pool2d(x, x.shape[2:]),
    lambda x: x.view(*x.shape[:2], -1).mean(-1),
    lambda x: x.sum((2, 3)),
]


@pytest.mark.parametrize("form", ["linear", "conv1x1"])
@pytest.mark.parametrize("squeeze", SQUEEZES)
def test_se_block_costs_the_same_however_it_is_written(squeeze, form):
    cost = count(Residual(squeeze, form), (2, 8, 5, 5), sites=["se"])
    # per image: conv 8*8*25, FCs 8*2 + 2*8; residual add 200, squeezed 200
    assert sum(op.macs for op in cost.ops) == 2 * (1600 + 32)
    assert sum(op.paper_macs for op in cost.ops) == 2 * (1600 + 32 + 200 + 200)
    # outside: conv 3200, add 200; site: sums 200 (+ 8 divisions unless summed), FCs 2*32 + 10 biases,
    # relu 2, sigmoid 8, scale 200
    divisions = (
        sum(op.flops for op in cost.ops if op.op in ("aten.mean", "aten.sum", "aten.avg_pool2d")) - 400
    )
    assert divisions in (0, 16)
    assert sum(op.flops for op in cost.ops) == 2 * (3400 + 200 + 74 + 10 + 200) + divisions
    assert cost.sites[0].params == 8 * 2 + 2 + 2 * 8 + 8


@pytest.mark.parametrize(
    ("squeeze", "squeezed"),
    [
        (lambda x: x.amax((2, 3)), 200),
        (lambda x: x.flatten(2).max(-1)[0], 200),
        (lambda x: x.mean((2, 3)) + x.amax((2, 3)), 400),
        (nn.AdaptiveMaxPool2d(1), 200),
        (lambda x: x.flatten(2)[..., 0] * x.mean(1, keepdim=True).amax(), 0),  # across channels: no squeeze
    ],
)
def test_squeezed_elements_by_reduction(squeeze, squeezed):
    cost = count(Residual(squeeze, "linear"), (1, 8, 5, 5), sites=["se"])
    assert sum(op.paper_macs - op.macs for op in cost.ops) == 200 + squeezed


def test_only_reductions_inside_a_site_are_squeezes():
    cost = count(Residual(SQUEEZES[0], "linear"), (1, 8, 5, 5))
    assert sum(op.paper_macs - op.macs for op in cost.ops) == 200  # the add alone


class Add(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function, self.position = function, nn.Parameter(torch.zeros(1, 8, 5, 5))

    def forward(self, x):
        return self.function(x, self.position)


@pytest.mark.parametrize(
    ("function", "elements"),
    [
        (lambda x, _: x + x, 200),
        (lambda x, _: x.add_(x.detach()), 200),
        (lambda x, _: torch.add(x, x, alpha=0.2), 200),
        (lambda x, position: x + position, 0),  # stored, no activation
        (lambda x, position: x + position[:], 0),
        (lambda x, _: x + 1, 0),
        (lambda x, _: x + x[:, :1], 0),
        (lambda x, _: x.flatten(1) + x.flatten(1), 0),  # vectors per image, as in a head
        (lambda x, _: x - x, 0),
    ],
)
def test_residual_adds(function, elements):
    cost = count(Add(function), (1, 8, 5, 5))
    assert sum(op.paper_macs for op in cost.ops) == elements


def test_backward_adds_nothing_to_the_paper_figure():
    inference = count(Residual(SQUEEZES[0], "linear"), (2, 8, 5, 5), sites=["se"])
    training = count(Residual(SQUEEZES[0], "linear"), (2, 8, 5, 5), sites=["se"], phase="training")
    forward = [op for op in training.ops if op.phase == "forward"]
    assert sum(op.paper_macs for op in forward) == sum(op.paper_macs for op in inference.ops)
    assert all(op.paper_macs == op.macs for op in training.ops if op.phase == "backward")
