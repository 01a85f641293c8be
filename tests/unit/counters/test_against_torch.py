"""Equality with torch's own counter, where that one is right."""

import pytest
import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

from sebench.counters import count


@pytest.fixture(params=["resnet50", "resnext50_32x4d", "mobilenet_v2"])
def model(request):
    with torch.device("meta"):
        return torchvision.models.get_model(request.param)


def test_macs_are_half_of_flop_counter_mode(model):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(torch.empty(1, 3, 224, 224, device="meta"))
    cost = count(model, (1, 3, 224, 224))
    assert 2 * sum(op.macs for op in cost.ops) == counter.get_total_flops()
    assert cost.uncounted == ()


def test_ungrouped_backward_agrees_too():
    with torch.device("meta"):
        model = torchvision.models.resnet18().train()
        batch = torch.empty(2, 3, 64, 64)
    with FlopCounterMode(display=False) as counter:
        model(batch).sum().backward()
    cost = count(model, (2, 3, 64, 64), phase="training")
    assert 2 * sum(op.macs for op in cost.ops) == counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "macs", "params"),
    [
        ("resnet50", 4_089_184_256, 25_557_032),  # v1.5: stride in the 3x3
        ("resnext50_32x4d", 4_230_479_872, 25_028_904),
        ("alexnet", 714_188_480, 61_100_840),
    ],
)
def test_published_integers(name, macs, params):
    with torch.device("meta"):
        model = torchvision.models.get_model(name)
    cost = count(model, (1, 3, 224, 224))
    assert (sum(op.macs for op in cost.ops), cost.params) == (macs, params)
