"""What libraries do to images, without a download."""

import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config
from torchvision import models as torchvision

from sebench import models
from sebench.images.preprocessing import transform_of


def own(name, digest=None):
    return models.source_of(name).own_preprocessing(name, digest)


def noise(width, height):
    drawn = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8, generator=drawn)
    return Image.fromarray(pixels.numpy())


def test_torchvisions_default_weights_and_those_of_a_digest():
    default, first = own("torchvision:resnet50"), own("torchvision:resnet50", "0676ba61" + "0" * 56)
    assert (default.resize, default.crop, default.interpolation) == (232, (224, 224), "bilinear")
    assert default.source == "torchvision, ResNet50_Weights.IMAGENET1K_V2"
    assert (first.resize, first.source) == (256, "torchvision, ResNet50_Weights.IMAGENET1K_V1")


@pytest.mark.parametrize("network", ["resnet50", "inception_v3", "efficientnet_b0"])
def test_torchvisions_own_values(network):
    image = noise(420, 400)
    expected = torchvision.get_model_weights(network).DEFAULT.transforms()(image)
    torch.testing.assert_close(
        transform_of(own(f"torchvision:{network}"))(image), expected, rtol=0, atol=1e-6
    )


# The traps: legacy is bilinear, but for two; a1 and a2 crop 0.95 of 224, tested at 288 with all of it.
@pytest.mark.parametrize(
    ("network", "resize", "crop", "interpolation"),
    [
        ("legacy_seresnet50", 256, 224, "bilinear"),
        ("legacy_seresnet18", 256, 224, "bicubic"),
        ("legacy_seresnext26_32x4d", 256, 224, "bicubic"),
        ("seresnet50.a1_in1k", 288, 288, "bicubic"),
        ("seresnet50.a3_in1k", 235, 224, "bicubic"),
    ],
)
def test_timms_values_for_testing(network, resize, crop, interpolation):
    found = own(f"timm:{network}")
    assert (found.resize, found.crop, found.interpolation) == (resize, (crop, crop), interpolation)
    config = resolve_model_data_config(timm.create_model(network), use_test_size=True)
    image = noise(330, 310)
    expected = create_transform(**config)(image)
    torch.testing.assert_close(transform_of(found)(image), expected, rtol=0, atol=1e-6)


def test_other_networks_say_nothing():
    assert own("resnet50") is None
    assert own("torchvision:fasterrcnn_resnet50_fpn") is None
