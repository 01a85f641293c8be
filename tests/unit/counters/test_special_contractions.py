"""Contractions that are neither a convolution nor a product of two matrices, by hand."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from sebench.counters import count
from sebench.counters.linear_algebra import triangular_solve
from sebench.counters.work import Call


class Function(nn.Module):
    def __init__(self, function, **parameters):
        super().__init__()
        self.function = function
        for name, shape in parameters.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape, device="meta")))

    def forward(self, x):
        return self.function(x, **dict(self.named_parameters()))


def work(function, shape, phase="inference", **parameters):
    """MACs, FLOPs by op."""
    cost = count(Function(function, **parameters), shape, phase=phase)
    assert cost.uncounted == ()
    return {op.op: (op.macs, op.flops) for op in cost.ops if op.macs or op.flops}


def in_backward(function, shape, **parameters):
    cost = count(Function(function, **parameters), shape, phase="training")
    assert cost.uncounted == ()
    return {op.op: (op.macs, op.flops) for op in cost.ops if op.phase == "backward" and op.macs}


def bilinear(x, weight):
    return functional.bilinear(x, x[:, :4], weight)


def test_bilinear_multiplies_twice():
    # batch 2, features 6 and 4, outputs 5: first by weight 2*5*6*4 = 240, then by the second input 2*5*4 = 40
    assert work(bilinear, (2, 6), weight=(5, 6, 4)) == {"aten._trilinear": (280, 560)}


def test_the_backward_of_bilinear():
    # only the weight learns: first input by gradient 2*5*6 = 60, by second input 2*5*6*4 = 240
    assert in_backward(bilinear, (2, 6), weight=(5, 6, 4)) == {"aten._trilinear": (300, 600)}


def test_bilinear_runs_the_products_that_are_counted():
    """The kernel's own products, as the profiler sees them."""
    layer = nn.Bilinear(6, 4, 5, bias=False)
    with torch.no_grad(), torch.profiler.profile(record_shapes=True) as profile:
        layer(torch.randn(2, 6), torch.randn(2, 4))
    products = [event.input_shapes for event in profile.events() if event.name == "aten::bmm"]
    assert sum(b * m * k * n for (b, m, k), (_, _, n) in products) == 280


@pytest.mark.parametrize(
    ("function", "macs", "flops", "op"),
    [
        # 7 x 5 pairs of rows of 3: 105; 3 operations each, and 35 roots
        (lambda x: torch.cdist(x, x[:5]), 105, 3 * 105 + 35, "_cdist_forward"),
        (lambda x: torch.cdist(x, x[:5], p=1.0), 105, 3 * 105 + 35, "_cdist_forward"),
        # 7 * 6 / 2 = 21 pairs: 63
        (torch.pdist, 63, 3 * 63 + 21, "_pdist_forward"),
    ],
)
def test_distances(function, macs, flops, op):
    assert work(function, (7, 3))[f"aten.{op}"] == (macs, flops)


def test_many_distances_are_a_product():
    # 30 x 30 pairs, 3 columns and 2 for the squared lengths: 900 * 5 = 4500
    # squared lengths 2 * (90 + 90), times -2: 90, limit and root 2 * 900
    found = work(lambda x: torch.cdist(x, x), (30, 3))
    assert found == {"aten._euclidean_dist": (4500, 9000 + 360 + 90 + 1800)}


def test_the_backward_of_distances():
    # 7 x 5 pairs of 3 columns, once for the 5 rows that learn (the input needs no gradient)
    found = in_backward(torch.cdist, (7, 3), x2=(5, 3))
    assert found == {"aten._cdist_backward": (105, 3 * 105 + 35)}


def deformable(x, weight, offset, mask=None):
    return torchvision.ops.deform_conv2d(x, offset, weight, mask=mask)


DEFORMABLE = {"weight": (8, 4, 3, 3), "offset": (2, 18, 6, 6)}


def test_deformable_convolution():
    # 2 x 8 x 6 x 6 = 576 outputs of 4 x 9 products: 20,736; biases 576
    # 2 x 4 x 9 x 36 = 2592 samples of four neighbours, 8 each; with a mask 9
    op = "torchvision.deform_conv2d"
    assert work(deformable, (2, 4, 8, 8), **DEFORMABLE) == {op: (20_736, 41_472 + 576 + 8 * 2592)}
    masked = work(deformable, (2, 4, 8, 8), **DEFORMABLE, mask=(2, 9, 6, 6))
    assert masked == {op: (20_736, 41_472 + 576 + 9 * 2592)}


def test_grouped_deformable_convolution_and_its_backward():
    # 2 groups: each output sees 2 channels: 576 * 2 * 9 = 10,368; backward twice that
    shapes = {"weight": (8, 2, 3, 3), "offset": (2, 18, 6, 6)}
    assert work(deformable, (2, 4, 8, 8), **shapes)["torchvision.deform_conv2d"][0] == 10_368
    found = in_backward(deformable, (2, 4, 8, 8), **shapes)
    assert found == {"torchvision._deform_conv2d_backward": (20_736, 41_472 + 576 + 3 * 8 * 2592)}


@pytest.mark.parametrize(
    ("function", "shape", "expected"),
    [
        # 3 batches of (2, 4) x (4, 2): 3 * 2 * 2 * 4 = 48; bias 4
        (lambda x: torch.addbmm(x[0, :, :2], x, x.transpose(1, 2)), (3, 2, 4), {"addbmm": (48, 100)}),
        # 6 rows, 2 of them in the first group: 6 * 8 * 8, whatever the groups
        (
            lambda x, experts: torch._grouped_mm(x, experts, torch.tensor([2, 6], dtype=torch.int32)),
            (6, 8),
            {"_grouped_mm": (384, 768)},
        ),
        (
            lambda x: torch.conv_tbc(x, x.new_empty(3, 4, 5), x.new_empty(5)),
            (7, 2, 4),
            {"conv_tbc": (600, 1250)},
        ),
        # 2 images of 3 x 5 points, 2 coordinates of 3 products
        (
            lambda x: functional.affine_grid(x, [2, 1, 3, 5], align_corners=False),
            (2, 2, 3),
            {"affine_grid_generator": (180, 360)},
        ),
    ],
)
def test_other_products(function, shape, expected):
    parameters = {"experts": (2, 8, 8)} if "_grouped_mm" in expected else {}
    dtype = "bfloat16" if "_grouped_mm" in expected else "float32"
    cost = count(Function(function, **parameters), shape, dtype=dtype)
    assert cost.uncounted == ()
    assert {op.op.removeprefix("aten."): (op.macs, op.flops) for op in cost.ops if op.macs} == expected


@pytest.mark.parametrize(
    ("function", "shape", "expected"),
    [
        (lambda x: torch.addr(x, x[0], x[0]), (4, 4), 2 * 16),
        (lambda x: torch.linalg.cross(x, x), (5, 3), 3 * 15),
        # 1 x 4 channels at 2 x 2 points: 16 samples of 4 taps, of none, of 16
        (lambda x: sample(x, "bilinear"), (1, 4, 6, 6), 8 * 16),
        (lambda x: sample(x, "nearest"), (1, 4, 6, 6), 0),
        (lambda x: sample(x, "bicubic"), (1, 4, 6, 6), 32 * 16),
        # 1 x 2 channels at 2 x 2 x 2 points: 16 samples of 8 taps
        (lambda x: sample(x, "bilinear"), (1, 2, 6, 6, 6), 16 * 16),
    ],
)
def test_what_has_no_sum_has_no_macs(function, shape, expected):
    assert list(work(function, shape).values()) == ([(0, expected)] if expected else [])


def sample(x, mode):
    rank = x.dim() - 2
    grid = x.new_empty((1, *[2] * rank, rank))
    return functional.grid_sample(x, grid, mode=mode, align_corners=False)


def test_products_of_integers():
    def whole(x):
        y = x.to(torch.int8)
        return torch._int_mm(y, y.t())

    assert work(whole, (32, 8))["aten._int_mm"] == (32 * 32 * 8, 2 * 32 * 32 * 8)


@pytest.mark.parametrize(
    ("function", "macs", "flops", "op"),
    [
        # 2 matrices of 4: 4 * 15 / 6 = 10 each; 10 roots and divisions
        (torch.linalg.cholesky, 2 * 10, 2 * (20 + 10), "linalg_cholesky_ex"),
        # 3^2 + 2^2 + 1 = 14; 6 divisions
        (torch.linalg.det, 2 * 14, 2 * (28 + 6), "_linalg_det"),
        # elimination 14, two substitutions of 6 products for 4 columns: 48; 16 divisions
        (lambda x: torch.linalg.solve(x, x), 2 * (14 + 48), 2 * (2 * 62 + 6 + 16), "_linalg_solve_ex"),
        (
            lambda x: torch.linalg.lu_solve(x, torch.empty(2, 4, dtype=torch.int32, device="meta"), x),
            2 * 48,
            2 * (96 + 16),
            "linalg_lu_solve",
        ),
        (torch.linalg.inv, 2 * (14 + 48), 2 * (2 * 62 + 6 + 16), "linalg_inv_ex"),
        (
            lambda x: torch.linalg.solve_triangular(x, x, upper=True),
            2 * 24,
            2 * (48 + 16),
            "linalg_solve_triangular",
        ),
    ],
)
def test_direct_solvers(function, macs, flops, op):
    assert work(function, (2, 4, 4))[f"aten.{op}"] == (macs, flops)


def test_the_old_triangular_solve_names_its_factors_otherwise():
    sides, factor = torch.empty(5, 3, 2, device="meta"), torch.empty(5, 3, 3, device="meta")
    call = Call("aten.triangular_solve", {"self": sides, "A": factor}, (sides, factor))
    # 5 matrices, 3 products per column, 2 columns; 5 * 6 unknowns
    assert triangular_solve(call) == (30, 60 + 30)


def test_fourier_transforms():
    # 3 x 8 x 8 real numbers: 2.5 * 192 * log2(64) = 2880; of the complex half 3 x 8 x 5 along 8: 5 * 120 * 3
    found = work(lambda x: torch.fft.fft(torch.fft.rfft2(x), dim=1), (3, 8, 8))
    assert found == {"aten._fft_r2c": (0, 2880), "aten._fft_c2c": (0, 1800)}
    back = work(lambda x: torch.fft.irfft2(torch.fft.rfft2(x)), (3, 8, 8))
    assert back["aten._fft_c2r"] == (0, 2880)
    # 2.5 * 7 * log2(7) = 49.1
    assert work(torch.fft.rfft, (7,)) == {"aten._fft_r2c": (0, 49)}
