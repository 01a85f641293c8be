"""Networks of others in every variant, through the one function that builds them."""

from pathlib import Path

import pytest
import torch

from sebench import surgery
from sebench.errors import UsageError
from sebench.schema import ModelSpec
from sebench.worker.counting import count_network
from tests.attended import GATE_MACS, GATE_PARAMS, NETS, SE_MACS, SE_PARAMS, SHAPE


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
