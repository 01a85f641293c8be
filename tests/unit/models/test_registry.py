"""What the registry says of each network agrees with the network that is built."""

from collections import defaultdict

import pytest
import torch

from sebench.errors import UnknownModelError, UsageError
from sebench.models import build, height_width, list_models, model_info, parse_image_size, source_of
from sebench.schema import ModelSpec
from tests.on_meta import on_meta

NAMES = [info.name for info in list_models()]


def test_the_native_networks():
    assert NAMES == [
        "resnet50",
        "resnet101",
        "resnet152",
        "resnext50_32x4d",
        "resnext101_32x4d",
        "senet154",
        "vgg16_bn",
        "alexnet",
        "bn_inception",
        "inception_v3",
        "inception_resnet_v2",
        "mobilenet_v1",
        "shufflenet_v1_g3",
        "cifar_resnet20",
        "cifar_resnet110",
        "cifar_resnet164",
        "cifar_wrn16_8",
        "cifar_wrn28_10",
        "cifar_shakeshake26_2x96d",
        "fasterrcnn_resnet50_fpn",
        "fasterrcnn_resnet101_fpn",
    ]


def test_unknown_names_get_near_matches_and_the_listing():
    with pytest.raises(UnknownModelError) as caught:
        model_info("resnet5O")
    assert str(caught.value).startswith("unknown model 'resnet5O'; did you mean 'resnet50'")
    assert str(caught.value).endswith("(run `sebench list` to see all)")
    with pytest.raises(UnknownModelError, match="unknown model 'my.py'; name the .*: my.py:FUNCTION"):
        model_info("my.py")
    with pytest.raises(UnknownModelError, match="unknown model 'zzz'; run `sebench list` to see all"):
        model_info("zzz")


@pytest.mark.parametrize("name", NAMES)
def test_stages_and_widths_are_those_of_the_slots(name):
    info = model_info(name)
    for position in info.positions:
        variant = "se" if position == "standard" else f"se(position={position})"
        built = on_meta(name, variant)
        widest = defaultdict(int)
        for site in built.sites:
            stage = int(built.stages[site.split(".")[0]])
            widest[stage] = max(widest[stage], built.module.get_submodule(site).excite.fc1.in_features)
        assert tuple(widest) == info.stages
        assert {stage: info.widest_channels((stage,), position) for stage in info.stages} == widest


@pytest.mark.parametrize("name", NAMES)
def test_the_smallest_image_works(name):
    info = model_info(name)
    source_of(name).check_image_size(name, info.min_image_size)
    built = on_meta(name, "se")
    size = info.min_image_size
    output = built.module(torch.empty(2, 3, size, size, device="meta"))
    scores = output[0] if isinstance(output, tuple) else output  # a detector scores 1000 boxes per image
    assert scores.shape == (2000 if isinstance(output, tuple) else 2, info.num_classes)


@pytest.mark.parametrize("name", ["alexnet", "inception_v3", "inception_resnet_v2"])
def test_below_an_unpadded_networks_smallest_image_nothing_works(name):
    size = model_info(name).min_image_size - 1
    module = build(ModelSpec(model=name), device="meta").module
    with pytest.raises(RuntimeError):
        module(torch.empty(1, 3, size, size, device="meta"))


@pytest.mark.parametrize("name", NAMES)
def test_small_images_are_refused(name):
    size = model_info(name).min_image_size - 1
    with pytest.raises(
        UsageError, match=f"image size {size} is too small for {name}; use at least {size + 1}"
    ):
        source_of(name).check_image_size(name, size)


@pytest.mark.parametrize("size", [0, -224])
def test_images_have_a_positive_size(size):
    with pytest.raises(UsageError, match=f"image size {size} is "):
        source_of("resnet50").check_image_size("resnet50", size)


def test_large_inputs_are_refused_at_8x8():
    for info in list_models():
        if min(height_width(info.image_size)) > 32:
            with pytest.raises(UsageError):
                source_of(info.name).check_image_size(info.name, 8)


@pytest.mark.parametrize(
    ("text", "size"), [("224", 224), (" 224 ", 224), ("800x1333", (800, 1333)), ("32x32", 32), ("0", 0)]
)
def test_sizes_are_a_side_or_height_and_width(text, size):
    assert parse_image_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "12x", "x12", "--1", "abc", "1e3", "800 x 1333", "3x4x5", "224.0"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError, match="--image-size .* is not a size; give a side, e.g. 224, or"):
        parse_image_size(text)


def test_either_side_may_be_too_small():
    source_of("resnet50").check_image_size("resnet50", (32, 400))
    with pytest.raises(UsageError, match="image size 31x400 is too small for resnet50; use at least 32 "):
        source_of("resnet50").check_image_size("resnet50", (31, 400))
    with pytest.raises(UsageError, match="image size 400x0 is not positive"):
        source_of("resnet50").check_image_size("resnet50", (400, 0))
