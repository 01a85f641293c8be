"""Single gates left out: of native networks, of others as they were built, and of what was put in."""

import pytest
import torch

from sebench import surgery
from sebench.errors import VariantError
from sebench.inputs import Inputs
from sebench.schema import ModelSpec
from sebench.surgery.capture import capture
from sebench.surgery.proof import prove
from sebench.surgery.removal import Passthrough
from sebench.worker.counting import count_network
from tests.residual import Block, Network
from tests.unit.surgery.conftest import found_in

NET = "tests.residual:network"
SHAPE = (1, 3, 8, 8)
SE_PARAMS = 32 * 16 + 16 + 16 * 32 + 32
SE_MACS = 2 * 32 * 16


class InlineBlock(Block):
    """Its gate is written out, so that no module can be replaced."""

    def forward(self, x):
        y = self.norm1(self.reduce(x)).relu_()
        y = self.norm2(self.expand(y))
        y = y * self.se.gate(self.se.fc2(torch.relu(self.se.fc1(y.mean((2, 3))))))[:, :, None, None]
        return self.joined(x, y)


def inline():
    return Network(InlineBlock)


def build(variant, model=NET, **options):
    return surgery.build(ModelSpec(model=model, variant=variant), seed=3, input_shape=SHAPE, **options)


def test_one_gate_of_a_network_as_it_was_built():
    whole, left = build("asis").module, build("asis(without=blocks.1.se)").module
    assert isinstance(left.blocks[1].se, Passthrough)
    assert not isinstance(left.blocks[0].se, Passthrough)
    # All weights that are left are the same to the bit.
    state = dict(whole.named_parameters())
    assert all(torch.equal(value, state[name]) for name, value in left.named_parameters())
    assert {name.rpartition(".se.")[0] for name in state if name not in dict(left.named_parameters())} == {
        "blocks.1"
    }


@pytest.mark.parametrize("model", [NET, f"{__name__}:inline"])
def test_it_costs_exactly_a_gate_less(model):
    counted = {
        variant: count_network(ModelSpec(model=model, variant=variant), SHAPE)
        for variant in ("asis", "plain")
    }
    first = counted["asis"].sites[0].path
    less = count_network(ModelSpec(model=model, variant=f"asis(without={first})"), SHAPE)
    assert counted["asis"].params - less.params == SE_PARAMS
    assert less.params - counted["plain"].params == SE_PARAMS
    macs = [sum(op.macs for op in each.ops) for each in (counted["asis"], less, counted["plain"])]
    assert (macs[0] - macs[1], macs[1] - macs[2]) == (SE_MACS, SE_MACS)
    assert [len(each.sites) for each in (counted["asis"], less, counted["plain"])] == [2, 1, 0]


def test_of_a_captured_network_the_other_gates_stay():
    subject = found_in(inline().eval())
    inputs = Inputs((torch.zeros(SHAPE),))
    captured = capture(subject.network, inputs)
    for number in range(2):
        proof = prove(
            subject.network,
            captured.as_it_is(without=[number]),
            inputs,
            subject.recording,
            [subject.gates[number]],
            captured=captured.as_it_is(),
        )
        assert (proof.params, proof.macs) == (SE_PARAMS, SE_MACS)


def test_both_sides_are_graphs_where_one_has_to_be():
    beside = ModelSpec(model=f"{__name__}:inline", variant="asis")
    (site, *_) = count_network(beside, SHAPE).sites
    variant = f"asis(without={site.path})"
    assert build(variant, model=f"{__name__}:inline", beside=beside).captured
    other = ModelSpec(model=f"{__name__}:inline", variant=variant)
    assert build("asis", model=f"{__name__}:inline", beside=other).captured
    assert not build("asis", beside=ModelSpec(model=NET, variant="asis(without=blocks.0.se)")).captured


def test_attention_that_is_put_in():
    built = build("eca(without=blocks.0.se.attention)")
    assert built.sites == ("blocks.1.se.attention",)


def test_attention_that_the_user_names_or_places():
    named = surgery.build(
        ModelSpec(model=NET, variant="asis(without=blocks.0.se)", attention_class="SE"), input_shape=SHAPE
    )
    assert named.sites == ("blocks.1.se",)
    assert isinstance(named.module.blocks[0].se, Passthrough)
    spec = ModelSpec(model=NET, variant="eca", insert_after=r"blocks\.\d\.norm2")
    first, second = surgery.build(spec, input_shape=SHAPE).sites
    left_out = ModelSpec(model=NET, variant=f"eca(without={first})", insert_after=spec.insert_after)
    assert surgery.build(left_out, input_shape=SHAPE).sites == (second,)


def test_native_networks():
    whole = build("se", model="cifar_wrn16_8", device="meta")
    left = build("se(without=stage3.1.attention)", model="cifar_wrn16_8", device="meta")
    assert set(whole.sites) - set(left.sites) == {"stage3.1.attention"}
    assert left.module.stage3[1].attention is None
    params = [sum(each.numel() for each in built.module.parameters()) for built in (whole, left)]
    assert params[0] - params[1] == 2 * 256 * 16 + 16 + 256


def test_weights_of_native_networks_do_not_depend_on_what_is_left_out():
    spec = {"model": "cifar_wrn16_8"}
    whole = build("se(stages=2)", **spec).module.state_dict()
    left = build("se(stages=2,without=stage2.0.attention)", **spec).module.state_dict()
    assert set(whole) - set(left) == {
        f"stage2.0.attention.excite.{name}" for name in _weights(whole, "stage2.0.attention.excite.")
    }
    assert all(torch.equal(value, whole[name]) for name, value in left.items())


def _weights(state, prefix):
    return [name.removeprefix(prefix) for name in state if name.startswith(prefix)]


@pytest.mark.parametrize(
    ("variant", "model", "message"),
    [
        ("asis(without=blocks.2.se)", NET, "Network has no gate 'blocks.2.se'; did you mean 'blocks.1.se'"),
        ("asis(without=blocks.0.se+blocks.1.se)", NET, "leaves out every gate of Network; use plain"),
        (
            "se(without=stage9.0.attention)",
            "cifar_wrn16_8",
            "cifar_wrn16_8 has no gate 'stage9.0.attention'; did you mean 'stage",
        ),
    ],
)
def test_what_is_not_there_cannot_be_left_out(variant, model, message):
    with pytest.raises(VariantError) as caught:
        build(variant, model=model)
    assert message in str(caught.value)
