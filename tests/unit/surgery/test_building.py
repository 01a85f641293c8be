"""Networks of others in every variant, through the one function that builds them."""

from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from sebench import surgery
from sebench.errors import BuildError, UsageError
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


def test_attention_is_put_where_no_module_ends():
    params, macs, sites = figures("functional", "plain")
    assert sites == 0
    assert figures("functional", "se") == (params + SE_PARAMS, macs + SE_MACS, 1)


@pytest.mark.parametrize("name", ["gated", "inline", "plain", "functional"])
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


@pytest.mark.parametrize("baseline", ["plain", "asis"])
def test_both_sides_are_captured_where_attention_has_no_module_to_follow(baseline):
    sides = [ModelSpec(model="nets.py:functional", variant=variant) for variant in (baseline, "se(r=8)")]
    pairs = list(zip(sides, reversed(sides), strict=True))
    plain, attended = (surgery.build(side, input_shape=SHAPE, beside=other) for side, other in pairs)
    assert (plain.captured, attended.captured) == (True, True)
    assert (plain.sites, attended.sites) == ((), ("attention",))
    batch, alone = torch.randn(SHAPE), surgery.build(sides[0], input_shape=SHAPE)
    assert not alone.captured
    assert torch.equal(plain.module(batch)["logits"], alone.module(batch)["logits"])
    training = surgery.build(sides[1], input_shape=SHAPE, phase="training", beside=sides[0])
    assert training.module.training


def test_attention_in_stages_whose_blocks_end_with_a_module_needs_no_graph():
    spec = ModelSpec(model="nets.py:both", variant="se(stages=1)")
    assert surgery.build(spec, input_shape=SHAPE).sites == ("2.norm.attention",)
    every = surgery.build(replace(spec, variant="se"), input_shape=SHAPE)
    assert (every.captured, every.sites) == (True, ("0.attention", "2.norm.attention"))
    beside = surgery.build(spec, input_shape=SHAPE, beside=replace(spec, variant="se"))
    assert (beside.captured, beside.sites) == (True, ("2.norm.attention",))


def test_what_was_taken_out_or_captured_is_proven():
    for name, variant in (("gated", "plain"), ("inline", "plain"), ("plain", "se"), ("functional", "se")):
        surgery.require_proof(ModelSpec(model=f"nets.py:{name}", variant=variant), SHAPE)


def test_a_graph_that_is_another_network_is_refused():
    spec = ModelSpec(model="nets.py:aware", variant="se")
    with pytest.raises(BuildError, match="^Aware computes something else when it is captured"):
        surgery.require_proof(spec, SHAPE)


def test_no_place_is_one_line():
    with pytest.raises(UsageError, match="no place for attention found in Sequential"):
        build("mlp", "se")
