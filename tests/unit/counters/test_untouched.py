"""A count leaves no trace: not in the model, not in torch, not in the caller's random numbers."""

import gc
import random

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from sebench import models
from sebench.counters import count, record
from sebench.errors import BuildError
from sebench.schema import ModelSpec


class Stateful(nn.Module):
    """Keeps tensors and lists as plain attributes, and changes itself when it runs."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.tied = nn.Conv2d(3, 4, 3)
        self.tied.weight = self.conv.weight
        self.offset = torch.arange(4.0)
        self.alias = [self.conv]
        self.calls, self.history = 0, []

    def forward(self, x):
        self.calls += 1
        self.history.append(x.shape)
        noise = torch.rand(()) * self.offset.sum().item()
        return self.bn(self.alias[0](x) + self.tied(x)) * noise


@pytest.fixture
def model():
    model = Stateful()
    model.bn.eval()
    return model


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_the_model_is_only_read(model, phase):
    before, keys, rng = snapshot(model), set(model.__dict__), torch.get_rng_state()
    modes = [module.training for module in model.modules()]
    cost = count(model, (2, 3, 8, 8), phase=phase)
    assert cost.params == 4 * 27 + 2 * 4 + 2 * 4  # the tied weight once, two biases, batch norm
    assert cost.buffers == 4 + 4 + 1
    assert [module.training for module in model.modules()] == modes
    assert set(model.__dict__) == keys
    assert (model.calls, model.history) == (0, [])
    after = snapshot(model)
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert all(parameter.grad is None and not parameter.is_meta for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not nn.modules.module._global_forward_hooks
    assert torch.equal(torch.get_rng_state(), rng)
    model(torch.randn(2, 3, 8, 8))  # still runs


def test_a_failed_count_leaves_no_trace_either(model):
    rng, collecting = torch.get_rng_state(), gc.isenabled()
    with pytest.raises(BuildError):
        count(model, (2, 5, 8, 8))
    assert torch.equal(torch.get_rng_state(), rng)
    assert gc.isenabled() == collecting
    assert torch.is_grad_enabled()
    assert model.calls == 0


def test_weights_are_never_copied():
    class Guarded(nn.Parameter):
        def __deepcopy__(self, memo):
            raise AssertionError("copied")

    layer = nn.Linear(4, 4, bias=False)
    layer.weight = Guarded(torch.randn(4, 4))
    layer.same = [layer.weight]
    assert count(layer, (1, 4)).params == 16


def test_meta_models_are_counted_as_they_are():
    with torch.device("meta"):
        model = Stateful()
    model.offset = torch.arange(4.0)
    assert count(model, (2, 3, 8, 8)) == count(Stateful(), (2, 3, 8, 8))


SEEN = []


def test_hooks_of_the_model_run_on_the_twin():
    layer, kept = nn.Linear(4, 4), []
    original = id(layer)

    def hook(module, args):
        kept.append(args)
        SEEN.append((module is layer, id(module) == original, args[0].is_meta))

    layer.register_forward_pre_hook(hook)
    count(layer, (1, 4))
    assert SEEN == [(True, False, True)]
    assert kept == []  # no tensor without data is left among the caller's own


def test_a_count_inside_other_modes_is_the_same():
    layer = nn.Conv2d(3, 4, 3)
    expected = count(layer, (1, 3, 8, 8), phase="training")
    with torch.no_grad():
        assert count(layer, (1, 3, 8, 8), phase="training") == expected
    with torch.inference_mode():
        assert count(layer, (1, 3, 8, 8), phase="training") == expected


def test_a_garbage_collector_that_was_off_stays_off():
    gc.disable()
    try:
        count(nn.Linear(2, 2), (1, 2))
        assert not gc.isenabled()
    finally:
        gc.enable()


class Decorated(nn.Module):
    """Has a method in a context of torch's, and one that keeps a list."""

    def __init__(self, widths=[4]):  # noqa: B006 - as others write it
        super().__init__()
        self.conv = nn.Conv2d(3, widths[0], 3)

    @torch.no_grad()
    def fuse(self):
        return self.conv

    def forward(self, x):
        return self.conv(x)


@pytest.mark.parametrize("work", [count, record], ids=["count", "record"])
def test_nothing_is_left_for_the_garbage_collector(work):
    network = nn.Sequential(Decorated(), nn.ReLU())
    work(network, (1, 3, 8, 8))
    gc.collect()
    gc.disable()
    try:
        work(network, (1, 3, 8, 8))
        assert gc.collect() == 0
    finally:
        gc.enable()


class Drawing(nn.Module):
    """Draws random numbers of every kind, from generators of its own as well."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)
        self.generator, self.numpy, self.random = (
            torch.Generator(),
            np.random.default_rng(1),
            random.Random(1),
        )
        self.mean = torch.zeros(())

    def forward(self, x):
        noise = torch.rand((), generator=self.generator).item() + self.numpy.random() + self.random.random()
        noise += random.random() + np.random.rand() + torch.rand(()).item()
        self.mean += noise
        return self.drop(self.norm(self.conv(x))) * noise


class Closed(Stateful):
    """Reaches itself through functions, and keeps what it computed."""

    def __init__(self):
        super().__init__()
        self.kept = {}
        self.run = lambda x: self.bn(self.conv(x))
        self.conv.register_forward_hook(lambda module, inputs, output: self.kept.update(output=output))
        self(torch.zeros(2, 3, 8, 8)).sum().backward()

    def forward(self, x):
        return self.run(x)


class Frozen(Stateful):
    def train(self, mode=True):
        super().train(mode)
        self.bn.eval()
        self.bn.weight.requires_grad_(not mode)
        return self


def recurrent(kind):
    return nn.Sequential(nn.Flatten(2), kind(64, 5, batch_first=True))


NORMS = nn.utils.parametrizations.spectral_norm, nn.utils.parametrizations.weight_norm, nn.utils.spectral_norm
ACTIVATIONS = [
    "CELU",
    "Dropout",
    "Dropout2d",
    "AlphaDropout",
    "ELU",
    "GELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "LeakyReLU",
    "LogSigmoid",
    "Mish",
    "ReLU",
    "ReLU6",
    "RReLU",
    "SELU",
    "Sigmoid",
    "SiLU",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
]
LAYERS = (
    nn.BatchNorm2d(8),
    nn.BatchNorm2d(8, track_running_stats=False),
    nn.InstanceNorm2d(8, affine=True, track_running_stats=True),
    nn.GroupNorm(2, 8),
    nn.LayerNorm(6),
    nn.LocalResponseNorm(2),
    nn.ReLU(inplace=True),
    nn.PReLU(),
    nn.ConvTranspose2d(8, 8, 1),
    nn.Sequential(nn.Conv2d(8, 8, 1), nn.Identity()),
    *(getattr(nn, name)() for name in ACTIVATIONS),
)
SMALL = [
    *(Stateful, Drawing, Closed, Frozen),
    *(lambda kind=kind: recurrent(kind) for kind in (nn.LSTM, nn.GRU, nn.RNN)),
    *(lambda norm=norm: nn.Sequential(norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)) for norm in NORMS),
    *(
        lambda layer=layer: nn.Sequential(nn.Conv2d(3, 8, 3), layer, nn.Flatten(), nn.Linear(288, 3))
        for layer in LAYERS
    ),
]
NATIVE = (
    "resnet50", "resnext50_32x4d", "vgg16_bn", "alexnet", "bn_inception", "mobilenet_v1", "shufflenet_v1_g3",
    "cifar_wrn16_8",
)  # fmt: skip
# Of each family the smallest.
TORCHVISION = (
    "alexnet", "convnext_tiny", "efficientnet_b0", "googlenet", "inception_v3", "mnasnet0_5", "mobilenet_v2",
    "mobilenet_v3_small", "resnet18", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1", "vgg11_bn",
)  # fmt: skip


def state_of(model):
    """Everything about a model and the process that a count could change."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {
        "tensors": {
            name: (id(t), t._version, t.requires_grad, t.grad if t.grad is None else t.grad.tolist())
            for name, t in tensors.items()
        },
        "values": {name: t.tolist() for name, t in tensors.items() if not t.is_meta and t.numel() < 10_000},
        "modes": {name: module.training for name, module in model.named_modules()},
        "attributes": {
            name: [(key, contents(value)) for key, value in module.__dict__.items()]
            for name, module in model.named_modules()
        },
        "random": (torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state())),
        "modules": (torch.is_grad_enabled(), len(nn.modules.module._global_forward_hooks)),
    }


def contents(value):
    if isinstance(value, dict):
        return id(value), [(key, contents(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple, set)):
        return id(value), [contents(item) for item in value]
    if isinstance(value, torch.Generator):
        return value.get_state().tolist()
    if isinstance(value, (random.Random, np.random.Generator)):
        return repr(value.getstate() if isinstance(value, random.Random) else value.bit_generator.state)
    return id(value), getattr(value, "_version", None)


def assert_untouched(model, shape):
    before = state_of(model)
    for phase in ("inference", "training"):
        assert count(model, shape, phase=phase).ops
    assert state_of(model) == before


def test_small_networks_are_as_they_were_to_the_last_bit():
    for make in SMALL:
        model = make()
        if isinstance(model, nn.Sequential):
            model[0].train(mode=False)  # a mode of its own
        assert_untouched(model, (2, 3, 8, 8))


@pytest.mark.slow
def test_native_networks_are_as_they_were():
    for name in NATIVE:
        for variant in ("plain", "se"):
            built = models.build(ModelSpec(model=name, variant=variant), device="meta")
            assert_untouched(built.module, (2, *built.input_shape[1:]))


@pytest.mark.slow
def test_torchvisions_networks_are_as_they_were():
    for name in TORCHVISION:
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        with torch.device("meta"):
            model = torchvision.models.get_model(name, weights=None, **options)
        size = 299 if name == "inception_v3" else 224
        assert_untouched(model, (2, 3, size, size))
