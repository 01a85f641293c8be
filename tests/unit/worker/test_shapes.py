"""Counts from shapes alone: what torch's meta tensors say, to the last row, or nothing."""

from __future__ import annotations

import pytest

from sebench import models
from sebench.errors import BuildError
from sebench.schema import ModelSpec
from sebench.worker import counting
from sebench.worker.shapes import count_on_shapes

NETWORKS = [info.name for info in models.list_models()]
# Every option of SE with every value, or two where it is a number.
VARIANTS = (
    "se(r=8)",
    "se(bias=false)",
    "se(squeeze=max)",
    "se(squeeze=avgmax)",
    "se(squeeze=none)",
    "se(excitation=relu)",
    "se(excitation=tanh)",
    "se(excitation=hardsigmoid)",
    "se(fc=conv1x1)",
    "se(fc=conv1x1,squeeze=avgmax,pool=avgpool)",
    "se(pool=avgpool)",
    "se(stages=3)",
    "se(position=pre)",
    "se(position=post)",
    "se(position=identity)",
    "se(position=3x3)",
)


def _spec(model, variant="plain", **options):
    return models.resolve(ModelSpec(model=model, variant=variant, **options))


def _shape(model, batch=1):
    return (batch, *models.source_of(model).input_size(model))


@pytest.fixture
def on_torch(monkeypatch):
    """Counts a network on torch's meta tensors."""
    monkeypatch.setattr(counting, "count_on_shapes", lambda *_: None)
    return counting.count_network


@pytest.mark.parametrize("variant", ["plain", "se"])
@pytest.mark.parametrize("model", NETWORKS)
def test_every_network_costs_what_torch_says(model, variant, on_torch):
    spec, shape = _spec(model, variant), _shape(model)
    assert count_on_shapes(spec, shape, "float32") == on_torch(spec, shape)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_of_se_costs_what_torch_says(variant, on_torch):
    spec, shape = _spec("resnet50", variant), (2, 3, 96, 64)
    assert count_on_shapes(spec, shape, "float32") == on_torch(spec, shape)


@pytest.mark.parametrize("model", ["shufflenet_v1_g3", "inception_resnet_v2", "cifar_resnet164", "vgg16_bn"])
@pytest.mark.parametrize("variant", ["se(position=post)", "se(fc=conv1x1)"])
def test_other_blocks_hold_attention_as_well(model, variant, on_torch):
    spec = ModelSpec(model=model, variant=variant)
    if model == "vgg16_bn" and "position" in variant:
        spec = ModelSpec(model=model, variant="se(stages=2-3)")
    spec, shape = models.resolve(spec), _shape(model, batch=2)
    assert count_on_shapes(spec, shape, "float32") == on_torch(spec, shape)


@pytest.mark.parametrize("dtype", ["tf32", "bfloat16", "float16"])
def test_bytes_follow_the_number_format(dtype, on_torch):
    spec, shape = _spec("mobilenet_v1", "se"), _shape("mobilenet_v1")
    assert count_on_shapes(spec, shape, dtype) == on_torch(spec, shape, dtype=dtype)


@pytest.mark.parametrize("image_size", [96, 225, 256])
@pytest.mark.parametrize("model", ["alexnet", "inception_v3", "resnext50_32x4d"])
def test_odd_sizes_are_rounded_as_torch_does(model, image_size, on_torch):
    spec, shape = _spec(model, "se"), (1, 3, image_size, image_size)
    assert count_on_shapes(spec, shape, "float32") == on_torch(spec, shape)


@pytest.mark.parametrize("options", [{"num_classes": 7}, {"stride_in": "3x3"}])
def test_options_of_the_network_count(options, on_torch):
    spec, shape = _spec("resnet50", "se", **options), (1, 3, 64, 64)
    assert count_on_shapes(spec, shape, "float32") == on_torch(spec, shape)


@pytest.mark.parametrize(
    ("model", "variant", "shape", "dtype"),
    [
        ("resnet50", "cbam", (1, 3, 64, 64), "float32"),  # its layers are torch's alone
        ("resnet50", "se", (1, 4, 64, 64), "float32"),  # four colours: torch says what is wrong
        ("resnet50", "se", (3, 64, 64), "float32"),
        ("alexnet", "plain", (1, 3, 8, 8), "float32"),  # smaller than its windows
        ("resnet50", "se", (1, 3, 64, 64), "float8"),
        ("fasterrcnn_resnet50_fpn", "plain", (1, 3, 64, 64), "bfloat16"),  # boxes in two number formats
    ],
)
def test_the_rest_is_left_to_torch(model, variant, shape, dtype):
    assert count_on_shapes(_spec(model, variant), shape, dtype) is None


def test_an_input_that_does_not_fit_is_refused_as_before():
    with pytest.raises(BuildError, match="takes another number of channels"):
        counting.count_network(_spec("resnet50", "se"), (1, 4, 64, 64))
