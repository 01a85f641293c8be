"""A count leaves no trace: not in the model, not in torch, not in the caller's random numbers."""

import gc

import pytest
import torch
from torch import nn

from sebench.counters import count
from sebench.errors import BuildError


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


def test_hooks_of_the_model_run_on_the_twin():
    seen = []
    layer = nn.Linear(4, 4)
    layer.register_forward_pre_hook(lambda module, args: seen.append((module is layer, args[0].is_meta)))
    count(layer, (1, 4))
    assert seen == [(False, True)]


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
