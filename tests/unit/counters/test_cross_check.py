"""Other counters beside ours: every difference is predicted by the tool's own rules, or stays visible."""

import sys

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional
from torchvision.models.mobilenetv3 import InvertedResidualConfig

from sebench import models
from sebench.counters import count
from sebench.counters.adapters.fvcore import Fvcore
from sebench.counters.adapters.thop import Thop
from sebench.counters.adapters.torch_flops import TorchFlops
from sebench.counters.cross_check import TOOLS, cross_check
from sebench.schema import Attribution, ModelSpec

NAMES = ["torch", "fvcore", "thop", "ptflops", "torchinfo"]


def checks(factory, shape, phase="inference", tools=TOOLS):
    def build():
        with torch.device("meta"):
            return factory()

    return {c.tool: c for c in cross_check(build, count(build(), shape, phase=phase), tools=tools)}


def native(model, variant="plain", phase="inference"):
    spec = ModelSpec(model=model, variant=variant)
    built = models.build(spec, seed=None, device="meta")
    cost = count(built.module, built.input_shape, phase=phase)
    found = cross_check(lambda: models.build(spec, seed=None, device="meta").module, cost)
    return {check.tool: check for check in found}


def ledger(check):
    return {part.op: part.macs for part in check.attributed}


def test_resnet50_with_se():
    found = native("resnet50", "se")
    # BN outputs 10,587,136; head pooling 2048 x 49 = 100,352 inputs; biases 17,048; BN parameters 53,120.
    # The squeeze is a mean and the scale a product: nobody sees either.
    assert {name: check.difference for name, check in found.items()} == {
        "torch": 0,
        "fvcore": 2 * 10_587_136 + 100_352,
        "thop": 4 * 10_587_136 + 100_352 + 2048,
        "ptflops": 17_048,
        "torchinfo": 53_120 + 17_048,
    }
    assert {check.unexplained for check in found.values()} == {0}
    assert ledger(found["fvcore"]) == {"aten.batch_norm": 21_174_272, "aten.adaptive_avg_pool2d": 100_352}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "variant"),
    [
        ("bn_inception", "se"),
        ("mobilenet_v1", "plain"),
        ("shufflenet_v1_g3", "se"),
        ("vgg16_bn", "plain"),
    ],
)
def test_nothing_stays_unexplained_on_native_networks(model, variant):
    assert {name: c.unexplained for name, c in native(model, variant).items()} == dict.fromkeys(NAMES, 0)


# Every kind of layer that its networks have, a few times each.
TORCHVISION = {
    "resnet18": torchvision.models.resnet18,
    "densenet": lambda: torchvision.models.DenseNet(8, (2, 2), 16),
    "mobilenet_v3": lambda: torchvision.models.MobileNetV3(
        [
            InvertedResidualConfig(16, 3, 16, 16, True, "RE", 2, 1, 1.0),
            InvertedResidualConfig(16, 5, 64, 24, True, "HS", 2, 1, 1.0),
            InvertedResidualConfig(24, 5, 96, 24, False, "HS", 1, 1, 1.0),
        ],
        last_channel=64,
    ),
    "swin": lambda: torchvision.models.SwinTransformer([4, 4], 24, [2, 2], [2, 4], [7, 7]),
    "vit": lambda: torchvision.models.VisionTransformer(224, 16, 2, 4, 32, 64),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCHVISION)
def test_nothing_stays_unexplained_on_torchvisions(name):
    found = checks(TORCHVISION[name], (1, 3, 224, 224))
    assert {tool: c.unexplained for tool, c in found.items() if c.status == "ok"} == dict.fromkeys(NAMES, 0)


class SqueezeByModule(nn.Module):
    def __init__(self, by_module):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1) if by_module else None
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        squeezed = self.pool(x).flatten(1) if self.pool else x.mean((2, 3))
        return x * torch.sigmoid(self.fc(squeezed))[:, :, None, None]


def test_a_squeeze_is_seen_only_if_it_is_a_module():
    by_module = checks(lambda: SqueezeByModule(True), (1, 4, 8, 8))
    by_mean = checks(lambda: SqueezeByModule(False), (1, 4, 8, 8))
    # 4 x 64 inputs; thop adds the 4 outputs
    assert ledger(by_module["fvcore"]) == {"aten.adaptive_avg_pool2d": 256}
    assert ledger(by_module["thop"]) == {"AdaptiveAvgPool2d": 260}
    assert by_mean["fvcore"].difference == by_mean["thop"].difference == 0
    assert {c.unexplained for c in (*by_module.values(), *by_mean.values())} == {0}


def test_functional_products_are_not_seen_by_hooks():
    class Product(nn.Module):
        def forward(self, x):
            return x @ x.transpose(1, 2)

    found = checks(Product, (1, 4, 8))
    assert found["torch"].macs == found["fvcore"].macs == 4 * 8 * 4
    assert ledger(found["thop"]) == ledger(found["torchinfo"]) == {"Product": -128}


class Functional(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def fvcore_on(function, shape):
    return checks(lambda: Functional(function), shape, tools=[Fvcore()])["fvcore"]


@pytest.mark.parametrize(
    ("equation", "shape", "ours", "theirs"),
    [
        # 64 x 64 x 32 MACs, as FLOPs 262,144, which numpy prints as 2.621e+05
        ("bnc,bmc->bnm", (1, 64, 32), 131_072, 131_050),
        ("bnc,bmc", (1, 64, 32), 131_072, 131_050),
        ("...nc,...mc->...nm", (1, 64, 32), 131_072, 131_050),
        # 3 x 197 x 197 x 33 = 3,842,091; 7.684e+06
        ("bnc,bmc->bnm", (3, 197, 33), 3_842_091, 3_842_000),
        ("bnc,bmc->bnm", (2, 8, 12), 1536, 1536),  # 3.072e+03 is exact
        # the two equations that fvcore prices by formula, however they are lettered
        ("bnc,bnd->bcd", (3, 197, 33), 643_599, 643_599),  # 3 x 197 x 33 x 33
        (" q i k , q j k -> q j i", (3, 197, 33), 3_842_091, 3_842_091),
        # no product here, half a FLOP per element there: 3 x 197 x 33 = 19,503, 1.950e+04
        ("bnc,bnc->bnc", (3, 197, 33), 0, 9750),
        ("bnc->bcn", (3, 197, 33), 0, 9750),
    ],
)
def test_fvcore_prices_einsum_by_numpys_rounded_text(equation, shape, ours, theirs):
    operands = 1 + equation.count(",")
    found = fvcore_on(lambda x: torch.einsum(equation, *[x] * operands), shape)
    assert (found.macs, found.difference, found.unexplained) == (theirs, theirs - ours, 0)
    assert ledger(found) == ({"aten.einsum": theirs - ours} if theirs != ours else {})
    in_a_list = fvcore_on(lambda x: torch.einsum(equation, [x] * operands), shape)
    assert (in_a_list.macs, in_a_list.unexplained) == (theirs, 0)


def test_einsum_with_lists_of_subscripts_and_with_three_operands():
    by_numbers = fvcore_on(lambda x: torch.einsum(x, [0, 1, 2], x, [0, 3, 2], [0, 1, 3]), (1, 64, 32))
    assert (by_numbers.difference, by_numbers.unexplained) == (-22, 0)
    # torch goes from left to right, 2 x 64 x 64 x 32 x 2 = 524,288; numpy's order takes half of that
    three = fvcore_on(lambda x: torch.einsum("bnc,bmc,bmd->bnd", x, x, x), (2, 64, 32))
    assert (three.macs, three.difference, three.unexplained) == (262_150, 262_150 - 524_288, 0)


@pytest.mark.parametrize(
    ("function", "difference"),
    [
        (lambda x: x[0] @ x.transpose(1, 2), 8 * 12 * 8 - 2 * 8 * 12 * 8),  # the first factor is broadcast
        (lambda x: torch.matmul(x, x[0].t()), 0),
        (lambda x: x[0, 0] @ x.transpose(1, 2), 12 * 8 - 2 * 12 * 8),
        (lambda x: torch.mv(x[0], x[0, 0]), -8 * 12),
        (lambda x: torch.baddbmm(x[:, :, :8], x, x.transpose(1, 2)), -2 * 8 * 12 * 8),
        (lambda x: torch.tensordot(x, x, dims=([2], [2])), -16 * 12 * 16),
        (lambda x: torch.inner(x[0], x[1]), -8 * 12 * 8),
    ],
)
def test_fvcores_other_products(function, difference):
    found = fvcore_on(function, (2, 8, 12))
    assert (found.difference, found.unexplained) == (difference, 0)


class Recurrent(nn.Module):
    """A recurrent layer, or a cell that is called step by step from a state made on the way."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        if isinstance(self.layer, nn.RNNBase):
            return self.layer(x)[0]
        state = torch.zeros(len(x), self.layer.hidden_size)
        for step in range(x.shape[1]):
            result = self.layer(x[:, step], (state, state) if isinstance(self.layer, nn.LSTMCell) else state)
            state = result[0] if isinstance(result, tuple) else result
        return state


# (2, 8, 12): 16 steps of 12 features to 5
@pytest.mark.parametrize(
    ("layer", "ours", "thop", "torchinfo"),
    [
        # per step 4 gates of 5 x 17; thop: activation and 2 biases per gate, 4 more; torchinfo: parameters
        (lambda: nn.LSTM(12, 5, batch_first=True), 5440, 16 * (340 + 4 * 15 + 20), 16 * 380),
        (lambda: nn.LSTM(12, 5, batch_first=True, bias=False), 5440, 16 * (340 + 4 * 5 + 20), 16 * 340),
        (lambda: nn.GRU(12, 5, batch_first=True), 4080, 16 * (255 + 3 * 15 + 20), 16 * 285),
        (lambda: nn.RNN(12, 5, batch_first=True), 1360, 16 * (85 + 15), 16 * 95),
        # two layers, both ways: 2 x (4 x 5 x 17 + 4 x 5 x 15) per step, 4 x (4 x 15 + 20) and 4 x 40 biases
        (
            lambda: nn.LSTM(12, 5, 2, batch_first=True, bidirectional=True),
            16 * 1280,
            16 * (1280 + 320),
            16 * (1280 + 160),
        ),
        # 8 calls: torchinfo multiplies by the leading sizes (2, 5) of the state, although 5 are its features
        (lambda: nn.LSTMCell(12, 5), 5440, 16 * 420, 8 * 10 * 380),
        (lambda: nn.GRUCell(12, 5), 4080, 16 * 320, 8 * 10 * 285),
        (lambda: nn.RNNCell(12, 5), 1360, 16 * 100, 8 * 10 * 95),
    ],
)
def test_recurrent_layers(layer, ours, thop, torchinfo):
    found = checks(lambda: Recurrent(layer()), (2, 8, 12))
    macs = {name: check.macs for name, check in found.items()}
    assert macs["torch"] == ours
    traced = (
        ours if issubclass(type(layer()), nn.RNNCellBase) else 0
    )  # fvcore sees the linear layers of a cell
    assert (macs["fvcore"], macs["thop"], macs["torchinfo"]) == (traced, thop, torchinfo)
    assert {name: check.unexplained for name, check in found.items()} == dict.fromkeys(NAMES, 0)


class Standardised(nn.Conv2d):
    """Weights are normalised by their own statistics, in evaluation mode too."""

    def forward(self, x):
        weight = self.weight.reshape(1, self.out_channels, -1)
        scale = torch.ones(self.out_channels, device=weight.device)
        weight = functional.batch_norm(weight, None, None, weight=scale, training=True, momentum=0.0)
        return functional.conv2d(x, weight.reshape_as(self.weight), self.bias)


def test_fvcore_prices_batch_statistics_as_a_layer_norm():
    found = checks(lambda: Standardised(3, 8, 3), (1, 3, 6, 6))
    # 8 x 27 = 216 weights, 5 each
    assert ledger(found["fvcore"]) == {"aten.batch_norm": 1080}
    assert {name: check.unexplained for name, check in found.items()} == dict.fromkeys(NAMES, 0)
    plain = fvcore_on(
        lambda x: torch.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, False), (2, 3, 4, 4)
    )
    assert (plain.macs, plain.unexplained) == (4 * 96, 0)


@pytest.mark.parametrize("norm", [nn.utils.weight_norm, nn.utils.spectral_norm])
@pytest.mark.filterwarnings("ignore")
def test_derived_weights(norm):
    # 3 -> 4, 3x3, 10 x 10: 4 x 27 x 100; spectral norm adds 4 x 27 and a dot product of 4
    sigma = 112 if norm is nn.utils.spectral_norm else 0
    found = checks(lambda: nn.Sequential(norm(nn.Conv2d(3, 4, 3, bias=False))), (1, 3, 12, 12))
    assert found["thop"].macs == found["fvcore"].macs == 10_800
    # torchinfo: 4 channels times 108 weights, and 4 scales
    assert found["torchinfo"].macs == 4 * (108 if sigma else 112)
    assert {name: check.unexplained for name, check in found.items()} == dict.fromkeys(NAMES, 0)
    assert found["torch"].macs in (10_800, 10_800 + sigma)


class Inferred(nn.Module):
    def __init__(self, inference):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, stride=4)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.lstm = nn.LSTM(8, 5, batch_first=True)
        self.inference = inference

    def forward(self, x):
        with torch.inference_mode(self.inference):
            t = self.conv(x).flatten(2).transpose(1, 2)
            t = self.attention(t, t, t, need_weights=False)[0]
            t = functional.scaled_dot_product_attention(t, t, t)
            t = torch.einsum("bnc,bmc->bnm", t, t) @ t
            return self.lstm(t)[0]


@pytest.mark.parametrize("inference", [False, True])
def test_layers_that_arrive_whole(inference):
    found = checks(lambda: Inferred(inference), (1, 3, 16, 16))
    assert {name: check.unexplained for name, check in found.items()} == dict.fromkeys(NAMES, 0)
    # conv 8 x 48 x 16, projections 16 x 4 x 64, 2 x 16 x 16 x 8 three times over, LSTM 16 x 20 x 13
    ours = 6144 + 4096 + 3 * 4096 + 4160
    assert found["torch"].macs == ours
    if inference:  # ptflops knows a whole matmul: 16 x 16 x 8
        assert found["ptflops"].macs == 2048


def test_attention_without_data_keeps_the_scores():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 24)

        def forward(self, x):
            parts = self.layer(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
            return functional.scaled_dot_product_attention(*parts)

    found = checks(Attention, (1, 5, 8), phase="training", tools=[TorchFlops()])["torch"]
    # 50 scores of depth 4: 4 products instead of 5
    assert ledger(found) == {"aten._scaled_dot_product_flash_attention_for_cpu_backward": -200}
    assert found.unexplained == 0


IMAGES = (2, 3, 8, 8)


def same(x):
    return functional.conv2d(x, x.new_empty(4, 3, 3, 3), padding="same")


def sampled(x):
    return functional.grid_sample(x, x.new_zeros(2, 5, 5, 2), align_corners=False)


def antialiased(x):
    return functional.interpolate(x, scale_factor=2, mode="bilinear", antialias=True)


@pytest.mark.parametrize(
    ("function", "difference"),
    [
        (same, -2 * 4 * 64 * 27),  # 2 images of 4 x 8 x 8 outputs; fvcore knows no padding by a word
        (sampled, 4 * 2 * 3 * 25),
        (antialiased, 0),
        (lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"), 4 * 2 * 3 * 256),
        (lambda x: functional.interpolate(x.flatten(2), scale_factor=2), 0),  # 1-d
    ],
)
def test_fvcores_handles_are_for_some_forms_of_an_op(function, difference):
    found = fvcore_on(function, IMAGES)
    assert (found.difference, found.unexplained) == (difference, 0)


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        # scores and values 2 x 5 x 5 x 8 each
        ({"need_weights": False}, -2 * 400),
        ({}, 0),
        ({"attn_mask": True}, -400),
    ],
)
def test_fvcore_on_the_ways_through_multi_head_attention(options, difference):
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            mask = x.new_zeros(5, 5) if options.get("attn_mask") else None
            return self.attention(x, x, x, **{**options, "attn_mask": mask})[0]

    found = checks(Attention, (2, 5, 8), tools=[Fvcore()])["fvcore"]
    assert (found.difference, found.unexplained) == (difference, 0)


def test_torchinfo_takes_a_sequence_for_one_position():
    found = checks(lambda: nn.Linear(8, 5), (1, 7, 8))["torchinfo"]
    assert (found.macs, found.unexplained) == (8 * 5 + 5, 0)  # ours 7 x 8 x 5


def test_thop_hooks_and_adds_up_a_shared_module_once_per_place():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            inner = nn.Linear(4, 4)
            self.one, self.other = nn.Sequential(inner), nn.Sequential(inner)

        def forward(self, x):
            return self.other(self.one(x))

    found = checks(Shared, (1, 4))
    assert found["torch"].macs == 32
    assert (found["thop"].macs, found["thop"].unexplained) == (128, 0)  # 2 calls x 2 hooks x 2 places x 16


def test_what_a_shared_module_holds_is_shared_too():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            inner = nn.Sequential(nn.Linear(4, 4))
            self.one, self.other = nn.Sequential(inner), nn.Sequential(inner)

        def forward(self, x):
            return self.other(self.one(x))

    found = checks(Shared, (1, 4), tools=[Thop()])["thop"]
    assert (found.macs, found.unexplained) == (128, 0)


def test_a_parameter_as_an_argument_of_a_module():
    class Token(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 4))
            self.layer = nn.Linear(4, 3)

        def forward(self, x):
            return self.layer(self.token) + self.layer(x)

    found = checks(Token, (1, 4), tools=[TorchFlops()])["torch"]
    assert (found.status, found.macs, found.unexplained) == ("ok", 24, 0)


def test_grouped_weight_gradients_that_torch_counts_once_per_group():
    found = native("mobilenet_v1", phase="training")
    check = found["torch"]
    assert check.unexplained == 0
    if check.difference:
        (part,) = check.attributed
        assert part.op == "aten.convolution_backward"
        # sum over the 13 depthwise convolutions of (C - 1) x 9 x C x output positions
        widths = [
            (32, 112),
            (64, 56),
            (128, 56),
            (128, 28),
            (256, 28),
            (256, 14),
            *[(512, 14)] * 5,
            (512, 7),
            (1024, 7),
        ]
        assert part.macs == sum((c - 1) * 9 * c * side**2 for c, side in widths)
    reasons = {name: found[name].reason for name in NAMES[1:]}
    assert reasons == dict.fromkeys(NAMES[1:], "counts the forward pass only")


# --- what goes wrong ------------------------------------------------------------------------------------


class FakeTool:
    name, distribution, phases = "fake", "no-such-distribution", ("inference",)

    def __init__(self, answer):
        self.answer = answer

    def count(self, model, batch, phase):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def differences(self, seen):
        yield Attribution(op="aten.mm", macs=5, why="a rule")


def test_what_no_rule_predicts_is_left_over():
    found = checks(lambda: nn.Linear(4, 4), (1, 4), tools=[FakeTool(28)])["fake"]
    assert (found.difference, found.unexplained, found.version) == (12, 7, None)


def test_a_tool_that_is_missing_or_crashes_says_so_and_the_others_go_on(monkeypatch):
    monkeypatch.setitem(sys.modules, "thop", None)
    crash = FakeTool(ValueError("no such layer\nmore"))
    found = checks(lambda: nn.Linear(4, 4), (1, 4), tools=[Thop(), crash, FakeTool(KeyError()), TorchFlops()])
    assert (found["thop"].status, found["thop"].reason) == ("unavailable", "not installed; pip install thop")
    assert found["torch"].macs == 16
    found = checks(lambda: nn.Linear(4, 4), (1, 4), tools=[crash])["fake"]
    assert (found.status, found.reason, found.macs) == ("failed", "ValueError: no such layer", None)


def test_rules_that_cannot_be_applied_are_an_answer_of_one_row():
    class Puzzled(FakeTool):
        name = "puzzled"

        def differences(self, seen):
            raise AttributeError("no attribute 'weight'")

    found = checks(lambda: nn.Linear(4, 4), (1, 4), tools=[Puzzled(28), FakeTool(28)])
    check = found["puzzled"]
    assert (check.status, check.macs, check.difference, check.unexplained) == ("failed", 28, 12, 12)
    assert check.reason == "its difference could not be predicted: AttributeError: no attribute 'weight'"
    assert found["fake"].unexplained == 7


def test_a_network_that_cannot_be_watched_is_an_answer_of_its_rows():
    class Once(nn.Module):
        """Not a second time."""

        calls = 0

        def forward(self, x):
            Once.calls += 1
            if Once.calls > 1:
                raise ValueError("once only")
            return x

    (check,) = checks(Once, (1, 4), tools=[FakeTool(3)]).values()
    assert (check.status, check.unexplained) == ("failed", 3)
    assert check.reason == "its difference could not be predicted: ValueError: once only"


def test_tools_leave_nothing_behind_and_say_nothing(capfd, recwarn):
    before = (nn.Linear.forward, torch.nn.functional.linear, torch.matmul, torch.Tensor.__matmul__)
    native("cifar_wrn16_8", "se")
    assert (nn.Linear.forward, torch.nn.functional.linear, torch.matmul, torch.Tensor.__matmul__) == before
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


@pytest.mark.filterwarnings("ignore:.torch.jit.script:FutureWarning")  # of importing it, which happens once
def test_fvcore_traces_a_copy_with_values():
    module = nn.BatchNorm2d(3, affine=False, device="meta")
    assert Fvcore().count(module, torch.empty(1, 3, 2, 2, device="meta"), "inference") == 12
