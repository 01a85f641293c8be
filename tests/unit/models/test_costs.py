"""Parameters, MACs and sites of every native network, to the last digit (meta device, no weights).

MACs are FlopCounterMode / 2: convolutions and linear layers. Figures follow from the topologies alone;
those of reference models and released prototxts agree where there are any.
"""

from typing import NamedTuple

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from sebench.models import list_models
from tests.on_meta import on_meta


class Cost(NamedTuple):
    params: int
    conv_macs: int
    fc_macs: int
    sites: int
    se_weights: int
    se_biases: int
    squeezed_elements: int | None = None


COSTS = {
    "resnet50": Cost(25_557_032, 3_855_925_248, 2_048_000, 16, 2_514_944, 16_048, 5_519_360),
    "resnet101": Cost(44_549_160, 7_568_146_432, 2_048_000, 33, 4_743_168, 34_544, 8_931_328),
    "resnet152": Cost(60_192_808, 11_280_367_616, 2_048_000, 50, 6_578_176, 50_864, 13_146_112),
    "resnext50_32x4d": Cost(25_028_904, 4_228_431_872, 2_048_000, 16, 2_514_944, 16_048, 5_519_360),
    "resnext101_32x4d": Cost(44_177_704, 7_967_948_800, 2_048_000, 33, 4_743_168, 34_544, 8_931_328),
    "senet154": Cost(108_459_944, 20_679_737_344, 2_048_000, 50, 6_578_176, 50_864, 13_146_112),
    # 25088 * 4096 + 4096 * 4096 + 4096 * 1000 = 123,633,664
    "vgg16_bn": Cost(138_365_992, 15_346_630_656, 123_633_664, 13, 226_304, 4_488, 13_547_520),
    "alexnet": Cost(61_100_840, 655_566_528, 58_621_952, 5, 39_936, 1_224, 484_992),
    # 2 * (256*16 + 320*20 + 3*576*36 + 2*608*38 + 1056*66 + 2*1024*64) = 639,360;
    # biases 256+16 + 320+20 + 3*(576+36) + 2*(608+38) + 1056+66 + 2*(1024+64) = 7,038
    "bn_inception": Cost(11_285_224, 2_031_576_064, 1_024_000, 10, 639_360, 7_038),
    # 2 * (256*16 + 2*288*18 + 5*768*48 + 1280*80 + 2*2048*128) = 1,650,944
    "inception_v3": Cost(23_834_568, 5_711_168_096, 2_048_000, 11, 1_650_944, 10_676),
    "inception_resnet_v2": Cost(55_843_464, 13_154_258_016, 1_536_000, 40, 8_495_360, 48_620, 11_539_840),
    "mobilenet_v1": Cost(4_231_976, 567_716_352, 1_024_000, 13, 479_744, 6_324, 2_709_504),
    # 2 * (216*13 + 3*240*15 + 240*15 + 7*480*30 + 480*30 + 3*960*60) = 610,416
    "shufflenet_v1_g3": Cost(1_865_728, 136_500_672, 960_000, 16, 610_416, 8_389),
    # 2 * 3 * (16*1 + 32*2 + 64*4) = 2,016; 3 * (16+1 + 32+2 + 64+4) = 357
    "cifar_resnet20": Cost(272_282, 40_812_544, 640, 9, 2_016, 357),
    # 2 * 18 * (16*1 + 32*2 + 64*4) = 12,096; 18 * (16+1 + 32+2 + 64+4) = 2,142
    "cifar_resnet110": Cost(1_730_522, 253_149_184, 640, 54, 12_096, 2_142),
    "cifar_resnet164": Cost(1_703_258, 244_498_432, 2_560, 54, 193_536, 8_568, 2_064_384),
    # 2 * 2 * (128*8 + 256*16 + 512*32) = 86,016
    "cifar_wrn16_8": Cost(10_961_370, 1_548_140_544, 5_120, 6, 86_016, 1_904),
    # 2 * 4 * (160*10 + 320*20 + 640*40) = 268,800
    "cifar_wrn28_10": Cost(36_479_194, 5_243_322_368, 6_400, 12, 268_800, 4_760),
    # 2 * 8 * (96*6 + 192*12 + 384*24) = 193,536
    "cifar_shakeshake26_2x96d": Cost(26_192_922, 3_776_888_832, 3_840, 24, 193_536, 5_712),
}


def params(built):
    return sum(parameter.numel() for parameter in built.module.parameters())


def blobs(built):
    """Parameters and buffers: what the paper's parameter column counts."""
    return params(built) + sum(buffer.numel() for buffer in built.module.buffers())


@pytest.fixture(autouse=True)
def normalisation_left_out(monkeypatch):
    """It keeps the shape and has no MACs; without data, torch takes most of its time for it."""
    monkeypatch.setattr(torch.nn.BatchNorm2d, "forward", lambda _self, x: x)


def macs(built):
    with FlopCounterMode(display=False) as counter:
        built.module(torch.empty(built.input_shape, device="meta"))
    return counter.get_total_flops() // 2


def test_every_network_is_pinned():
    classifiers = [info.name for info in list_models() if info.family != "detection"]
    assert list(COSTS) == classifiers  # the detectors have a test of their own


@pytest.mark.parametrize("model", COSTS)
def test_plain(model):
    built, cost = on_meta(model), COSTS[model]
    assert params(built) == cost.params
    assert macs(built) == cost.conv_macs + cost.fc_macs
    assert built.sites == ()


@pytest.mark.parametrize("model", COSTS)
def test_se(model):
    built, cost = on_meta(model, "se"), COSTS[model]
    squeezed = []

    def note(module, inputs, _output):
        if module in squeezes:
            squeezed.append(inputs[0].numel())

    squeezes = {built.module.get_submodule(site).squeeze for site in built.sites}
    assert params(built) == cost.params + cost.se_weights + cost.se_biases
    with torch.nn.modules.module.register_module_forward_hook(note):
        assert macs(built) == cost.conv_macs + cost.fc_macs + cost.se_weights  # one MAC per SE weight
    assert len(built.sites) == len(squeezed) == cost.sites
    if cost.squeezed_elements is not None:
        assert sum(squeezed) == cost.squeezed_elements


# One of each file in which slots are filled; the option itself is the attention's.
@pytest.mark.parametrize(
    "model",
    [
        *("resnet50", "vgg16_bn", "alexnet", "bn_inception", "inception_resnet_v2", "mobilenet_v1"),
        *("shufflenet_v1_g3", "cifar_resnet110", "cifar_wrn16_8", "cifar_shakeshake26_2x96d"),
    ],
)
def test_se_without_bias(model):
    cost = COSTS[model]
    assert params(on_meta(model, "se(bias=false)")) == cost.params + cost.se_weights


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        # TPAMI Table 14 and 15, placement
        ("se(bias=false)", 28_071_976),
        ("se(position=post,bias=false)", 28_071_976),
        ("se(position=identity,bias=false)", 28_071_976),
        ("se(position=pre,bias=false)", 27_548_200),
        ("se(position=3x3,bias=false)", 25_714_216),
        # per-stage weights 24,576, 131,072, 786,432 and 1,572,864
        ("se(stages=2,bias=false)", 25_557_032 + 24_576),
        ("se(stages=3,bias=false)", 25_557_032 + 131_072),
        ("se(stages=4,bias=false)", 25_557_032 + 786_432),
        ("se(stages=5,bias=false)", 25_557_032 + 1_572_864),
        ("se(stages=2-4,bias=false)", 25_557_032 + 942_080),
        ("se(squeeze=none,bias=false)", 28_071_976),
    ],
)
def test_resnet50_ablation_params(variant, expected):
    assert params(on_meta("resnet50", variant)) == expected


@pytest.mark.parametrize(
    ("reduction", "no_bias", "bias"),
    [
        # 2,514,944 * 16 / r weights; biases sum(C) = 15,104 plus 944 * 16 / r
        (2, 45_676_584, 45_699_240),
        (4, 35_616_808, 35_635_688),
        (8, 30_586_920, 30_603_912),
        (16, 28_071_976, 28_088_024),
        (32, 26_814_504, 26_830_080),
    ],
)
def test_reduction_ratios(reduction, no_bias, bias):
    assert params(on_meta("resnet50", f"se(r={reduction},bias=false)")) == no_bias
    assert params(on_meta("resnet50", f"se(r={reduction})")) == bias


@pytest.mark.parametrize(
    ("variant", "published_millions"),
    [
        ("plain", 25.6),
        ("se(r=2,bias=false)", 45.7),
        ("se(r=4)", 35.7),
        ("se(r=8)", 30.7),
        ("se(r=16)", 28.1),
        ("se(r=32)", 26.9),
        ("se(stages=2,bias=false)", 25.6),
        ("se(stages=3,bias=false)", 25.7),
        ("se(stages=4,bias=false)", 26.4),
        ("se(position=3x3,bias=false)", 25.8),
    ],
)
def test_published_parameter_column_counts_buffers(variant, published_millions):
    assert round(blobs(on_meta("resnet50", variant)) / 1e6, 1) == published_millions


@pytest.mark.parametrize(
    ("model", "mebibytes"),
    [
        ("bn_inception", 45.59),
        ("resnet50", 107.35),
        ("resnet101", 188.57),
        ("resnet152", 255.48),
        ("resnext50_32x4d", 105.39),
        ("resnext101_32x4d", 187.28),
        ("senet154", 439.97),
    ],
)
def test_released_models_have_this_size(model, mebibytes):
    assert round(4 * blobs(on_meta(model, "se")) / 2**20, 2) == mebibytes


@pytest.mark.parametrize(
    ("model", "stride_in", "conv_macs"),
    [
        ("resnet50", "1x1", 3_855_925_248),
        ("resnet50", "3x3", 4_087_136_256),
        ("resnext50_32x4d", "1x1", 3_766_009_856),
        ("resnext50_32x4d", "3x3", 4_228_431_872),
        ("resnext101_32x4d", "1x1", 7_505_526_784),
    ],
)
def test_stride_in(model, stride_in, conv_macs):
    built = on_meta(model, stride_in=stride_in)
    assert macs(built) == conv_macs + 2_048_000
    assert params(built) == COSTS[model].params


def test_v1_5_with_se():
    assert macs(on_meta("resnet50", "se", stride_in="3x3")) == 4_091_699_200


def test_no_squeeze_pays_per_pixel():
    # sum over blocks of 2 * C * h * H * W
    assert macs(on_meta("resnet50", "se(squeeze=none)")) - macs(on_meta("resnet50")) == 411_041_792


def test_two_descriptors_pay_the_layers_twice():
    assert macs(on_meta("resnet50", "se(squeeze=avgmax)")) - macs(on_meta("resnet50")) == 2 * 2_514_944


def test_shufflenet_on_the_unit_output():
    # 2 * (4*240*15 + 8*480*30 + 4*960*60) = 720,000
    extra = params(on_meta("shufflenet_v1_g3", "se(position=post,bias=false)")) - params(
        on_meta("shufflenet_v1_g3")
    )
    assert extra == 720_000


def test_inception_concatenations_have_these_widths():
    built = on_meta("bn_inception", "se")
    layers = [built.module.get_submodule(site).excite.fc1 for site in built.sites]
    assert [fc.in_features for fc in layers] == [256, 320, 576, 576, 576, 608, 608, 1056, 1024, 1024]
    assert [fc.out_features for fc in layers] == [16, 20, 36, 36, 36, 38, 38, 66, 64, 64]


def test_number_of_classes():
    # the last layer loses 900 * (2048 + 1) parameters
    assert params(on_meta("resnet50", num_classes=100)) == 25_557_032 - 900 * 2049


@pytest.mark.parametrize(
    ("model", "layers"), [("resnet50", 53), ("resnet101", 104), ("resnet152", 155), ("senet154", 157)]
)
def test_batch_normalisation_layers(model, layers):
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in on_meta(model).module.modules()) == layers
