"""What of a count belongs to a gate, forward and backward, and the stage of everything else."""

from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn import functional

from sebench.counters import count, record
from sebench.counters.scope import Place
from sebench.surgery.sites import charged_to, find_sites

SHAPE = (1, 3, 16, 16)
# Of 6 channels at 3 hidden, with bias.
PARAMS, MACS = 6 * 3 + 3 + 3 * 6 + 6, 6 * 3 + 3 * 6


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 3, 1), nn.ReLU(), nn.Conv2d(3, 6, 1), nn.Sigmoid()
        )

    def forward(self, x):
        return x * self.layers(x)


class Block(nn.Module):
    """SE inline, between a convolution and a dropout that multiplies in training alone."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(6, 6, 3, stride=2, padding=1)
        self.reduce, self.expand = nn.Conv2d(6, 3, 1), nn.Conv2d(3, 6, 1)

    def forward(self, x):
        x = functional.silu(self.conv(x))
        gate = self.expand(functional.relu(self.reduce(functional.adaptive_avg_pool2d(x, 1))))
        return functional.dropout(torch.sigmoid(gate) * x, 0.5, self.training) * 2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.se, self.block = nn.Conv2d(3, 6, 3, stride=2, padding=1), Module(), Block()
        self.fc = nn.Linear(6, 10)

    def forward(self, x):
        x = self.block(functional.relu(self.se(self.stem(x))))
        return self.fc(functional.relu(x).mean((2, 3)))


@pytest.fixture(scope="module")
def found():
    network = Net().eval()
    return network, find_sites(record(network, SHAPE))


def counted(found, phase):
    network, sites = found
    return count(network, SHAPE, phase=phase, sites=sites.modules, stages=sites.stages, places=sites.places)


def test_sites_are_the_gates(found):
    _, sites = found
    assert [(site.path, site.stage, site.params) for site in sites.sites] == [
        ("se", "stride 2", PARAMS),
        ("block", "stride 4", PARAMS),
    ]
    assert (sites.modules, [gate.module for gate in sites.gates]) == (("se",), [True, False])


def test_the_ops_of_a_gate_are_its_site_s_wherever_they_are_written(found):
    cost = counted(found, "inference")
    ops = Counter((op.site, op.op.removeprefix("aten.")) for op in cost.ops if op.site)
    of_gate = ["mean", "convolution", "convolution", "relu", "sigmoid", "mul"]
    expected = Counter((site, op) for site in ("se", "block") for op in of_gate)
    assert set(ops) == set(expected)
    macs = {site: sum(op.macs for op in cost.ops if op.site == site) for site in ("se", "block")}
    assert macs == {"se": MACS, "block": MACS}
    # x 2 after the gate is the block's own.
    assert [(op.site, op.calls) for op in cost.ops if (op.module, op.op) == ("block", "aten.mul")] == [
        ("block", 1),
        (None, 1),
    ]


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_gate_squeezes_excites_and_scales(found, phase):
    parts = {}
    for op in counted(found, phase).ops:
        if op.site == "block" and op.phase == "forward":
            parts.setdefault(op.part, set()).add(op.op.removeprefix("aten."))
    assert parts == {
        "squeeze": {"mean"},
        "excite": {"convolution", "relu", "sigmoid"},
        "scale": {"mul"},
    }


class Context(nn.Module):
    """Attention pooling, two layers, and an add."""

    def __init__(self):
        super().__init__()
        self.conv, self.key = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 1, 1)
        self.layers = nn.Sequential(nn.Conv2d(6, 3, 1), nn.ReLU(), nn.Conv2d(3, 6, 1))

    def forward(self, x):
        x = self.conv(x)
        weights = self.key(x).flatten(2).softmax(2)
        pooled = torch.matmul(x.flatten(2), weights.transpose(1, 2))
        return x + self.layers(pooled[..., None])


def test_a_context_has_the_parts_of_gc():
    network = Context().eval()
    sites = find_sites(record(network, SHAPE))
    cost = count(network, SHAPE, sites=sites.modules, stages=sites.stages, places=sites.places)
    parts = {}
    for op in cost.ops:
        if op.site is not None:
            parts.setdefault(op.part, set()).add((op.module, op.op.removeprefix("aten.")))
    assert parts == {
        "context": {("key", "convolution"), ("", "_softmax"), ("", "bmm")},
        "transform": {("layers.0", "convolution"), ("layers.1", "relu"), ("layers.2", "convolution")},
        "fuse": {("", "add")},
    }


def test_what_was_put_in_owns_the_gates_in_it(found):
    _, sites = found
    owned = charged_to(["se", "head"], sites)
    assert [site.path for site in owned.sites] == ["block"]
    assert owned.modules == ()
    within = {key: place for key, place in owned.places.items() if place.site == "se"}
    assert {place.part for place in within.values()} == {"squeeze", "excite", "scale"}
    assert charged_to([], sites) is sites


def test_what_is_more_than_the_gate_in_it_has_no_parts(found):
    _, sites = found
    owned = charged_to(["block"], sites)
    assert [site.path for site in owned.sites] == ["se"]
    assert {place for place in owned.places.values() if place.site == "block"} == {Place("stride 4", "block")}


def test_training_charges_backward_passes_to_the_gate_too(found):
    cost = counted(found, "training")
    for site in ("se", "block"):
        ops = [op for op in cost.ops if op.site == site]
        assert sum(op.macs for op in ops if op.phase == "forward") == MACS
        # Gradients of weights and of the input, both for both layers.
        assert sum(op.macs for op in ops if op.phase == "backward") == 2 * MACS
        assert {"aten.sigmoid_backward", "aten.convolution_backward"} <= {op.op for op in ops}
    assert not any(op.site for op in cost.ops if "dropout" in op.op or "silu" in op.op)


def test_stages_are_strides_and_what_has_no_extent_is_the_head(found):
    by_stage = Counter()
    for op in counted(found, "inference").ops:
        by_stage[op.stage] += op.macs
    # 8 x 8 x 3 x 9 x 6 in the stem, 4 x 4 x 6 x 9 x 6 in the block, and their gates.
    assert by_stage == {"stride 2": 10_368 + MACS, "stride 4": 5_184 + MACS, "head": 60}


@pytest.mark.parametrize(
    ("shape", "side", "stage"),
    [
        ((1, 8, 7, 7), 224, "stride 32"),
        ((1, 7, 7, 8), 224, "stride 32"),
        ((1, 197, 8), 224, "stride 16"),  # 14 x 14 tokens and one for the class
        ((64, 7, 7, 96), 224, "stride 4"),  # 64 windows of 7 x 7 are 56 x 56
        ((1, 8, 10, 10), 300, "stride 32"),  # extents are rounded up each time
        ((1, 2, 8, 14, 14), 224, "stride 16"),
        ((1, 8), 224, "head"),
    ],
)
def test_the_resolution_of_a_feature_map(shape, side, stage):
    from sebench.counters.recording import Recording, Value
    from sebench.surgery.dataflow import Dataflow
    from sebench.surgery.stages import stage_of

    image = Value((1, 3, side, side), None, is_input=True)
    flow = Dataflow(Recording(ops=(), values=(image,), calls=(), outputs=()))
    assert stage_of(flow, shape) == stage


def test_several_gates_of_one_module_are_several_sites():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.se = Module()

        def forward(self, x):
            return self.se(torch.relu(self.se(x)))

    sites = find_sites(record(Two().eval(), (1, 6, 4, 4)))
    assert [(site.path, site.params) for site in sites.sites] == [("se", PARAMS), ("se#2", 0)]
    cost = count(Two(), (1, 6, 4, 4), sites=sites.modules, stages=sites.stages, places=sites.places)
    assert Counter({site: sum(op.macs for op in cost.ops if op.site == site) for site in ("se", "se#2")}) == {
        "se": MACS,
        "se#2": MACS,
    }
