"""Building: shared weights, sites, stages, devices, and no torch at import."""

import dataclasses
import subprocess

import pytest
import torch

from sebench.errors import BuildError, DeviceError, VariantError
from sebench.models import build, height_width, initialisation, list_models, model_info
from sebench.schema import ModelSpec
from tests.interpreter import FRESH
from tests.on_meta import on_meta

NAMES = [info.name for info in list_models()]
SMALL = [
    "cifar_resnet110",
    "cifar_resnet164",
    "cifar_wrn16_8",
    "mobilenet_v1",
    "shufflenet_v1_g3",
    "bn_inception",
]


def state(model, variant="plain", **options):
    return build(ModelSpec(model=model, variant=variant), **options).module.state_dict()


@pytest.mark.parametrize("name", NAMES)
def test_plain_names_are_nested_in_those_of_the_attended_network(name):
    plain, attended = (
        {key: value.shape for key, value in on_meta(name, variant).module.state_dict().items()}
        for variant in ("plain", "se")
    )
    assert plain.items() < attended.items()
    assert all(".attention." in key for key in attended.keys() - plain.keys())


@pytest.mark.parametrize("name", ["resnet50", *SMALL])
def test_shared_weights_are_equal_to_the_bit(name):
    plain, attended = state(name), state(name, "se")
    assert all(torch.equal(value, attended[key]) for key, value in plain.items())


def test_weights_depend_on_the_seed_alone():
    first, again = state("cifar_resnet110", "se", seed=3), state("cifar_resnet110", "se", seed=3)
    other = state("cifar_resnet110", "se", seed=4)
    assert all(torch.equal(value, again[key]) for key, value in first.items())
    convolutions = [key for key, value in first.items() if value.dim() == 4]
    assert convolutions
    assert not any(torch.equal(first[key], other[key]) for key in convolutions)


def test_no_seed_draws_one():
    first, second = state("cifar_resnet110", seed=None), state("cifar_resnet110", seed=None)
    assert not torch.equal(first["stem.weight"], second["stem.weight"])


def test_building_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    expected = torch.random.get_rng_state()
    state("cifar_resnet110", "se")
    assert torch.equal(torch.random.get_rng_state(), expected)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("variant", ["plain", "se"])
def test_evaluation_gives_finite_values_of_useful_size(name, variant):
    built = build(ModelSpec(model=name, variant=variant))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        logits = built.module(torch.randn(built.input_shape, generator=generator))
    assert torch.isfinite(logits).all()
    assert 1e-7 < logits.std() < 1e4  # no branch vanishes, float16 does not overflow


@pytest.mark.parametrize("excitation", ["relu", "tanh", "hardsigmoid"])
@pytest.mark.parametrize("squeeze", ["avg", "none"])
def test_every_gate_keeps_values_finite(excitation, squeeze):
    built = build(
        ModelSpec(model="cifar_resnet164", variant=f"se(excitation={excitation},squeeze={squeeze})")
    )
    with torch.no_grad():
        logits = built.module(torch.randn(built.input_shape, generator=torch.Generator().manual_seed(0)))
    assert torch.isfinite(logits).all()
    assert logits.std() > 0


@pytest.mark.parametrize("name", [*SMALL, "cifar_shakeshake26_2x96d", "alexnet"])
def test_training_reaches_every_parameter(name):
    built = build(ModelSpec(model=name, variant="se"))
    size = model_info(name).min_image_size
    module = built.module.train()
    torch.manual_seed(0)
    module(torch.randn(2, 3, size, size)).square().sum().backward()
    missing = [key for key, parameter in module.named_parameters() if parameter.grad is None]
    assert missing == []


def test_shake_shake_mixes_by_halves_in_evaluation_and_at_random_in_training():
    unit = build(ModelSpec(model="cifar_shakeshake26_2x96d")).module.get_submodule("stage2.1")
    x = torch.randn(2, 96, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        first, second = unit.branch1(x.relu()), unit.branch2(x.relu())
        torch.testing.assert_close(unit(x), x + (first + second) / 2)
        unit.train()
        assert not torch.equal(unit(x), unit(x))


@pytest.mark.parametrize("name", NAMES)
def test_modules_are_in_evaluation_mode_on_meta(name):
    built = on_meta(name, "se")
    assert not any(module.training for module in built.module.modules())
    assert all(tensor.is_meta for tensor in built.module.state_dict().values())
    assert built.input_shape == (1, 3, *height_width(model_info(name).image_size))


DETECTOR_PARTS = ("neck", "rpn", "pooling", "boxes")


@pytest.mark.parametrize("name", NAMES)
def test_stages_cover_every_module(name):
    built = on_meta(name, "se")
    labels = [built.stages[path.split(".")[0]] for path, _ in built.module.named_modules() if path]
    stages = [str(stage) for stage in model_info(name).stages]
    assert sorted(set(labels) - {"stem", "head", *DETECTOR_PARTS}) == stages
    assert {path: label for path, label in built.stages.items() if label.isdigit()} == {
        f"stage{stage}": stage for stage in stages
    }


def test_sites_are_in_order_of_execution():
    built = build(ModelSpec(model="resnet50", variant="se(stages=4-5)"), device="meta")
    assert built.sites == tuple(
        f"stage{stage}.{block}.attention" for stage, depth in ((4, 6), (5, 3)) for block in range(depth)
    )


def test_shake_shake_has_a_site_per_branch():
    built = build(ModelSpec(model="cifar_shakeshake26_2x96d", variant="se(stages=2)"), device="meta")
    assert built.sites[:2] == ("stage2.0.branch1.attention", "stage2.0.branch2.attention")


def test_the_specification_is_resolved():
    built = build(ModelSpec(model="resnet50", variant="SE(r=16)", stride_in="1x1"), device="meta")
    assert built.spec == ModelSpec(model="resnet50", variant="se")
    with pytest.raises(VariantError):
        build(ModelSpec(model="resnet50", variant="se(stages=7)"), device="meta")


def test_built_models_are_frozen():
    built = build(ModelSpec(model="alexnet"), device="meta")
    with pytest.raises(dataclasses.FrozenInstanceError):
        built.sites = ()


@pytest.mark.parametrize("device", ["gpu", "cuda:99", ""])
def test_missing_devices_are_refused_in_one_line(device):
    with pytest.raises(DeviceError) as caught:
        build(ModelSpec(model="cifar_resnet110"), device=device)
    assert str(caught.value).startswith(f"device {device!r} is not usable: ")
    assert "\n" not in str(caught.value)


def test_weights_that_do_not_fit_are_a_build_error(monkeypatch):
    def exhausted(_network):
        raise RuntimeError("not enough memory\nwith details")

    monkeypatch.setattr(initialisation, "allocate", exhausted)
    with pytest.raises(BuildError) as caught:
        build(ModelSpec(model="cifar_resnet110"))
    assert str(caught.value) == (
        "cifar_resnet110 does not fit on cpu: not enough memory; free memory or use a smaller model"
    )


def test_a_module_without_initialisation_is_a_bug_that_shows():
    with pytest.raises(TypeError, match="no initialisation for GroupNorm at '0'"):
        initialisation.initialise(torch.nn.Sequential(torch.nn.GroupNorm(1, 4)), 0)


def test_importing_and_resolving_needs_no_torch():
    script = (
        "import sys, sebench.models as m; from sebench.schema import ModelSpec;"
        "m.resolve(ModelSpec(model='resnet50', variant='se')); m.list_models();"
        "m.source_of('resnet50').check_image_size('resnet50', 224); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([FRESH, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("variant", ["plain", "se"])
def test_shared_weights_are_those_that_are_drawn_to_the_bit(variant):
    spec = ModelSpec(model="shufflenet_v1_g3", variant=variant)
    drawn = build(spec, seed=5).module
    plain = build(ModelSpec(model="shufflenet_v1_g3"), seed=5).module
    with initialisation.sharing_weights(plain):
        shared = build(spec, seed=5).module
    expected = drawn.state_dict()
    assert shared.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in shared.state_dict().items())
    assert all(
        mine is not other for mine, other in zip(shared.parameters(), plain.parameters(), strict=False)
    )


def test_weights_are_shared_within_the_block_alone():
    other = build(ModelSpec(model="shufflenet_v1_g3"), seed=6).module
    with initialisation.sharing_weights(other):
        taken = build(ModelSpec(model="shufflenet_v1_g3"), seed=5).module
    after = build(ModelSpec(model="shufflenet_v1_g3"), seed=5).module
    name, weight = next(iter(other.named_parameters()))
    assert torch.equal(dict(taken.named_parameters())[name], weight)
    assert not torch.equal(dict(after.named_parameters())[name], weight)
