"""Which products are gates: what each tiny network has, by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional

from sebench.counters import record
from sebench.schema.gates import Gate
from sebench.surgery.gates import find_gates

C, H = 8, 2
SHAPE = (1, C, 4, 4)
# Two layers with bias: C x H + H, and H x C + C.
PARAMS, MACS = (8 * 2 + 2) + (2 * 8 + 8), 8 * 2 + 2 * 8


def gates_of(network: nn.Module, shape: tuple[int, ...] = SHAPE) -> tuple[Gate, ...]:
    return tuple(found.gate for found in find_gates(record(network.eval(), shape)))


class Net(nn.Module):
    """A convolution, whose output `gate` gates."""

    def __init__(self, gate: nn.Module, channels: int = C) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)
        self.gate = gate

    def forward(self, x):
        return torch.relu(self.gate(self.conv(x)))


class Inline(nn.Module):
    """Two linear layers, and a function that says what is done with them."""

    def __init__(self, function: Callable[[Inline, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.fc1, self.fc2, self.function = nn.Linear(C, H), nn.Linear(H, C), function
        self.conv1, self.conv2 = nn.Conv2d(C, H, 1), nn.Conv2d(H, C, 1)

    def excite(self, pooled):
        return torch.sigmoid(self.fc2(functional.relu(self.fc1(pooled))))

    def excite_map(self, pooled):
        return torch.sigmoid(self.conv2(functional.relu(self.conv1(pooled))))

    def forward(self, x):
        return self.function(self, x)


def column(values):
    return values[:, :, None, None]


SPELLINGS = {
    "mean": lambda net, x: x * column(net.excite(x.mean((2, 3)))),
    "mean twice": lambda net, x: x * column(net.excite(x.mean(3).mean(2))),
    "sum": lambda net, x: x * column(net.excite(x.sum((2, 3)) / 16)),
    "flattened": lambda net, x: x * column(net.excite(x.flatten(2).mean(-1))),
    "adaptive": lambda net, x: x * column(net.excite(functional.adaptive_avg_pool2d(x, 1).flatten(1))),
    "whole window": lambda net, x: x * net.excite(functional.avg_pool2d(x, 4).view(1, -1)).view(1, -1, 1, 1),
    "expanded": lambda net, x: x * column(net.excite(x.mean((2, 3)))).expand_as(x),
    "repeated": lambda net, x: x * column(net.excite(x.mean((2, 3)))).repeat(1, 1, 4, 4),
    "in place": lambda net, x: (x + 1).mul_(column(net.excite(x.mean((2, 3))))),
    "other order": lambda net, x: column(net.excite(x.mean((2, 3)))) * x,
    "einsum": lambda net, x: torch.einsum("nchw,nc->nchw", x, net.excite(x.mean((2, 3)))),
    "residual": lambda net, x: x + x * column(net.excite(x.mean((2, 3)))),
    "convolutions": lambda net, x: x * net.excite_map(x.mean((2, 3), keepdim=True)),
    "hard sigmoid spelt out": lambda net, x: (
        x * (functional.relu6(net.conv2(functional.silu(net.conv1(x.mean((2, 3), keepdim=True)))) + 3) / 6)
    ),
    "relu": lambda net, x: x * functional.relu(net.conv2(net.conv1(x.mean((2, 3), keepdim=True)))),
    "channels last": lambda net, x: (
        x.permute(0, 2, 3, 1) * net.excite(x.permute(0, 2, 3, 1).mean((1, 2), keepdim=True))
    ),
    "tokens": lambda net, x: (
        x.flatten(2).transpose(1, 2) * net.excite(x.flatten(2).transpose(1, 2).mean(1, keepdim=True))
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_gate_is_found_however_it_is_written(spelling):
    (gate,) = gates_of(Inline(SPELLINGS[spelling]))
    assert (gate.kind, gate.channels, gate.hidden, gate.branches) == ("channel", C, (H,), 1)
    assert (gate.params, gate.macs, gate.bias, gate.shared) == (PARAMS, MACS, True, False)
    assert gate.reduction == ("sum" if spelling == "sum" else "mean")


NO_GATES = {
    "SiLU spelt out": lambda net, x: x * torch.sigmoid(x),
    "hard swish spelt out": lambda net, x: x * functional.relu6(x + 3) / 6,
    "layer scale": lambda net, x: x * net.conv1.bias.repeat(4)[:, None, None],
    "spatial gate": lambda net, x: x * torch.sigmoid(net.conv1(x).mean(1, keepdim=True)),
    "repeated along the channels": lambda net, x: x * column(net.fc1(x.mean((2, 3)))).repeat(1, C // H, 4, 4),
    "coordinate gate": lambda net, x: x * torch.sigmoid(net.conv2(net.conv1(x.mean(3, keepdim=True)))),
    "global response": lambda net, x: x * (x.norm(dim=(2, 3), keepdim=True) * net.fc2.bias[:, None, None]),
    "normalisation": lambda net, x: (x - x.mean((2, 3), keepdim=True)) * x.var((2, 3), keepdim=True).rsqrt(),
    "dropout": lambda net, x: x * torch.empty(1, 1, 1, 1).bernoulli_(0.9).to(x.device) / 0.9,
    "one value for all": lambda net, x: x * torch.sigmoid(net.fc1(x.mean((2, 3))).mean()),
    "head": lambda net, x: net.fc1(x.mean((2, 3))) * torch.sigmoid(net.fc1(x.mean((2, 3)))),
}


@pytest.mark.parametrize("function", NO_GATES)
def test_no_gate_is_seen_where_there_is_none(function):
    assert gates_of(Inline(NO_GATES[function])) == ()


class SE(nn.Module):
    def __init__(self, dimensions: int = 2, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dimensions - 1]
        pool = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[dimensions - 1]
        self.layers = nn.Sequential(pool(1), conv(C, H, 1), activation(), conv(H, C, 1), nn.Sigmoid())

    def forward(self, x):
        return x * self.layers(x)


def test_a_module_that_is_nothing_but_the_gate_is_named():
    (gate,) = gates_of(Net(SE()))
    assert (gate.path, gate.module) == ("gate", True)
    assert (gate.before, gate.after, gate.gate) == ("convolution", "relu", "sigmoid")


class Masked(nn.Module):
    """Squeezes what a mask leaves, which it makes of the extents that it is given."""

    def __init__(self, work=None) -> None:
        super().__init__()
        self.se, self.work = Inline(lambda net, x: column(net.excite(x))), work

    def forward(self, x, extents=None):
        mask = (torch.arange(x.shape[3], device=x.device) < extents[:, None])[:, None, None].float()
        masked = x * mask if self.work is None else self.work(x) * mask
        return x * self.se(masked.sum((2, 3)) / (x.shape[2] * mask.sum((2, 3))))


class Giving(nn.Module):
    def __init__(self, gate) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, x):
        extents = torch.full(x.shape[:1], 3, device=x.device)
        return torch.relu(self.gate(x, extents=extents) + extents[:, None, None, None])


def test_a_module_may_mask_and_take_what_does_not_depend_on_the_input():
    (gate,) = gates_of(Giving(Masked()))
    assert (gate.path, gate.module, gate.reduction, gate.macs) == ("gate", True, "sum", MACS)
    (gate,) = gates_of(Giving(Masked(nn.Conv2d(C, C, 1))))
    assert (gate.path, gate.module, gate.macs) == ("gate", False, MACS)


def test_a_module_that_returns_its_gated_map_in_a_tuple_is_not_exactly_the_gate():
    class Paired(SE):
        def forward(self, x):
            return (super().forward(x),)

    class Unpacking(Net):
        def forward(self, x):
            return torch.relu(self.gate(self.conv(x))[0])

    (gate,) = gates_of(Unpacking(Paired()))
    assert (gate.path, gate.module) == ("gate", False)


def test_a_gate_beside_other_work_is_inline():
    (gate,) = gates_of(nn.Sequential(Inline(SPELLINGS["residual"])))
    assert (gate.path, gate.module, gate.after) == ("0", False, "add")


def test_a_swish_inside_stays_inside():
    (gate,) = gates_of(Net(SE(activation=nn.SiLU)))
    assert gate.macs == MACS


@pytest.mark.parametrize(("dimensions", "shape"), [(1, (1, C, 9)), (2, SHAPE), (3, (1, C, 4, 4, 4))])
def test_one_to_three_dimensions(dimensions, shape):
    (gate,) = gates_of(SE(dimensions), shape)
    assert (gate.dimensions, gate.params, gate.macs, gate.path) == (dimensions, PARAMS, MACS, "")


def test_feature_maps_of_one_position_are_gated_too():
    network = nn.Sequential(nn.Conv2d(C, C, 3, stride=4, padding=1), SE(), nn.Conv2d(C, C, 1))
    (gate,) = gates_of(network)
    assert (gate.path, gate.channels, gate.dimensions, gate.stage) == ("1", C, 2, "stride 4")


def test_a_pooling_that_halves_is_no_squeeze():
    network = nn.Sequential(nn.Conv2d(C, C, 3, stride=2, padding=1), nn.MaxPool2d(2), SE())
    (gate,) = gates_of(network)
    assert gate.reduction == "mean"


class Bare(nn.Module):
    """Linear layers without bias, whose weights are transposed before they are multiplied."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(C, H, bias=False), nn.Linear(H, C, bias=False)

    def forward(self, x):
        return x * column(torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3)))))))


def test_layers_without_bias():
    (gate,) = gates_of(Net(Bare()))
    assert (gate.bias, gate.params, gate.macs, gate.hidden) == (False, MACS, MACS, (H,))


class CBAMChannel(nn.Module):
    """One perceptron, two descriptors."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(C, H), nn.ReLU(), nn.Linear(H, C))

    def forward(self, x):
        both = self.mlp(functional.adaptive_avg_pool2d(x, 1).flatten(1)) + self.mlp(
            functional.adaptive_max_pool2d(x, 1).flatten(1)
        )
        return x * torch.sigmoid(both)[:, :, None, None].expand_as(x)


def test_shared_weights_count_once_and_shared_work_each_time():
    (gate,) = gates_of(Net(CBAMChannel()))
    assert (gate.params, gate.macs, gate.shared) == (PARAMS, 2 * MACS, True)
    assert (gate.reduction, gate.hidden) == ("mean+max", (H, C, H))


def test_one_module_called_twice_has_its_parameters_once():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.se, self.conv = SE(), nn.Conv2d(C, C, 1)

        def forward(self, x):
            return self.se(self.conv(self.se(x)))

    first, second = gates_of(Twice())
    assert (first.path, first.params, first.macs) == ("se", PARAMS, MACS)
    assert (second.path, second.params, second.macs) == ("se", 0, MACS)


class ECA(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x):
        return x * torch.sigmoid(self.conv(x.mean((2, 3)).unsqueeze(1))).squeeze(1)[:, :, None, None]


def test_a_convolution_over_channels():
    (gate,) = gates_of(Net(ECA()))
    # One kernel of 3, at each of 8 channels.
    assert (gate.kernel, gate.bias, gate.params, gate.macs) == (3, False, 3, 3 * 8)


def test_a_normalisation_inside():
    layers = nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(C, H, 1),
        nn.BatchNorm2d(H),
        nn.ReLU(),
        nn.Conv2d(H, C, 1),
        nn.Sigmoid(),
    )
    se = SE()
    se.layers = layers
    (gate,) = gates_of(Net(se))
    # Its scale and shift come on top.
    assert (gate.norm, gate.params) == (True, PARAMS + 2 * H)


class SelectiveKernel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(C, H, 1), nn.Conv2d(H, 2 * C, 1)

    def forward(self, x):
        branches = torch.stack([x, x * 2], dim=1)
        weights = self.fc2(functional.relu(self.fc1(branches.sum(1).mean((2, 3), keepdim=True))))
        return (branches * weights.view(1, 2, C, 1, 1).softmax(1)).sum(1)


def test_a_split_weighs_branches():
    (gate,) = gates_of(SelectiveKernel())
    assert (gate.kind, gate.branches, gate.channels, gate.dimensions) == ("split", 2, C, 2)
    assert (gate.gate, gate.macs) == ("_softmax", 8 * 2 + 2 * 16)


class GlobalContext(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention, self.layers = (
            nn.Conv2d(C, 1, 1),
            nn.Sequential(nn.Conv2d(C, H, 1), nn.Conv2d(H, C, 1)),
        )

    def forward(self, x):
        weights = self.attention(x).flatten(2).softmax(-1)
        return x + self.layers((x.flatten(2) @ weights.transpose(1, 2)).view(1, C, 1, 1))


def test_attention_that_adds_is_a_context_with_its_pooling():
    (gate,) = gates_of(Net(GlobalContext()))
    assert (gate.kind, gate.reduction) == ("context", "attention")
    # One key of C weights and a bias; it works at each of 16 positions, where the values are added up too.
    assert (gate.params, gate.macs) == (PARAMS + 8 + 1, MACS + 16 * 8 + 16 * 8)


class FromAnother(nn.Module):
    """As smp's MFAB: two gates added up, one of them from the other feature map."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = SE().layers, SE().layers

    def forward(self, x):
        skip = torch.tanh(x)
        return torch.cat([x * (self.high(x) + self.low(skip)), skip], dim=1)


def test_a_gate_from_two_feature_maps_is_one():
    (gate,) = gates_of(FromAnother())
    assert (gate.params, gate.macs, gate.gate, gate.after) == (2 * PARAMS, 2 * MACS, "add", "cat")


class SpatialAndChannel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.channel, self.spatial = SE(), nn.Conv2d(C, 1, 1)

    def forward(self, x):
        return self.channel(x) + x * torch.sigmoid(self.spatial(x))


def test_a_spatial_gate_beside_is_none():
    (gate,) = gates_of(SpatialAndChannel())
    assert (gate.path, gate.params) == ("channel", PARAMS)


@dataclass
class Output:
    features: torch.Tensor


@pytest.mark.parametrize("wrap", [lambda x: {"out": x}, lambda x: (x, [x]), Output])
def test_outputs_of_any_kind(wrap):
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.se = SE()

        def forward(self, x):
            return wrap(self.se(x))

    recording = record(Wrapped().eval(), SHAPE)
    (found,) = find_gates(recording)
    assert found.gate.after == "output"
    assert set(recording.outputs) == set(recording.ops[found.product].outputs)


def test_pooling_under_inference_mode():
    class Guarded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.se = SE()

        @torch.inference_mode()
        def forward(self, x):
            return self.se(x)

    (gate,) = gates_of(Guarded())
    assert (gate.params, gate.macs) == (PARAMS, MACS)
