"""The SE block against Eqs. 2-4 written out by hand."""

import math

import pytest
import torch

from sebench.models.attention import make_attention
from sebench.models.squeeze_excitation import SqueezeExcitation
from sebench.schema import Variant

GATES = {
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "relu": lambda v: max(0.0, v),
    "tanh": math.tanh,
    "hardsigmoid": lambda v: min(1.0, max(0.0, v / 6 + 0.5)),
}
POOLS = {
    "avg": (lambda grid: sum(grid) / len(grid),),
    "max": (max,),
    "avgmax": (lambda grid: sum(grid) / len(grid), max),
}


def random_block(channels=6, **options):
    torch.manual_seed(0)
    block = SqueezeExcitation(channels, **options).double()
    return block, torch.randn(2, channels, 3, 5, dtype=torch.float64)


def layer(weight, bias, values):
    return [
        sum(w * v for w, v in zip(row, values, strict=True)) + offset
        for row, offset in zip(weight, bias, strict=True)
    ]


def logits(block, descriptor):
    """W2 relu(W1 z + b1) + b2 in plain Python."""
    (w1, b1), (w2, b2) = (
        (fc.weight.flatten(1).tolist(), [0.0] * len(fc.weight) if fc.bias is None else fc.bias.tolist())
        for fc in (block.excite.fc1, block.excite.fc2)
    )
    return layer(w2, b2, [max(0.0, v) for v in layer(w1, b1, descriptor)])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("excitation", GATES)
@pytest.mark.parametrize("squeeze", POOLS)
def test_squeezed_block_is_equations_2_to_4(squeeze, excitation, bias):
    block, x = random_block(r=2, squeeze=squeeze, excitation=excitation, bias=bias)
    expected = torch.empty_like(x)
    for n, image in enumerate(x.tolist()):
        channels = [[value for row in grid for value in row] for grid in image]
        summed = [0.0] * len(channels)
        for pool in POOLS[squeeze]:
            summed = [a + b for a, b in zip(summed, logits(block, [pool(c) for c in channels]), strict=True)]
        for c, logit in enumerate(summed):
            expected[n, c] = x[n, c] * GATES[excitation](logit)
    torch.testing.assert_close(block(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("excitation", GATES)
def test_unsqueezed_block_gates_every_pixel(excitation, bias):
    block, x = random_block(r=2, squeeze="none", excitation=excitation, bias=bias)
    assert isinstance(block.excite.fc1, torch.nn.Conv2d)
    expected = torch.empty_like(x)
    for n, _, h, w in torch.cartesian_prod(*map(torch.arange, (2, 1, 3, 5))).tolist():
        pixel = x[n, :, h, w].tolist()
        gated = [v * GATES[excitation](z) for v, z in zip(pixel, logits(block, pixel), strict=True)]
        expected[n, :, h, w] = torch.tensor(gated, dtype=torch.float64)
    torch.testing.assert_close(block(x), expected, rtol=1e-12, atol=1e-12)


def test_layers_have_the_widths_of_equation_5():
    block = SqueezeExcitation(1056)
    shapes = {name: tuple(parameter.shape) for name, parameter in block.named_parameters()}
    assert shapes == {
        "excite.fc1.weight": (66, 1056),
        "excite.fc1.bias": (66,),
        "excite.fc2.weight": (1056, 66),
        "excite.fc2.bias": (1056,),
    }
    assert [name for name, _ in block.named_children()] == ["squeeze", "excite", "scale"]


def test_width_below_the_ratio_keeps_one_hidden_channel():
    assert SqueezeExcitation(8, r=16).excite.fc1.out_features == 1


def test_a_gate_of_one_changes_nothing():
    block, x = random_block(r=2, excitation="hardsigmoid")
    torch.nn.init.zeros_(block.excite.fc2.weight)
    torch.nn.init.constant_(block.excite.fc2.bias, 3.0)  # hardsigmoid(3) = 1
    assert torch.equal(block(x), x)


def test_plain_has_no_module():
    with pytest.raises(ValueError, match="plain"):
        make_attention(32, Variant())
