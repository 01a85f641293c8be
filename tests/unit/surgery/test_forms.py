"""Gates spelt otherwise: the same values, and the calls that each form is about."""

from collections import Counter

import pytest
import torch
from torch import nn

from sebench import surgery
from sebench.errors import BuildError
from sebench.inputs import Inputs
from sebench.schema import ModelSpec
from sebench.schema.forms import forms_of, rewritten_in
from sebench.surgery.capture import capture
from sebench.surgery.forms import in_forms, spell
from sebench.surgery.trials import apart
from tests.residual import Block, Network

IMAGE = (1, 3, 8, 8)
EXACT = 1e-12
EVERY = (("pooled",), ("conv1x1",), ("fused",), ("pooled", "fused"), ("pooled", "conv1x1", "fused"))


def trained(network, seed=0, dtype=torch.float64):
    """With statistics and biases that are not those of a fresh network."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if tensor.is_floating_point() and tensor.dim() == 1:
            drawn = torch.rand(tensor.shape, generator=generator)
            positive = name.endswith(("running_var", "norm1.weight", "norm2.weight", "bn.weight"))
            tensor.data.copy_(drawn + 0.5 if positive else drawn * 0.4 - 0.2)
    return network.eval().to(dtype)


def images(dtype=torch.float64, shape=IMAGE):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def calls(network):
    return Counter(str(node.target) for node in network.graph.nodes if node.op == "call_function")


def difference(network, respelt, batch):
    with torch.no_grad():
        before = network(batch.clone())
        given = batch.clone()
        after, again = respelt(given), respelt(given)
    assert torch.equal(given, batch)  # nothing writes to the input
    assert torch.equal(after, again)
    return apart([before], [after])


@pytest.mark.parametrize("forms", EVERY)
def test_values_stay(forms):
    network, batch = trained(Network()), images(shape=(3, 3, 8, 8))
    respelt = in_forms(network, Inputs((batch,)), forms)
    assert difference(network, respelt, batch) < EXACT
    assert rewritten_in(respelt) == dict.fromkeys(forms, 2)
    assert forms_of(respelt) == forms


@pytest.mark.parametrize("forms", [("pooled",), ("pooled", "fused")])
def test_values_stay_in_single_precision(forms):
    network, batch = trained(Network(), dtype=torch.float32), images(torch.float32)
    assert difference(network, in_forms(network, Inputs((batch,)), forms), batch) < 1e-5


def test_pooled_squeezes_the_narrow_map_and_composes_the_first_layer():
    network = trained(Network())
    respelt = in_forms(network, Inputs((images(),)), ("pooled",))
    weights = dict(respelt.named_parameters())
    composed = weights["blocks.0.se.fc1.weight_pooled"]
    assert composed.shape == (16, 16)  # hidden x middle, instead of hidden x 32 channels
    block = network.blocks[0]
    scale = block.norm2.weight / (block.norm2.running_var + block.norm2.eps).sqrt()
    expected = block.se.fc1.weight @ (scale[:, None] * block.expand.weight[:, :, 0, 0])
    torch.testing.assert_close(composed, expected, rtol=1e-12, atol=1e-12)
    assert "blocks.0.se.fc1.weight" not in weights
    # 16 x 32 + 16 and 16 x 16 + 16 per block: 2 x 16 x 16 = 512 fewer.
    assert sum(w.numel() for w in network.parameters()) - sum(w.numel() for w in weights.values()) == 512


def test_pooled_takes_a_convolution_with_a_bias_and_without_normalisation():
    network, batch = trained(Network(norm=False)), images()
    assert difference(network, in_forms(network, Inputs((batch,)), ("pooled",)), batch) < EXACT


def test_fused_is_one_pass_in_the_memory_of_the_shortcut():
    respelt = in_forms(trained(Network()), Inputs((images(),)), ("fused",))
    found = calls(respelt)
    assert found["aten.addcmul_.default"] == 2
    assert found["aten.relu_.default"] == 4
    assert not {"aten.mul.Tensor", "aten.add_.Tensor", "aten.add.Tensor"} & found.keys()


class AlsoReturnsShortcut(Block):
    """What enters the block is needed after the add."""

    def joined(self, x, y):
        return torch.relu(x + y) + x


def test_fused_leaves_a_shortcut_that_is_needed():
    network, batch = trained(Network(AlsoReturnsShortcut)), images()
    respelt = in_forms(network, Inputs((batch,)), ("fused",))
    assert calls(respelt)["aten.addcmul.default"] == 2
    assert calls(respelt)["aten.addcmul_.default"] == 0
    assert difference(network, respelt, batch) < EXACT


class DropsOut(Block):
    """In evaluation mode dropout returns what it is given, which its schema does not say."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.dropout = nn.Dropout()

    def joined(self, x, y):
        kept = self.dropout(x)
        return torch.relu(x + y) + kept


class DropsOutShortcut(DropsOut):
    def joined(self, x, y):
        return torch.relu(self.dropout(x) + y) + x


@pytest.mark.parametrize("block", [DropsOut, DropsOutShortcut])
def test_fused_does_not_write_to_what_dropout_may_have_returned(block):
    network, batch = trained(Network(block)), images()
    respelt = in_forms(network, Inputs((batch,)), ("fused",))
    assert calls(respelt)["aten.addcmul.default"] == 2
    assert difference(network, respelt, batch) < EXACT


class FromInput(nn.Module):
    """The shortcut is the input itself, which is not the network's to write to."""

    def __init__(self):
        super().__init__()
        self.block = Block(3, 4, gate=nn.Sigmoid())

    def forward(self, x):
        return self.block(x)


def test_fused_does_not_write_to_the_input():
    network, batch = trained(FromInput()), images()
    respelt = in_forms(network, Inputs((batch,)), ("fused",))
    assert calls(respelt)["aten.addcmul.default"] == 1
    assert difference(network, respelt, batch) < EXACT


def test_clip_spells_a_hard_sigmoid():
    network, batch = trained(Network(gate=nn.Hardsigmoid())), images()
    respelt = in_forms(network, Inputs((batch,)), ("clip",))
    assert calls(respelt)["aten.hardsigmoid.default"] == 0
    assert calls(respelt)["aten.clamp.default"] == 2
    assert difference(network, respelt, batch) < EXACT


def test_conv1x1_has_no_views_left():
    respelt = in_forms(trained(Network()), Inputs((images(),)), ("conv1x1",))
    found = calls(respelt)
    assert found["aten.linear.default"] == 1  # the head
    assert found["aten.unsqueeze.default"] == 0
    assert dict(respelt.named_parameters())["blocks.0.se.fc1.weight_conv1x1"].shape == (16, 32, 1, 1)


@pytest.mark.parametrize(
    ("network", "form", "why"),
    [
        (lambda: Network(last=3), "pooled", "conv2d comes before the squeeze, not a 1x1 convolution"),
        (Network, "clip", "their gate is no hard sigmoid"),
        (lambda: Network(Straight), "fused", "no add follows their scale"),
    ],
)
def test_a_form_that_fits_nothing_is_refused(network, form, why):
    with pytest.raises(BuildError) as caught:
        in_forms(trained(network()), Inputs((images(),)), (form,))
    assert f"form {form} fits none of the 2 gates of Network" in caught.value.message
    assert why in caught.value.message
    assert "\n" not in str(caught.value)


class Straight(Block):
    """Without a shortcut."""

    def joined(self, x, y):
        return y


class Mixed(Network):
    """The last convolution of one block is 1x1, that of the other is not."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(
            Block(32, 16, gate=nn.Sigmoid()), Block(32, 16, gate=nn.Sigmoid(), last=3)
        )


def test_gates_that_a_form_does_not_fit_stay():
    network, batch = trained(Mixed()), images()
    respelt = in_forms(network, Inputs((batch,)), ("pooled",))
    assert rewritten_in(respelt) == {"pooled": 1}
    assert difference(network, respelt, batch) < EXACT


def test_a_network_without_gates_is_refused():
    with pytest.raises(BuildError, match="Sequential has no gates"):
        in_forms(nn.Sequential(nn.Conv2d(3, 4, 1)).eval(), Inputs((torch.zeros(IMAGE),)), ("pooled",))


@pytest.fixture(scope="module")
def native():
    network = trained(surgery.build(ModelSpec(model="resnet50", variant="se")).module)
    batch = images(shape=(1, 3, 32, 32))
    return network, batch, capture(network, Inputs((batch,)))


@pytest.mark.parametrize("forms", [("pooled", "fused"), ("conv1x1",)])
def test_native_gates(native, forms):
    network, batch, captured = native
    respelt = spell(captured, forms)
    assert rewritten_in(respelt) == dict.fromkeys(forms, 16)  # 3 + 4 + 6 + 3 blocks
    assert difference(network, respelt, batch) < 1e-10


def test_found_gates_of_a_library():
    torchvision = pytest.importorskip("torchvision")
    network = trained(torchvision.models.mobilenet_v3_large())
    batch = images(shape=(1, 3, 32, 32))
    captured = capture(network, Inputs((batch,)))
    respelt = spell(captured, ("clip",))
    assert rewritten_in(respelt) == {"clip": 8}
    assert difference(network, respelt, batch) < 1e-10
    with pytest.raises(BuildError, match="form pooled fits none of the 8 gates of MobileNetV3"):
        spell(captured, ("pooled",))


def test_both_sides_of_a_pair_are_captured_graphs():
    plain, form = ModelSpec(model="cifar_resnet110"), "se(form=fused)"
    built = surgery.build(plain, device="meta", beside=ModelSpec(model="cifar_resnet110", variant=form))
    assert built.captured
    assert not surgery.build(plain, device="meta").captured
