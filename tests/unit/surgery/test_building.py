"""Networks of others in every variant, through the one function that builds them."""

from pathlib import Path

import pytest
import torch

from sebench import surgery
from sebench.errors import UsageError
from sebench.schema import ModelSpec
from sebench.worker.counting import count_network

NETS = """
import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, 2, 1), nn.Conv2d(2, channels, 1)

    def forward(self, x):
        return x * self.up(self.down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class Net(nn.Module):
    def __init__(self, gate=None, inline=False):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.first, self.second = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm, self.relu = nn.BatchNorm2d(8), nn.ReLU()
        self.gate, self.inline = gate, inline
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x)
        y = self.norm(self.second(self.relu(self.first(x))))
        if self.inline:
            y = y * self.gate.up(self.gate.down(y.mean((2, 3), keepdim=True)).relu()).sigmoid()
        elif self.gate is not None:
            y = self.gate(y)
        return self.head(self.relu(x + y).mean((2, 3)))


def gated():
    return Net(Gate(8))


def inline():
    return Net(Gate(8), inline=True)


def plain():
    return Net()


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4))
"""
SHAPE = (1, 3, 16, 16)
# The gate's two 1x1 convolutions with biases: 8 x 2 + 2 and 2 x 8 + 8 parameters, 8 x 2 + 2 x 8 MACs.
GATE_PARAMS, GATE_MACS = 18 + 24, 32
# SE with r=16 hides max(1, 8 // 16) = 1: 8 + 1 and 8 + 8 parameters, 8 + 8 MACs.
SE_PARAMS, SE_MACS = 25, 16


@pytest.fixture(autouse=True)
def nets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(NETS)


def build(name, variant, **options):
    spec = ModelSpec(model=f"nets.py:{name}", variant=variant)
    return surgery.build(spec, input_shape=SHAPE, **options).module


def figures(name, variant):
    cost = count_network(ModelSpec(model=f"nets.py:{name}", variant=variant), SHAPE)
    return cost.params, sum(op.macs for op in cost.ops), len(cost.sites)


@pytest.mark.parametrize("name", ["gated", "inline"])
def test_attention_is_taken_out_and_replaced_to_the_parameter(name):
    params, macs, sites = figures("plain", "plain")
    assert sites == 0
    assert figures(name, "plain") == (params, macs, 0)
    assert figures(name, "asis") == (params + GATE_PARAMS, macs + GATE_MACS, 1)
    assert figures(name, "se") == (params + SE_PARAMS, macs + SE_MACS, 1)


def test_attention_is_put_where_the_paper_puts_it():
    params, macs, _ = figures("plain", "plain")
    assert figures("plain", "se") == (params + SE_PARAMS, macs + SE_MACS, 1)
    network = build("plain", "se")
    assert [name for name, _ in network.named_modules() if name.endswith("attention")] == ["norm.attention"]


@pytest.mark.parametrize("name", ["gated", "inline", "plain"])
def test_variants_share_every_common_weight(name):
    weights = {variant: build(name, variant, seed=3).state_dict() for variant in ("plain", "asis", "se")}
    common = weights["plain"].keys()
    assert common
    for variant in ("asis", "se"):
        assert all(torch.equal(weights["plain"][key], weights[variant][key]) for key in common)


def test_a_network_beside_its_stripped_self_is_captured_where_attention_is_inline():
    asis, plain = (ModelSpec(model="nets.py:inline", variant=variant) for variant in ("asis", "plain"))
    batch = torch.randn(SHAPE)
    alone, beside = (surgery.build(asis, input_shape=SHAPE, beside=other).module for other in (None, plain))
    assert type(alone).__name__ == "Net"
    assert isinstance(beside, torch.fx.GraphModule)
    assert [name for name, _ in beside.named_modules() if "gate" in name]
    assert torch.allclose(alone(batch), beside(batch), atol=1e-6)
    gated = ModelSpec(model="nets.py:gated")
    other = ModelSpec(model="nets.py:gated", variant="plain")
    assert type(surgery.build(gated, input_shape=SHAPE, beside=other).module).__name__ == "Net"


def test_what_was_taken_out_is_proven():
    for name in ("gated", "inline", "plain"):
        surgery.require_proof(ModelSpec(model=f"nets.py:{name}", variant="plain"), SHAPE)


def test_no_place_is_one_line():
    with pytest.raises(UsageError, match="no place for attention found in Sequential"):
        build("mlp", "se")
