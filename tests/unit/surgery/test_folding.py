"""Constant gates in weights: the same network in float64, and each way in which it would be another."""

import pytest
import torch
from torch import nn

from sebench import surgery
from sebench.schema import ModelSpec
from sebench.surgery.excitation import watch
from sebench.surgery.folding import FoldPlace, NoPlace, fold_place, folded_state, maker_of

ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU, "hardswish": nn.Hardswish, "none": nn.Identity}


class Constant(nn.Module):
    """SE whose last layer ignores its input, so that its values are those of the bias."""

    def __init__(self, channels, gate=nn.Sigmoid):
        super().__init__()
        self.down, self.up, self.gate = nn.Linear(channels, 2), nn.Linear(2, channels), gate()
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return x * self.gate(self.up(torch.relu(self.down(x.mean((2, 3))))))[:, :, None, None]


class Net(nn.Module):
    """conv, norm, activation, gate, activation, conv."""

    def __init__(self, *, before="none", after="none", gate=nn.Sigmoid, groups=1, bias=False, norm=True):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=bias)
        self.norm = nn.BatchNorm2d(8) if norm else nn.Identity()
        self.before, self.after = ACTIVATIONS[before](), ACTIVATIONS[after]()
        self.se = Constant(8, gate)
        self.next = nn.Conv2d(8, 12, 3, padding=1, groups=groups)

    def forward(self, x):
        return self.next(self.after(self.se(self.before(self.norm(self.conv(x)))))).flatten(1)


def random(network, seed=0):
    """In float64, its norms as after training."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
        if isinstance(module, Constant):
            nn.init.normal_(module.up.bias, std=2)
    return network.double().eval()


def place_and_values(network, shape=(3, 8, 8)):
    """Where its only gate goes, its values on noise, and the noise."""
    watched = watch(network, shape)
    (gate,) = watched.gates
    images = torch.randn(4, *shape, dtype=torch.float64)
    _, values = watched.outputs(images)
    return fold_place(network, watched.recording, gate.found), values[gate.path][0], images


def difference(network, state, images, bare):
    """Relative to the largest output, of the network with these weights and without its gate."""
    with torch.no_grad():
        expected = network(images)
        bare.load_state_dict(state)
        bare.se = nn.Identity()
        return float((bare(images) - expected).abs().max() / expected.abs().max())


def folded_difference(place, **kind):
    network = random(Net(**kind))
    _, values, images = place_and_values(network)
    state = folded_state(network, [(place, values)])
    return difference(network, state, images, Net(**kind).double().eval())


BEHIND = FoldPlace(module="norm", ahead=False, only_positive=False, weights=("norm.weight", "norm.bias"))
AHEAD = FoldPlace(module="next", ahead=True, only_positive=False, weights=("next.weight",))


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"norm": False, "bias": True},
        {"norm": False},
        {"before": "relu", "groups": 4},
        {"before": "silu"},
        {"before": "hardswish", "groups": 2},
        {"after": "relu"},
        {"after": "silu"},
        {"before": "relu", "after": "silu"},
    ],
)
def test_a_constant_gate_is_exact_in_weights(kind):
    network = random(Net(**kind))
    place, values, images = place_and_values(network)
    assert isinstance(place, FoldPlace)
    state = folded_state(network, [(place, values)])
    assert difference(network, state, images, Net(**kind).double().eval()) < 1e-12
    changed = {key for key, value in network.state_dict().items() if not torch.equal(value, state[key])}
    assert changed == set(place.weights)


def test_where_it_goes():
    assert place_and_values(random(Net()))[0] == BEHIND
    assert place_and_values(random(Net(before="silu")))[0] == AHEAD
    assert place_and_values(random(Net(before="hardswish")))[0] == AHEAD
    assert place_and_values(random(Net(before="relu")))[0] == AHEAD  # it needs no sign
    through = place_and_values(random(Net(before="relu", after="silu")))[0]
    assert through == FoldPlace(
        module="norm", ahead=False, only_positive=True, weights=("norm.weight", "norm.bias")
    )


@pytest.mark.parametrize("activation", ["silu", "hardswish"])
def test_never_through_silu_or_hardswish(activation):
    network = random(Net(before=activation, after=activation))
    place, *_ = place_and_values(network)
    assert place == NoPlace(f"{activation} makes the feature map; {activation} follows")
    assert folded_difference(BEHIND, before=activation) > 1e-2


def test_the_weight_of_a_norm_alone_is_another_network():
    weight_alone = FoldPlace(module="norm", ahead=False, only_positive=False, weights=("norm.weight",))
    assert folded_difference(BEHIND) < 1e-12
    assert folded_difference(weight_alone) > 1e-2


def test_through_relu_only_without_negative_values():
    kind = {"before": "relu", "after": "silu"}
    assert folded_difference(BEHIND, **kind) < 1e-12
    assert folded_difference(BEHIND, **kind, gate=nn.Tanh) > 1e-2


class Shared(Net):
    """Its feature map is used besides the gate."""

    def forward(self, x):
        y = self.norm(self.conv(x))
        return (self.next(self.se(y)) + y.sum(1, keepdim=True)).flatten(1)


class Residual(Net):
    """Its product is used twice, and its norm makes two maps."""

    def forward(self, x):
        y = self.norm(self.norm(self.conv(x)))
        z = self.se(y)
        return (self.next(z) + z.sum(1, keepdim=True)).flatten(1)


class Transposed(Net):
    def __init__(self):
        super().__init__(norm=False)
        self.conv = nn.ConvTranspose2d(3, 8, 3)
        self.next = nn.ConvTranspose2d(8, 12, 3)


def test_what_something_else_needs_stays():
    assert place_and_values(random(Shared()))[0] == AHEAD
    place = place_and_values(random(Residual()))[0]
    assert place == NoPlace(
        "the weights of norm are used elsewhere, or made of others; what follows is not one layer alone"
    )
    place = place_and_values(random(Transposed()))[0]
    assert place == NoPlace("convolution makes the feature map; convolution follows")


def test_weights_that_are_made_of_others_stay():
    network = random(Net(before="silu"))
    nn.utils.parametrizations.weight_norm(network.next)
    place = place_and_values(network)[0]
    assert isinstance(place, NoPlace)
    assert "made of others" in place.reason


@pytest.mark.parametrize(
    ("model", "module", "weights"),
    [
        ("resnet50", "stage2.0.conv3.bn", ("weight", "bias")),
        ("cifar_wrn16_8", "stage2.0.conv2", ("weight",)),
        ("mobilenet_v1", "stage3.0.body.depthwise.conv", ("weight",)),
    ],
)
def test_native_networks(model, module, weights):
    network = surgery.build(ModelSpec(model=model, variant="se(stages=2)"), device="meta").module
    watched = watch(network, (3, 32, 32))
    place = fold_place(network, watched.recording, watched.gates[-2 if model == "mobilenet_v1" else 0].found)
    if model == "mobilenet_v1":
        module = "stage2.1.body.depthwise.conv"
    assert place == FoldPlace(
        module=module,
        ahead="depthwise" in module,
        only_positive=False,
        weights=tuple(f"{module}.{name}" for name in weights),
    )


@pytest.mark.parametrize(("name", "ahead"), [("mobilenet_v3_small", 8), ("efficientnet_b0", 16)])
def test_networks_of_torchvision_take_them_ahead(name, ahead):
    network = surgery.build(ModelSpec(model=f"torchvision:{name}"), device="meta").module
    watched = watch(network, (3, 32, 32))
    places = [fold_place(network, watched.recording, gate.found) for gate in watched.gates]
    # the first of MobileNetV3-Small comes right behind a ReLU, and before a convolution too
    assert sum(place.ahead and not place.only_positive for place in places) >= ahead


def test_the_norms_of_what_makes_the_channels():
    network = random(Net())
    watched = watch(network, (3, 8, 8))
    maker = maker_of(network, watched.recording, watched.gates[0].found)
    filters = network.conv.weight.detach().flatten(1).norm(dim=1)
    factor = network.norm.weight.detach().abs() / (network.norm.running_var + network.norm.eps).sqrt()
    assert maker.module == "norm"
    assert torch.allclose(maker.norms, filters * factor, rtol=1e-12)
    bare = random(Net(norm=False, before="silu"))
    watched = watch(bare, (3, 8, 8))
    maker = maker_of(bare, watched.recording, watched.gates[0].found)
    assert maker.module == "conv"
    assert torch.allclose(maker.norms, bare.conv.weight.detach().flatten(1).norm(dim=1), rtol=1e-12)
