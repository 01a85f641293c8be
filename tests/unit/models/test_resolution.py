"""Specifications are validated and brought to one spelling."""

import pytest

from sebench.errors import UnknownModelError, UsageError, VariantError
from sebench.models import resolve
from sebench.schema import ModelSpec


@pytest.mark.parametrize(
    ("spec", "resolved"),
    [
        (ModelSpec(model="resnet50", variant=" SE( r=16 )"), ModelSpec(model="resnet50", variant="se")),
        (ModelSpec(model="resnet50", variant="se(stages=2-5)"), ModelSpec(model="resnet50", variant="se")),
        (
            ModelSpec(model="vgg16_bn", variant="se(stages=1-5,r=8)"),
            ModelSpec(model="vgg16_bn", variant="se(r=8)"),
        ),
        (ModelSpec(model="resnet50", num_classes=1000), ModelSpec(model="resnet50")),
        (ModelSpec(model="cifar_wrn16_8", num_classes=10), ModelSpec(model="cifar_wrn16_8")),
        (
            ModelSpec(model="cifar_wrn16_8", num_classes=100),
            ModelSpec(model="cifar_wrn16_8", num_classes=100),
        ),
        (ModelSpec(model="resnet101", stride_in="1x1"), ModelSpec(model="resnet101")),
        (ModelSpec(model="resnet101", stride_in="3x3"), ModelSpec(model="resnet101", stride_in="3x3")),
        (ModelSpec(model="resnext50_32x4d", stride_in="3x3"), ModelSpec(model="resnext50_32x4d")),
        (
            ModelSpec(model="resnext50_32x4d", stride_in="1x1"),
            ModelSpec(model="resnext50_32x4d", stride_in="1x1"),
        ),
        # wider than stage 2 (256) but not than stage 5 (2048): h = 1 in the narrow slots
        (
            ModelSpec(model="resnet50", variant="se(r=2048)"),
            ModelSpec(model="resnet50", variant="se(r=2048)"),
        ),
    ],
)
def test_normalises(spec, resolved):
    assert resolve(spec) == resolved
    assert resolve(resolved) == resolved


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        (ModelSpec(model="resnet51"), UnknownModelError, "unknown model 'resnet51'"),
        (ModelSpec(model="resnet50", variant="see"), VariantError, "did you mean 'se'"),
        (
            ModelSpec(model="resnet50", variant="se(stages=1-3)"),
            VariantError,
            "resnet50 has no stage 1; its stages are 2-5",
        ),
        (
            ModelSpec(model="cifar_resnet110", variant="se(stages=4-6)"),
            VariantError,
            "cifar_resnet110 has no stage 5-6; its stages are 2-4",
        ),
        (
            ModelSpec(model="resnet50", variant="se(r=2049)"),
            VariantError,
            "r exceeds every attended tensor of resnet50; the widest has 2048 channels",
        ),
        (
            ModelSpec(model="resnet50", variant="se(stages=2,r=512)"),
            VariantError,
            "the widest has 256 channels",
        ),
        (ModelSpec(model="resnet50", variant="se(r=1024,position=3x3)"), VariantError, "the widest has 512"),
        (
            ModelSpec(model="vgg16_bn", variant="se(position=pre)"),
            VariantError,
            "vgg16_bn has no position 'pre'; it has standard",
        ),
        (
            ModelSpec(model="cifar_resnet110", variant="se(position=3x3)"),
            VariantError,
            "it has standard, pre, post, identity",
        ),
        (ModelSpec(model="resnet50", num_classes=0), UsageError, "number of classes 0 is not positive"),
        (
            ModelSpec(model="vgg16_bn", stride_in="3x3"),
            UsageError,
            "stride-in does not apply to vgg16_bn; it applies to resnet50, resnet101, resnet152, "
            "resnext50_32x4d, resnext101_32x4d",
        ),
        (ModelSpec(model="senet154", stride_in="3x3"), UsageError, "does not apply to senet154"),
        (ModelSpec(model="resnet50", stride_in="5x5"), UsageError, "no stride-in '5x5'; choose 1x1 or 3x3"),
    ],
)
def test_refuses(spec, error, message):
    with pytest.raises(error) as caught:
        resolve(spec)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
