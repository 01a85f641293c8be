"""Networks are built on the meta device where that works, and on the CPU where they read values."""

import pytest

from sebench.errors import CountError
from sebench.models import build
from sebench.schema import ModelSpec
from sebench.worker.counting import count_network

NETS = """
import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrizations

def conv():
    return nn.Conv2d(3, 4, 3)

def by_shapes():
    return nn.Sequential(conv(), nn.Flatten(), nn.Linear(4 * 14 * 14, 10))

def by_rates():
    rates = [rate.item() for rate in torch.linspace(0, 1, 3)]
    return nn.Sequential(conv(), *[nn.Dropout(rate) for rate in rates], nn.Flatten(), nn.Linear(784, 10))

def by_check():
    net = by_shapes()
    net[0].weight.data.copy_(torch.from_numpy(np.ones((4, 3, 3, 3), "float32")))
    assert torch.equal(net[0].weight[0, 0], torch.ones(3, 3))
    return net

def by_trial():
    features = conv()
    size = features(torch.zeros(1, 3, 16, 16)).flatten(1).shape[1]
    return nn.Sequential(features, nn.Flatten(), nn.Linear(int(torch.tensor(size)), 10))

def by_lazy():
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(10))
    net(torch.zeros(1, 3, 16, 16))
    return net

def by_numpy():
    net = by_shapes()
    net[2].weight.data = torch.from_numpy(net[2].weight.detach().numpy().round(1))
    return net

class Steered(nn.Module):
    # A plain attribute: its values steer the forward.
    def __init__(self):
        super().__init__()
        self.net, self.depths = by_shapes(), torch.arange(2)
    def forward(self, x):
        for depth in self.depths:
            x = x + depth.item()
        return self.net(x)

class Shown(nn.Module):
    def forward(self, x):
        return x * float(x.detach().numpy().max())

def orthogonal():
    return parametrizations.orthogonal(nn.Linear(16, 16, bias=False))

def broken():
    raise ValueError("depth must be positive")
"""
# conv 3 -> 4, k 3 on 16x16: 3*4*9*14*14 = 21,168; linear 784 -> 10: 7,840
MACS, PARAMS = 29_008, 112 + 7_850
ALIKE = ("by_shapes", "by_rates", "by_check", "by_trial", "by_lazy", "by_numpy", "Steered")


@pytest.fixture(autouse=True)
def _nets(tmp_path, monkeypatch):
    (tmp_path / "nets_of_mine.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)


def spec(name):
    return ModelSpec(model=name if ":" in name else f"nets_of_mine.py:{name}")


@pytest.mark.parametrize("name", ALIKE)
def test_the_same_figures_wherever_a_network_can_be_built(name):
    cost = count_network(spec(name), (1, 3, 16, 16))
    assert (sum(op.macs for op in cost.ops), cost.params) == (MACS, PARAMS)


def test_only_what_reads_values_is_built_on_the_cpu():
    devices = {name: build(spec(name), device="meta").device for name in ("by_shapes", "by_rates", "Steered")}
    assert devices == {"by_shapes": "meta", "by_rates": "cpu", "Steered": "meta"}
    assert build(spec("by_rates")).device == "cpu"


def test_parametrizations_that_factorise():
    cost = count_network(spec("orthogonal"), (1, 16))
    assert cost.params == 256
    assert sum(op.macs for op in cost.ops) >= 256


def test_torchvisions_regnets():
    # 401.8 M and 4,344,144 in torchvision's own metadata
    cost = count_network(spec("torchvision:regnet_y_400mf"), (1, 3, 224, 224))
    assert (sum(op.macs for op in cost.ops), cost.params) == (401_842_848, 4_344_144)


def test_what_reads_the_batch_cannot_be_counted():
    with pytest.raises(CountError, match=r"^Shown leaves torch with .numpy\(\)"):
        count_network(spec("Shown"), (1, 3, 16, 16))


def test_a_constructor_that_fails_anywhere_is_blamed_once(capsys):
    with pytest.raises(
        Exception, match=r"cannot be built: ValueError: depth must be positive \(nets_of_mine"
    ):
        count_network(spec("broken"), (1, 3, 16, 16))
