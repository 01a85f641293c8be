"""Attention put into networks: what it costs, what stays as it was, and how it is taken out again."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

from sebench.counters import count, record
from sebench.errors import BuildError, VariantError
from sebench.models import build
from sebench.models.registry import MODELS, height_width
from sebench.schema import ATTENTION_KINDS, ModelSpec, parse_variant
from sebench.surgery.gates import find_gates
from sebench.surgery.insertion import inserted_sites, put_in
from sebench.surgery.places import find_places, insert_after
from sebench.surgery.removal import replacements, take_out
from sebench.surgery.replacing import replace_gates

SE = parse_variant("se")
IMAGE = (1, 3, 16, 16)


class Residual(nn.Module):
    def __init__(self, inputs, outputs, layer=nn.Conv2d, norm=nn.BatchNorm2d):
        super().__init__()
        self.conv1, self.conv2 = layer(inputs, outputs, 3, padding=1), layer(outputs, outputs, 3, padding=1)
        self.bn, self.relu = norm(outputs), nn.ReLU(inplace=True)
        self.projection = layer(inputs, outputs, 1)

    def forward(self, x):
        y = self.bn(self.conv2(self.relu(self.conv1(x))))
        y += self.projection(x)
        return self.relu(y)


class Dense(nn.Sequential):
    def forward(self, x):
        return torch.cat((x, super().forward(x)), 1)


def small():
    """Two blocks at strides 1 and 2, of 32 and 64 channels."""
    torch.manual_seed(0)
    return nn.Sequential(Residual(3, 32), nn.MaxPool2d(2), Residual(32, 64)).eval()


def attended(network, variant=SE, *, seed=0, shape=IMAGE):
    return put_in(network, find_places(network, record(network, shape)), variant, seed)


def stripped(network, shape=IMAGE):
    """The network, its attention found by data flow and taken out, in place."""
    recording = record(network, tuple(shape))
    return take_out(network, replacements(recording, find_gates(recording)))


def cost(network, shape, sites):
    counted = count(network, shape, sites=sites)
    return counted.params, sum(op.macs for op in counted.ops), [site.params for site in counted.sites]


@pytest.fixture
def image():
    return torch.randn(IMAGE, generator=torch.Generator().manual_seed(0))


def test_torchvision_resnet18_with_se_costs_what_the_paper_adds():
    shape = (1, 3, 64, 64)
    with torch.device("meta"):
        network = pytest.importorskip("torchvision").models.resnet18()
    params, macs, _ = cost(network, shape, ())
    attended(network, shape=shape)
    # Eq. 5 with r = 16: two blocks each of C = 64, 128, 256, 512 get 2 C C/16 weights, C/16 + C biases.
    squares = 2 * sum(2 * width * width // 16 for width in (64, 128, 256, 512))
    biases = 2 * sum(width // 16 + width for width in (64, 128, 256, 512))
    assert cost(network, shape, inserted_sites(network))[:2] == (params + squares + biases, macs + squares)
    assert len(inserted_sites(network)) == 8


@pytest.mark.slow
def test_torchvision_resnet50_with_se_is_timm_seresnet50():
    timm, models = pytest.importorskip("timm"), pytest.importorskip("torchvision").models
    shape = (1, 3, 224, 224)
    with torch.device("meta"):
        ours, theirs = models.resnet50(), timm.create_model("seresnet50")
    attended(ours, shape=shape)
    places = [
        f"layer{stage}.{block}" for stage, blocks in enumerate((3, 4, 6, 3), 1) for block in range(blocks)
    ]
    assert inserted_sites(ours) == tuple(f"{place}.bn3.attention" for place in places)
    # 25,557,032 plain, and of SE (CVPR, Eq. 5) 2 C C/16 weights with C/16 + C biases per block.
    assert cost(ours, shape, inserted_sites(ours))[:2] == (28_088_024, 4_091_699_200)
    assert cost(ours, shape, inserted_sites(ours)) == cost(theirs, shape, [f"{place}.se" for place in places])
    hidden = [ours.get_submodule(site).excite.fc1.out_features for site in inserted_sites(ours)]
    assert hidden == [16] * 3 + [32] * 4 + [64] * 6 + [128] * 3  # 256 to 2048 channels, r = 16


@pytest.mark.parametrize(
    "name",
    [
        *("cifar_wrn16_8", "vgg16_bn", "alexnet", "mobilenet_v1", "shufflenet_v1_g3"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("resnet50", "bn_inception", "inception_resnet_v2", "cifar_shakeshake26_2x96d")
        ),
    ],
)
def test_plain_native_networks_become_the_native_ones_with_se(name):
    """One of each kind of block; the deeper ones of a family have the same."""
    shape = (1, 3, *height_width(MODELS[name].image_size))
    plain, native = (
        build(ModelSpec(model=name, variant=variant), device="meta") for variant in ("plain", "se")
    )
    network = attended(plain.module, shape=shape)
    sites = [
        path.removesuffix(".excite") for path, _ in native.module.named_modules() if path.endswith(".excite")
    ]
    assert cost(network, shape, inserted_sites(network)) == cost(native.module, shape, sites)


def test_what_was_put_in_is_taken_out_without_a_trace(image):
    network = small()
    before, output = copy.deepcopy(network), network(image)
    assert not torch.equal(attended(network)(image), output)
    assert network.state_dict().keys() > before.state_dict().keys()
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.state_dict().items())
    assert torch.equal(stripped(network)(image), output)
    assert list(network.state_dict()) == list(before.state_dict())


def test_modules_stay_what_they_are():
    network = small()
    norm = network[0].bn
    attended(network)
    assert network[0].bn is norm
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.num_features == 32
    assert inserted_sites(network) == ("0.bn.attention", "2.bn.attention")
    assert network.load_state_dict(small().state_dict(), strict=False).unexpected_keys == []


def test_attention_sees_what_the_module_returns(image):
    network, plain = small(), small()
    attended(network)
    norm = network[0].bn
    features = torch.randn(1, 32, 16, 16)
    assert torch.equal(norm(features), norm.attention(plain[0].bn(features)))


def test_copies_and_pickles(image):
    network = attended(small())
    output = network(image)
    buffer = io.BytesIO()
    torch.save(network, buffer)
    buffer.seek(0)
    for other in (
        copy.deepcopy(network),
        pickle.loads(pickle.dumps(network)),  # noqa: S301 - of this test
        torch.load(buffer, weights_only=False),
    ):
        assert torch.equal(other(image), output)
        assert inserted_sites(other) == inserted_sites(network)
    assert torch.equal(network(image), output)


def test_weights_depend_on_the_seed_and_the_path_alone():
    one, two, other = (
        attended(small()),
        attended(small(), parse_variant("se(stages=1)")),
        attended(small(), seed=1),
    )
    name = "2.bn.attention.excite.fc1.weight"
    assert torch.equal(one.state_dict()[name], two.state_dict()[name])
    assert not torch.equal(one.state_dict()[name], other.state_dict()[name])
    state = torch.get_rng_state()
    attended(small_without_seeding())
    assert torch.equal(torch.get_rng_state(), state)


def small_without_seeding():
    with torch.device("meta"):
        return nn.Sequential(Residual(3, 32)).eval()


def test_attention_is_of_the_kind_of_the_weights():
    double = attended(small().double())
    assert {parameter.dtype for parameter in double.parameters()} == {torch.float64}
    training = attended(small().train())
    assert all(module.training for module in training.modules())
    assert all(parameter.is_meta for parameter in attended(small().to("meta")).parameters())


def test_an_attention_behind_a_container_follows_it(image):
    network = nn.Sequential(
        *(Dense(nn.Conv2d(width, 16, 1), nn.ReLU()) for width in (3, 19)), nn.Flatten(1)
    ).eval()
    output, keys = network(image), list(network.state_dict())
    attended(network)
    assert [name for name, _ in network.named_children()] == ["0", "0_attention", "1", "1_attention", "2"]
    assert inserted_sites(network) == ("0_attention", "1_attention")
    assert not torch.equal(network(image), output)
    assert torch.equal(stripped(network)(image), output)
    assert list(network.state_dict()) == keys


@pytest.mark.parametrize(
    ("dimensions", "layer", "norm"), [(1, nn.Conv1d, nn.BatchNorm1d), (3, nn.Conv3d, nn.BatchNorm3d)]
)
@pytest.mark.parametrize("variant", ["se", "se(squeeze=avgmax)"])
def test_sounds_and_volumes(dimensions, layer, norm, variant):
    shape = (1, 3, *(8,) * dimensions)
    network = nn.Sequential(Residual(3, 32, layer, norm)).eval()
    attended(network, parse_variant(variant), shape=shape)
    assert network(torch.randn(shape)).shape == (1, 32, *(8,) * dimensions)
    (params,) = cost(network, shape, inserted_sites(network))[2]
    assert params == 2 * 32 * 2 + 2 + 32  # 32 channels, 2 hidden, with biases


def test_a_variant_may_choose_stages():
    assert inserted_sites(attended(small(), parse_variant("se(stages=1)"))) == ("2.bn.attention",)


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (
            "se(stages=1+4)",
            "variant 'se(stages=1+4)': Sequential has no place in stage 4; "
            "stage k is at stride 2**k; it has places in stages 0-1",
        ),
        (
            "se(position=pre)",
            "variant 'se(position=pre)': Sequential has no position 'pre'; "
            "networks that are not sebench's own have the standard one",
        ),
        (
            "se(r=65)",
            "variant 'se(r=65)': r exceeds every attended tensor of Sequential; "
            "the widest has 64 channels, where r=64 leaves h = 1",
        ),
    ],
)
def test_variants_that_do_not_fit(variant, message):
    network = small()
    with pytest.raises(VariantError) as error:
        attended(network, parse_variant(variant))
    assert str(error.value) == message
    assert inserted_sites(network) == ()


def test_attention_that_cannot_take_the_feature_maps():
    network = nn.Sequential(Residual(3, 32, nn.Conv1d, nn.BatchNorm1d))
    with pytest.raises(VariantError, match="cannot attend to the feature map 1x32x8 of '0': .*for images"):
        attended(network, parse_variant("se(squeeze=none)"), shape=(1, 3, 8))


@pytest.mark.parametrize("name", sorted(ATTENTION_KINDS))
def test_which_attention_takes_sounds(name):
    network = nn.Sequential(Residual(3, 32, nn.Conv1d, nn.BatchNorm1d)).eval()
    if name in ("se", "simam"):
        attended(network, parse_variant(name), shape=(1, 3, 8))
        assert network(torch.randn(1, 3, 8)).shape == (1, 32, 8)
        return
    with pytest.raises(
        VariantError, match=f"variant '{name}' cannot attend .*; it is made for images; se and simam"
    ):
        attended(network, parse_variant(name), shape=(1, 3, 8))
    assert inserted_sites(network) == ()


def test_a_place_without_a_module_needs_the_captured_graph():
    class Functional(Residual):
        def forward(self, x):
            return x + torch.tanh(self.conv2(self.relu(self.conv1(x))))

    network = nn.Sequential(Residual(3, 16), Functional(16, 16))
    with pytest.raises(BuildError, match="block '1' of Sequential has no module that ends where"):
        attended(network)
    assert inserted_sites(network) == ()


def test_attention_after_modules_that_are_named(image):
    network = small()
    put_in(network, insert_after(network, record(network, IMAGE), r"0\.conv1|2"), SE, 0)
    assert inserted_sites(network) == ("0.conv1.attention", "2.attention")
    assert network(image).shape == (1, 64, 8, 8)


class Gate(nn.Module):
    """Called with more than the feature map."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Conv2d(32, 32, 1)

    def forward(self, scale, *, x):
        return x * torch.sigmoid(self.fc(x.mean((2, 3), keepdim=True)))


class Gated(nn.Module):
    def __init__(self, gate):
        super().__init__()
        self.conv, self.gate = nn.Conv2d(3, 32, 3, padding=1), gate

    def forward(self, x):
        return self.gate(1.0, x=self.conv(x))


def test_other_attention_in_the_places_of_gates(image):
    network = Gated(Gate())
    recording = record(network, IMAGE)
    replace_gates(network, recording, find_gates(recording), SE, 0)
    assert inserted_sites(network) == ("gate.attention",)
    assert sorted(name for name, _ in network.named_parameters() if "fc." in name) == []
    features = network.conv(image)
    assert torch.equal(network(image), network.gate.attention(features))


def test_gates_that_are_no_modules_need_the_captured_graph():
    class Inline(Gated):
        def forward(self, x):
            y = self.conv(x)
            return y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))

    network = nn.Sequential(Inline(nn.Conv2d(32, 32, 1)), nn.ReLU())
    recording = record(network, IMAGE)
    gates = find_gates(recording)
    with pytest.raises(BuildError, match="Sequential computes attention in '0' among other things"):
        replace_gates(network, recording, gates, SE, 0)


def test_a_module_that_is_attention_in_some_calls_only():
    class Twice(Gated):
        def forward(self, x):
            y = self.conv(x)
            return self.gate(1.0, x=y).mean() * y.sum() + self.gate(1.0, x=y)

    network = Twice(Gate())
    recording = record(network, IMAGE)
    gates = find_gates(recording)
    with pytest.raises(BuildError, match="module 'gate' of Twice is attention in some of its calls only"):
        replace_gates(network, recording, gates[:1], SE, 0)


@pytest.mark.slow
def test_compilers_and_tracers_see_through(image):
    network = attended(small())
    output = network(image)
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    assert torch.equal(compiled(image), output)
    assert torch.equal(torch.fx.symbolic_trace(network)(image), output)
    exported = torch.export.export(network, (image,), strict=False).module()
    assert torch.equal(exported(image), output)
