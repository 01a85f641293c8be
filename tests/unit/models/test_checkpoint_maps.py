"""Weights of other libraries in sebench's own networks: the same outputs, or a refusal that names keys."""

import copy
import functools

import pytest
import timm
import torch
import torchvision
from timm.models import resnet as timm_resnet
from timm.models import senet as timm_senet
from torch import nn

from sebench import models
from sebench.errors import UsageError
from sebench.models import resnet, senet
from sebench.models.checkpoints.catalogue import layouts_of, recognised
from sebench.models.registry import MODELS
from sebench.schema import ModelSpec
from tests.foreign_networks import differences, randomised

DEPTHS = (1, 2, 1, 1)
"""Every rule has a block: with a projection and without, in a first stage and in a later one."""
CLASSES = 10


@pytest.fixture(autouse=True)
def shallow(monkeypatch, tmp_path):
    """sebench's ResNets, as shallow as those of the other libraries here."""

    def factory(**options):
        return functools.partial(resnet._resnet, DEPTHS, **options)

    monkeypatch.setattr(resnet, "resnet50", factory())
    monkeypatch.setattr(resnet, "resnext50_32x4d", factory(base_width=128, groups=32))
    monkeypatch.setattr(senet, "_DEPTHS", DEPTHS)
    monkeypatch.chdir(tmp_path)


def torchvision_resnet50():
    block = torchvision.models.resnet.Bottleneck
    return torchvision.models.ResNet(block, list(DEPTHS), num_classes=CLASSES)


def timm_seresnet50():
    attention = {"attn_layer": "se"}
    return timm_resnet.ResNet(timm_resnet.Bottleneck, DEPTHS, num_classes=CLASSES, block_args=attention)


def timm_seresnext50():
    attention = {"attn_layer": "se"}
    groups = {"cardinality": 32, "base_width": 4}
    return timm_resnet.ResNet(
        timm_resnet.Bottleneck, DEPTHS, num_classes=CLASSES, block_args=attention, **groups
    )


def legacy_seresnet50():
    return timm_senet.SENet(
        timm_senet.SEResNetBottleneck,
        DEPTHS,
        groups=1,
        reduction=16,
        num_classes=CLASSES,
        inplanes=64,
        input_3x3=False,
        downsample_kernel_size=1,
        downsample_padding=0,
    )


def legacy_seresnext50():
    return timm_senet.SENet(
        timm_senet.SEResNeXtBottleneck,
        DEPTHS,
        groups=32,
        reduction=16,
        num_classes=CLASSES,
        inplanes=64,
        input_3x3=False,
        downsample_kernel_size=1,
        downsample_padding=0,
    )


def legacy_senet154():
    return timm_senet.SENet(
        timm_senet.SEBottleneck,
        DEPTHS,
        groups=64,
        reduction=16,
        num_classes=CLASSES,
        inplanes=128,
        input_3x3=True,
        downsample_kernel_size=3,
        downsample_padding=1,
    )


def pytorchcv(module):
    return pytest.importorskip(f"pytorchcv.models.{module}")


def pooled_anywhere(network):
    """pytorchcv pools 7 x 7; for small images over whatever there is."""
    network.features.final_pool = nn.AdaptiveAvgPool2d(1)
    return network


CHANNELS = [[width] * depth for width, depth in zip((256, 512, 1024, 2048), DEPTHS, strict=True)]


def pytorchcv_resnet(name, **options):
    module, cls = {"resnet50": ("resnet", "ResNet"), "seresnet50": ("seresnet", "SEResNet")}[name]
    network = getattr(pytorchcv(module), cls)(
        channels=CHANNELS, init_block_channels=64, bottleneck=True, num_classes=CLASSES, **options
    )
    return pooled_anywhere(network)


def pytorchcv_seresnext50():
    network = pytorchcv("seresnext").SEResNeXt(
        channels=CHANNELS, init_block_channels=64, cardinality=32, bottleneck_width=4, num_classes=CLASSES
    )
    return pooled_anywhere(network)


def pytorchcv_senet154():
    network = pytorchcv("senet").SENet(
        channels=CHANNELS, init_block_channels=128, cardinality=64, bottleneck_width=4, num_classes=CLASSES
    )
    return pooled_anywhere(network)


def pytorchcv_mobilenet():
    return pooled_anywhere(pytorchcv("mobilenet").mobilenet_w1(num_classes=CLASSES))


def pytorchcv_preresnet110():
    return pytorchcv("preresnet_cifar").preresnet110_cifar10(num_classes=CLASSES)


FOREIGN = {
    torchvision_resnet50: (ModelSpec(model="resnet50"), "3x3", ()),
    timm_seresnet50: (ModelSpec(model="resnet50", variant="se"), "3x3", ()),
    timm_seresnext50: (ModelSpec(model="resnext50_32x4d", variant="se"), None, ()),
    legacy_seresnet50: (ModelSpec(model="resnet50", variant="se"), None, ("pool=ceil",)),
    legacy_seresnext50: (ModelSpec(model="resnext50_32x4d", variant="se"), None, ("pool=ceil",)),
    legacy_senet154: (ModelSpec(model="senet154", variant="se"), None, ("pool=ceil",)),
    lambda: timm.create_model("mobilenetv1_100", num_classes=CLASSES): (
        ModelSpec(model="mobilenet_v1"),
        None,
        ("activation=relu6",),
    ),
    lambda: pytorchcv_resnet("resnet50", conv1_stride=True): (ModelSpec(model="resnet50"), None, ()),
    lambda: pytorchcv_resnet("seresnet50", conv1_stride=True): (
        ModelSpec(model="resnet50", variant="se"),
        None,
        (),
    ),
    lambda: pytorchcv_resnet("seresnet50", conv1_stride=False): (
        ModelSpec(model="resnet50", variant="se", stride_in="3x3"),
        "3x3",
        (),
    ),
    pytorchcv_seresnext50: (ModelSpec(model="resnext50_32x4d", variant="se"), None, ()),
    pytorchcv_senet154: (ModelSpec(model="senet154", variant="se"), None, ()),
    pytorchcv_mobilenet: (ModelSpec(model="mobilenet_v1"), None, ()),
    pytorchcv_preresnet110: (ModelSpec(model="cifar_resnet110"), None, ()),
}


def saved(network, name="net.pt"):
    torch.save(network.state_dict(), name)
    return name


def built(spec):
    return models.build(spec).module


SLOW = (pytorchcv_senet154,)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(make, expected, marks=pytest.mark.slow if make in SLOW else ())
        for make, expected in FOREIGN.items()
    ],
)
def test_outputs_are_those_of_the_other_library(make, expected):
    spec, stride_in, model_args = expected
    theirs = randomised(make())
    spec = models.resolve(
        ModelSpec(
            model=spec.model,
            variant=spec.variant,
            stride_in=spec.stride_in,
            num_classes=CLASSES,
            weights=saved(theirs),
        )
    )
    assert (spec.stride_in, spec.model_args) == (stride_in, model_args)
    assert models.resolve(spec) == spec
    # CIFAR's networks of pytorchcv pool 8 x 8 of 32 x 32 pixels.
    assert differences(built(spec), theirs, 32 if "cifar" in spec.model else 64) <= 1e-8


def with_weights(theirs, model="resnet50", variant="se", **options):
    return models.resolve(
        ModelSpec(model=model, variant=variant, num_classes=CLASSES, weights=saved(theirs), **options)
    )


def test_a_strict_load_proves_nothing():
    """The same names and shapes with another pool, stride or eps: every key is used, and outputs differ."""
    theirs = randomised(legacy_seresnet50())
    same = differences(built(with_weights(theirs)), copy.deepcopy(theirs), 64)
    padded = differences(built(with_weights(theirs, model_args=("pool=padded",))), copy.deepcopy(theirs), 64)
    stride = differences(built(with_weights(theirs, stride_in="3x3")), copy.deepcopy(theirs), 64)
    eps = differences(built(with_weights(theirs, model_args=("eps=0.001",))), copy.deepcopy(theirs), 64)
    assert same <= 1e-8
    assert min(padded, stride, eps) > 1e-4


def test_names_map_and_never_the_order_of_tensors():
    theirs = randomised(timm_seresnet50())
    torch.save(dict(reversed(theirs.state_dict().items())), "reversed.pt")
    spec = ModelSpec(model="resnet50", variant="se", num_classes=CLASSES, weights="reversed.pt")
    assert differences(built(spec), theirs, 64) <= 1e-8


def test_what_is_said_wins_and_stays_said():
    theirs = legacy_seresnet50()
    for options in ({"model_args": ("pool=padded",)}, {"stride_in": "3x3"}):
        spec = with_weights(theirs, **options)
        assert models.resolve(spec) == spec
        assert {key: getattr(spec, key) for key in options} == options
    # The stride that these weights have is sebench's own, which needs no word; torchvision's is not.
    assert with_weights(theirs, stride_in="1x1").stride_in is None
    assert with_weights(torchvision_resnet50(), "resnet50", "plain", stride_in="1x1").stride_in == "1x1"


def test_what_the_names_leave_open_is_said():
    def said(theirs, **options):
        return [
            (each.message, each.hint) for each in models.checkpoint_findings(with_weights(theirs, **options))
        ]

    legacy = "weights in net.pt are named as in timm's legacy_se* or Cadene's pretrainedmodels"
    assumed = "that its stem pools without padding is assumed, as in those libraries"
    assert said(legacy_seresnet50()) == [
        (
            f"{legacy}; resnet50 is built with pool=ceil; {assumed}",
            "if not: --model-arg pool=padded",
        )
    ]
    assert said(legacy_seresnet50(), model_args=("pool=padded",)) == [
        (f"{legacy}; resnet50 is built with pool=padded", None)
    ]
    strides = "; resnet50 is built with stride in the 3x3; that it strides there is assumed"
    libraries = "torchvision, timm or (last_linear) Cadene's pretrainedmodels"
    assert said(timm_seresnet50()) == [
        (
            f"weights in net.pt are named as in {libraries}{strides}, as in those libraries",
            "if not: --stride-in 1x1",
        )
    ]
    assert said(timm_seresnext50(), model="resnext50_32x4d") == [
        (f"weights in net.pt are named as in {libraries}", None)
    ]


def test_attention_that_is_missing_or_too_much_is_said():
    plain = with_weights(torchvision_resnet50(), variant="se")
    assert (
        models.checkpoint_findings(plain)[-1].message
        == (
            "net.pt has no attention: that of resnet50 se, 10 classes, stride in the 3x3, weights from net.pt"
            " has random weights"
        )
        or "has no attention: that of resnet50 se" in models.checkpoint_findings(plain)[-1].message
    )
    other = with_weights(timm_seresnet50(), variant="eca")
    assert "attention in net.pt is SE: that of resnet50 eca" in models.checkpoint_findings(other)[-1].message
    attended = with_weights(timm_seresnet50(), variant="plain")
    assert "attention in net.pt is left out of resnet50" in models.checkpoint_findings(attended)[-1].message


def test_gates_that_a_variant_keeps_have_the_weights_of_the_file():
    theirs = randomised(timm_seresnet50())
    some = built(with_weights(theirs, variant="se(stages=3)")).state_dict()
    fc1 = theirs.state_dict()["layer2.0.se.fc1.weight"]
    assert torch.equal(some["stage3.0.attention.excite.fc1.weight"], fc1[:, :, 0, 0])


def test_keys_that_do_not_fit_are_named():
    state = timm_seresnet50().state_dict()
    torch.save(
        {key: value for key, value in state.items() if key != "bn1.weight"} | {"x.y": state["bn1.bias"]},
        "a.pt",
    )
    with pytest.raises(
        UsageError, match=r"--weights a.pt does not fit .*: stem.conv.bn.weight missing, x.y unknown"
    ):
        built(ModelSpec(model="resnet50", variant="se", num_classes=CLASSES, weights="a.pt"))
    torch.save({**state, "last_linear.bias": state["fc.bias"]}, "twice.pt")
    with pytest.raises(UsageError, match="last_linear.bias is there twice, under two names"):
        built(ModelSpec(model="resnet50", variant="se", num_classes=CLASSES, weights="twice.pt"))
    with pytest.raises(
        UsageError,
        match=r"head.fc.weight has shape \(10, 2048\) instead of \(1000, 2048\) and 1 more has another; if"
        r" that is the classifier: --num-classes 10",
    ):
        models.build(
            ModelSpec(model="resnet50", variant="se", weights=saved(timm_seresnet50())), device="meta"
        )


def on_meta(make):
    with torch.device("meta"):
        return make()


WHOLE = [
    pytest.param("timm", "resnet152", "resnet152", "plain", marks=pytest.mark.slow),
    pytest.param("timm", "resnext101_32x4d", "resnext101_32x4d", "plain", marks=pytest.mark.slow),
    ("timm", "legacy_seresnet50", "resnet50", "se"),
    pytest.param("timm", "legacy_seresnet101", "resnet101", "se", marks=pytest.mark.slow),
    pytest.param("timm", "legacy_seresnet152", "resnet152", "se", marks=pytest.mark.slow),
    ("timm", "legacy_seresnext50_32x4d", "resnext50_32x4d", "se"),
    pytest.param("timm", "legacy_seresnext101_32x4d", "resnext101_32x4d", "se", marks=pytest.mark.slow),
    ("timm", "legacy_senet154", "senet154", "se"),
    ("timm", "seresnet50", "resnet50", "se"),
    ("timm", "seresnext50_32x4d", "resnext50_32x4d", "se"),
    pytest.param("timm", "seresnext101_32x4d", "resnext101_32x4d", "se", marks=pytest.mark.slow),
    ("timm", "vgg16_bn", "vgg16_bn", "plain"),
    ("timm", "inception_v3", "inception_v3", "plain"),
    pytest.param("torchvision", "resnet101", "resnet101", "plain", marks=pytest.mark.slow),
    ("torchvision", "vgg16_bn", "vgg16_bn", "plain"),
    ("torchvision", "alexnet", "alexnet", "plain"),
    pytest.param("pytorchcv", "seresnet152", "resnet152", "se", marks=pytest.mark.slow),
    pytest.param("pytorchcv", "resnext101_32x4d", "resnext101_32x4d", "plain", marks=pytest.mark.slow),
    pytest.param("pytorchcv", "seresnext101_32x4d", "resnext101_32x4d", "se", marks=pytest.mark.slow),
    ("pytorchcv", "senet154", "senet154", "se"),
    ("pytorchcv", "bn_vgg16b", "vgg16_bn", "plain"),
    pytest.param("pytorchcv", "wrn28_10_cifar10", "cifar_wrn28_10", "plain", marks=pytest.mark.slow),
    pytest.param("pytorchcv", "preresnet164bn_cifar10", "cifar_resnet164", "plain", marks=pytest.mark.slow),
    pytest.param("pretrainedmodels", "se_resnet101", "resnet101", "se", marks=pytest.mark.slow),
    ("pretrainedmodels", "senet154", "senet154", "se"),
    ("pretrainedmodels", "resnet50", "resnet50", "plain"),
    ("pretrainedmodels", "vgg16_bn", "vgg16_bn", "plain"),
    ("pretrainedmodels", "alexnet", "alexnet", "plain"),
]


def foreign(library, name):
    match library:
        case "timm":
            return timm.create_model(name)
        case "torchvision":
            return torchvision.models.get_model(name)
        case "pytorchcv":
            return pytest.importorskip("pytorchcv.model_provider").get_model(name)
        case _:
            return vars(pytest.importorskip("pretrainedmodels"))[name](pretrained=None)


@pytest.mark.filterwarnings("ignore:The parameter 'pretrained' is deprecated", "ignore:Arguments other than")
@pytest.mark.parametrize(("library", "name", "model", "variant"), WHOLE)
def test_every_key_of_a_whole_network_has_its_place(monkeypatch, library, name, model, variant):
    monkeypatch.undo()
    theirs = on_meta(lambda: foreign(library, name)).state_dict()
    ours = models.build(ModelSpec(model=model, variant=variant), device="meta").module.state_dict()
    layout = recognised(theirs, MODELS[model])
    names = {layout.name(key): key for key in theirs if not layout.leaves_out(key)}
    assert names.keys() == ours.keys()
    # A linear layer may be a convolution of the same size.
    assert {key: ours[key].numel() for key in ours} == {key: theirs[names[key]].numel() for key in ours}


def test_every_layout_has_rules_that_tell_it_from_the_others():
    for info in MODELS.values():
        rules = [frozenset(layout.rules) for layout in layouts_of(info)]
        assert len({*rules}) == len(rules)


def test_another_stem_is_another_network():
    """pytorchcv's SE-PreResNets for CIFAR normalise behind the stem, its PreResNets do not."""
    theirs = on_meta(lambda: foreign("pytorchcv", "sepreresnet110_cifar10"))
    layout = recognised(theirs.state_dict(), MODELS["cifar_resnet110"])
    unknown = {key.split(".")[1] for key in theirs.state_dict() if layout.name(key) is None}
    assert unknown == {"init_block", "stage1", "stage2", "stage3"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The parameter 'pretrained' is deprecated", "ignore:Arguments other than")
@pytest.mark.parametrize(
    ("library", "name", "model", "variant", "side"),
    [
        ("timm", "seresnet50", "resnet50", "se", 64),
        ("timm", "legacy_seresnet50", "resnet50", "se", 64),
        ("timm", "legacy_senet154", "senet154", "se", 64),
        ("timm", "inception_v3", "inception_v3", "plain", 96),
        ("torchvision", "resnet50", "resnet50", "plain", 64),
        ("pytorchcv", "seresnet50", "resnet50", "se", 224),
        ("pretrainedmodels", "se_resnet50", "resnet50", "se", 224),
    ],
)
def test_outputs_of_whole_networks_are_the_same(monkeypatch, tmp_path, library, name, model, variant, side):
    monkeypatch.undo()
    theirs = randomised(foreign(library, name))
    file = str(tmp_path / "whole.pt")
    torch.save(theirs.state_dict(), file)
    assert differences(built(ModelSpec(model=model, variant=variant, weights=file)), theirs, side) <= 1e-8


def test_inception_of_torchvision_with_its_auxiliary_classifier(tmp_path):
    theirs = randomised(
        torchvision.models.inception_v3(num_classes=CLASSES, init_weights=False, aux_logits=True)
    )
    spec = with_weights(theirs, "inception_v3", "plain")
    assert spec.model_args == ("eps=0.001",)
    assert differences(built(spec), theirs, 75) <= 1e-8
    # Two convolutions with their normalisation, six tensors each, and a linear layer
    said = [each.message for each in models.checkpoint_findings(spec)]
    assert said[-1] == "14 tensors of an auxiliary classifier are left out"
