"""The kinds of attention against their papers: cost by hand arithmetic, values by timm or plain formulas."""

import math
import re

import pytest
import torch
from torch import nn

from sebench import counters
from sebench.errors import VariantError
from sebench.models.attention import make_attention
from sebench.models.attentions.efficient_channel import adaptive_kernel
from sebench.models.initialisation import initialise
from sebench.models.layers import sequence
from sebench.models.slots import Attended, Slots
from sebench.schema import ATTENTION_KINDS, Variant, hidden_channels, parse_variant

SHAPE = (2, 64, 12, 10)
BATCH, CHANNELS, HEIGHT, WIDTH = SHAPE


def module(text, channels=CHANNELS):
    """In evaluation mode and double precision, with normalisation that has seen data."""
    torch.manual_seed(0)
    made = make_attention(channels, parse_variant(text)).double().eval()
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
            nn.init.normal_(layer.weight)
            nn.init.normal_(layer.bias)
    return made


def batch(channels=CHANNELS):
    return torch.randn((BATCH, channels, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(1)).double()


# --- cost -----------------------------------------------------------------------------------------------

# At C = 64 on a map of 12 x 10 = 120 pixels; MACs are per image.
COSTS = {
    # h = 64 // 16 = 4: 2 x 64 x 4 weights and 4 + 64 biases
    "se": (580, 512),
    "se(bias=false)": (512, 512),
    "se(fc=conv1x1)": (580, 512),
    "se(pool=avgpool)": (580, 512),
    "se(fc=conv1x1,pool=avgpool)": (580, 512),
    # 64 x 64 weights and 64 biases
    "ese": (4160, 4096),
    # |(log2(64) + 1) / 2| = 3.5, nearest odd number 3; 3 weights at each of 64 channels
    "eca": (3, 192),
    "eca(k=9)": (9, 576),
    # h = 4: 2 x 64 x 4 weights, run twice; 2 x 7 x 7 weights at 120 pixels; BN of one channel
    "cbam": (512 + 98 + 2, 2 * 512 + 98 * 120),
    # biases 4 + 64; 2 x 3 x 3 weights
    "cbam(k=3,bias=true)": (512 + 68 + 18 + 2, 2 * 512 + 18 * 120),
    # h = 4, channel: 2 x 64 x 4 + 4 + 64, BN 2 x 64; spatial: 64 x 4 + 4, 2 x (9 x 4 x 4 + 4), 4 + 1, BN 2
    "bam": (512 + 68 + 128 + 260 + 296 + 5 + 2, 512 + (256 + 2 * 144 + 4) * 120),
    "bam(dilation=1)": (1271, 512 + 548 * 120),
    "ge": (0, 0),
    "ge(extent=4)": (0, 0),
    # two depthwise convolutions of 9 x 64 with BN of 2 x 64: to 6 x 5 = 30 and 3 x 3 = 9 pixels
    "ge(form=theta,extent=4)": (2 * (576 + 128), 576 * (30 + 9)),
    # three, the last to 2 x 2 pixels; there the layers of SE, 2 x 64 x 4 weights with 4 + 64 biases
    "ge(form=theta-plus,extent=8)": (3 * 704 + 580, 576 * (30 + 9 + 4) + 512 * 4),
    # 64 + 1 of the pooling; h = 4: 2 x 64 x 4 weights, 4 + 64 biases, LN 2 x 4; 64 twice at 120 pixels
    "gc": (65 + 512 + 68 + 8, 2 * 64 * 120 + 512),
    "gc(fusion=mul)": (653, 15_872),
    # two weights per channel and BN
    "srm": (2 * 64 + 2 * 64, 2 * 64),
    # h = max(8, 64 // 32) = 8: 64 x 8 + 8 and BN 2 x 8; 8 x 64 + 64 twice; 512 at 12 + 10, 12 and 10 places
    "coord": (520 + 16 + 2 * 576, 512 * (22 + 12 + 10)),
    "simam": (0, 0),
    # h = 64 // 2 = 32: 2 x 64 x 32 weights; 64 weights at 120 pixels
    "scse": (4096 + 64, 4096 + 64 * 120),
    "scse(combine=max,bias=true)": (4160 + 32 + 64 + 1, 11_776),
}


@pytest.mark.parametrize("text", COSTS)
def test_cost_is_that_of_the_paper(text):
    cost = counters.count(make_attention(CHANNELS, parse_variant(text)), SHAPE)
    assert (cost.params, sum(op.macs for op in cost.ops)) == (COSTS[text][0], BATCH * COSTS[text][1])
    assert not cost.uncounted


@pytest.mark.parametrize("text", COSTS)
def test_every_op_of_a_training_step_is_counted(text):
    # what has no parameters has a backward pass where something before it has
    trained = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1), make_attention(CHANNELS, parse_variant(text)))
    assert not counters.count(trained, SHAPE, phase="training").uncounted


def test_every_kind_has_its_cost_checked():
    assert set(ATTENTION_KINDS) <= set(COSTS)


@pytest.mark.parametrize("channels", [16, 64, 256])
@pytest.mark.parametrize("kind", ATTENTION_KINDS.values(), ids=ATTENTION_KINDS)
def test_the_formulas_of_the_entry_hold(kind, channels):
    ratio, kernel = kind.default("r"), kind.default("k")
    values = {
        "C": channels,
        "H": HEIGHT,
        "W": WIDTH,
        "h": ratio and hidden_channels(channels, ratio, least=8 if kind.name == "coord" else 1),
        "k": adaptive_kernel(channels) if kernel == "adaptive" else kernel,
    }
    cost = counters.count(make_attention(channels, Variant(kind.name)), (1, channels, HEIGHT, WIDTH))
    assert cost.params == evaluated(kind.params, values)
    assert sum(op.macs for op in cost.ops) == evaluated(kind.macs, values)


def evaluated(formula, values):
    """A sum of products: factors stand side by side."""
    return sum(
        math.prod(int(factor) if factor.isdigit() else values[factor] for factor in product.split())
        for product in re.split(r" \+ ", formula)
    )


# --- the same as timm's ---------------------------------------------------------------------------------


def timm_layers(file="", why="the timm extra"):
    return pytest.importorskip(f"timm.layers.{file}" if file else "timm.layers", reason=f"needs {why}")


def assert_equal_to(other, ours, renamed):
    """Outputs agree to 1e-6 relative once `other` has the weights of `ours`, under the names of `renamed`."""
    state = ours.state_dict()
    weights = {
        new: state[old].reshape(other.state_dict()[new].shape)
        for name, old_name in renamed.items()
        for new, old in paired(other.state_dict(), state, name, old_name)
    }
    other.double().eval().load_state_dict(weights)
    x = batch()
    torch.testing.assert_close(ours(x), other(x), rtol=1e-6, atol=1e-12)


def paired(new, old, name, old_name):
    found = [(each, old_name + each.removeprefix(name)) for each in new if each.startswith(f"{name}.")]
    assert [each for _, each in found] == [each for each in old if each.startswith(f"{old_name}.")]
    return found


@pytest.mark.parametrize("text", ["se", "se(fc=conv1x1)", "se(pool=avgpool)"])
def test_se_is_timms(text):
    other = timm_layers().SEModule(CHANNELS, rd_channels=4)
    assert_equal_to(other, module(text), {"fc1": "excite.fc1", "fc2": "excite.fc2"})


def test_ese_is_timms():
    assert_equal_to(timm_layers().EffectiveSEModule(CHANNELS), module("ese"), {"fc": "excite.fc"})


def test_eca_is_timms():
    assert_equal_to(timm_layers().EcaModule(CHANNELS), module("eca"), {"conv": "excite.conv"})


@pytest.mark.parametrize("bias", [False, True])
def test_cbam_is_timms(bias):
    other = timm_layers("cbam").CbamModule(CHANNELS, mlp_bias=bias)
    assert_equal_to(
        other,
        module(f"cbam(bias={str(bias).lower()})"),
        {
            "channel.fc1": "channel.excite.fc1",
            "channel.fc2": "channel.excite.fc2",
            "spatial.conv.conv": "spatial.conv",
            "spatial.conv.bn": "spatial.bn",
        },
    )


@pytest.mark.parametrize("extent", ["global", "2", "4", "8"])
def test_ge_without_parameters_is_timms(extent):
    other = timm_layers().GatherExcite(
        CHANNELS, extent=0 if extent == "global" else int(extent), use_mlp=False
    )
    assert_equal_to(other, module(f"ge(extent={extent})"), {})


@pytest.mark.parametrize("fusion", ["add", "mul"])
def test_gc_is_timms(fusion):
    other = timm_layers().GlobalContext(
        CHANNELS, fuse_add=fusion == "add", fuse_scale=fusion == "mul", rd_ratio=1 / 16
    )
    mlp = "mlp_add" if fusion == "add" else "mlp_scale"
    getattr(other, mlp).norm.eps = 1e-5  # torch's, as in the authors' code; timm has 1e-6
    renamed = {f"{mlp}.{name}": f"transform.{name}" for name in ("fc1", "norm", "fc2")}
    assert_equal_to(other, module(f"gc(fusion={fusion})"), {"conv_attn": "context.conv", **renamed})


def test_coord_is_timms():
    other = timm_layers("coord_attn", "a timm that has it").CoordAttn(CHANNELS, rd_channels=8, bias=True)
    renamed = {"conv1": "conv", "bn1": "bn", "conv_h": "conv_h", "conv_w": "conv_w"}
    assert_equal_to(other, module("coord"), {new: f"excite.{old}" for new, old in renamed.items()})


# --- what timm does not have, or not in a form that runs -------------------------------------------------


def test_bam_is_equations_1_to_4():
    bam, x = module("bam(r=8,dilation=2)"), batch()
    channel, spatial = bam.channel, bam.spatial
    z = x.mean((2, 3))
    z = (
        nn.functional.relu(z @ channel.fc1.weight.T + channel.fc1.bias) @ channel.fc2.weight.T
        + channel.fc2.bias
    )
    y = nn.functional.relu(nn.functional.conv2d(x, spatial.reduce.weight, spatial.reduce.bias))
    for conv in (spatial.conv1, spatial.conv2):
        y = nn.functional.relu(nn.functional.conv2d(y, conv.weight, conv.bias, padding=2, dilation=2))
    y = nn.functional.conv2d(y, spatial.to_one.weight, spatial.to_one.bias)
    gate = torch.sigmoid(channel.bn(z)[:, :, None, None] + spatial.bn(y))
    torch.testing.assert_close(bam(x), x * (1 + gate), rtol=1e-12, atol=1e-12)


def test_ge_with_parameters_is_convolutions_then_the_nearest():
    ge, x = module("ge(form=theta-plus,extent=4)"), batch()
    gathered = ge.gather
    y = nn.functional.conv2d(x, gathered.conv1.weight, stride=2, padding=1, groups=CHANNELS)
    y = nn.functional.conv2d(
        nn.functional.relu(gathered.bn1(y)), gathered.conv2.weight, stride=2, padding=1, groups=CHANNELS
    )
    y = gathered.bn2(y)
    layers = ge.excite.layers
    y = nn.functional.conv2d(
        nn.functional.relu(nn.functional.conv2d(y, layers.fc1.weight, layers.fc1.bias)),
        layers.fc2.weight,
        layers.fc2.bias,
    )
    assert y.shape[2:] == (3, 3)
    rows, columns = (torch.arange(size) * 3 // size for size in (HEIGHT, WIDTH))
    torch.testing.assert_close(ge(x), x * torch.sigmoid(y[:, :, rows][..., columns]))


def test_srm_weighs_mean_and_standard_deviation_of_each_channel():
    srm, x = module("srm"), batch()
    pixels = x.flatten(2)
    mean = pixels.mean(2)
    std = ((pixels - mean[..., None]).square().mean(2) + 1e-5).sqrt()
    weights = srm.excite.cfc.weight[:, 0]
    z = srm.excite.bn((mean * weights[:, 0] + std * weights[:, 1])[..., None])
    torch.testing.assert_close(srm(x), x * torch.sigmoid(z)[..., None], rtol=1e-12, atol=1e-12)


def test_simam_is_the_inverse_of_equation_5():
    x = batch()
    mean = x.mean((2, 3), keepdim=True)
    variance = (x - mean).square().sum((2, 3), keepdim=True) / (HEIGHT * WIDTH - 1)
    energy = 4 * (variance + 1e-3) / ((x - mean).square() + 2 * variance + 2 * 1e-3)
    torch.testing.assert_close(module("simam(lam=1e-3)")(x), x * torch.sigmoid(1 / energy))


def test_simam_on_a_map_of_one_pixel_is_defined():
    x = torch.tensor([[[[3.0]]]])
    # no deviation: sigmoid(1/2)
    torch.testing.assert_close(module("simam", 1)(x), x * torch.sigmoid(torch.tensor(0.5)))


@pytest.mark.parametrize(("combine", "of"), [("add", torch.add), ("max", torch.maximum), ("mul", torch.mul)])
def test_scse_combines_both_recalibrations(combine, of):
    scse, x = module(f"scse(combine={combine},bias=true)"), batch()
    first, second = scse.channel.excite.fc1, scse.channel.excite.fc2
    z = nn.functional.relu(x.mean((2, 3)) @ first.weight.T + first.bias) @ second.weight.T + second.bias
    channel = x * torch.sigmoid(z)[:, :, None, None]
    spatial = x * torch.sigmoid(nn.functional.conv2d(x, scse.spatial.conv.weight, scse.spatial.conv.bias))
    torch.testing.assert_close(scse(x), of(channel, spatial), rtol=1e-12, atol=1e-12)


# --- options --------------------------------------------------------------------------------------------


def test_the_adaptive_kernel_is_the_nearest_odd_number():
    # (log2(C) + 1) / 2: 1.5, 2.5, 3.5, 4 (between 3 and 5), 4.5, 5, 5.5, 6 (between 5 and 7)
    kernels = {4: 1, 16: 3, 64: 3, 128: 5, 256: 5, 512: 5, 1024: 5, 2048: 7}
    assert {channels: adaptive_kernel(channels) for channels in kernels} == kernels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("eca(k=4)", "k must be an odd number up to 99 or adaptive, not '4'"),
        ("cbam(k=101)", "k must be an odd number up to 99, not '101'"),
        ("bam(dilation=65)", "dilation must be at most 64, not '65'"),
        ("simam(lam=0)", "lam must be a number above 0, not '0'"),
        ("simam(lam=nan)", "lam must be a number above 0, not 'nan'"),
        ("ge(form=theta)", "form=theta does not go with extent=global"),
        ("ge(extent=3)", "unknown extent value '3'"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_one_line(text, message):
    with pytest.raises(VariantError) as caught:
        parse_variant(text)
    assert caught.value.message == f"variant {text!r}: {message}"
    assert caught.value.hint


@pytest.mark.parametrize("text", ["simam(lam=0.001)", "simam(lam=1e-05)", "eca(k=5)"])
def test_numbers_have_one_text(text):
    assert str(parse_variant(text)) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("simam(lam=.0001)", "simam"),
        ("simam(lam=1e-3)", "simam(lam=0.001)"),
        ("eca(k=adaptive)", "eca"),
        ("ge(extent=4,form=theta)", "ge(form=theta,extent=4)"),
    ],
)
def test_equal_variants_have_one_name(text, plain):
    assert str(parse_variant(text)) == plain


# --- choices of SE that change no value ------------------------------------------------------------------


def network(text):
    built = sequence(stage2=Attended(nn.Conv2d(3, 32, 3), 32, Slots(parse_variant(text)), 2))
    initialise(built, 7)
    return built.eval()


@pytest.mark.parametrize("squeeze", ["avg", "max", "avgmax"])
@pytest.mark.parametrize("choice", ["fc=conv1x1", "pool=avgpool", "fc=conv1x1,pool=avgpool"])
def test_layers_and_pooling_change_cost_but_no_value(squeeze, choice):
    usual, other = network(f"se(squeeze={squeeze})"), network(f"se(squeeze={squeeze},{choice})")
    theirs = other.state_dict()
    for name, values in usual.state_dict().items():
        assert torch.equal(values, theirs[name].reshape(values.shape))
    x = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(usual(x), other(x), rtol=1e-5, atol=1e-6)


def test_layers_over_the_whole_map_keep_the_weights_of_convolutions():
    one, other = network("se(squeeze=none)"), network("se(squeeze=none,fc=conv1x1)")
    theirs = other.state_dict()
    assert all(torch.equal(values, theirs[name]) for name, values in one.state_dict().items())
