"""The values of gates, watched while a network runs, against hooks and against NumPy."""

import numpy as np
import pytest
import torch
from torch import nn

from sebench import surgery
from sebench.schema import ModelSpec
from sebench.surgery.excitation import watch


def native(model, variant="se", **options):
    return surgery.build(ModelSpec(model=model, variant=variant, **options), seed=1).module


def awake(network, seed=0):
    """Gates of fresh networks are near 0.5: here their biases and weights, and batch norms, are drawn."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            module.bias.data.normal_(0, 1, generator=generator)
    return network


@pytest.fixture(scope="module")
def images():
    return torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(7))


def test_the_values_are_those_of_the_modules(images):
    network = awake(native("mobilenet_v1"))
    seen = {}
    hooks = [
        module.register_forward_hook(
            lambda _module, _given, values, name=name: seen.__setitem__(name, values.clone())
        )
        for name, module in network.named_modules()
        if name.endswith(".excite")
    ]
    with torch.no_grad():
        expected = network(images)
    for hook in hooks:
        hook.remove()
    known = {name.removesuffix(".excite"): values for name, values in seen.items()}
    watched = watch(network, (3, 32, 32))
    output, values = watched.outputs(images)
    assert torch.equal(output, expected)
    assert [gate.path for gate in watched.gates] == list(known)
    assert all(torch.equal(values[path], known[path]) for path in known)
    assert "forward" not in network.__dict__


def test_by_numpy(images):
    """A gate of hand-made weights: s = sigmoid(W2 relu(W1 mean(f)))."""
    network = awake(native("mobilenet_v1", "se(stages=1)"))
    gate = network.get_submodule("stage1.0.attention")
    feature = []
    watched = watch(network, (3, 32, 32))
    gate.register_forward_pre_hook(lambda _module, given: feature.append(given[0].clone()))
    _, values = watched.outputs(images)
    squeezed = feature[0].double().numpy().mean(axis=(2, 3))
    first, second = gate.excite.fc1, gate.excite.fc2
    hidden = np.maximum(squeezed @ first.weight.detach().double().numpy().T + first.bias.detach().numpy(), 0)
    logits = hidden @ second.weight.detach().double().numpy().T + second.bias.detach().numpy()
    assert values["stage1.0.attention"].numpy() == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-6)


class Inline(nn.Module):
    """A gate among other things of a forward, in front of another product."""

    def __init__(self, in_place):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 1)
        self.head = nn.Linear(6, 4)
        self.in_place = in_place

    def forward(self, x):
        x = self.conv(x) * 2.0
        x = x * torch.tensor(0.5, device=x.device)
        s = torch.sigmoid(self.fc(x.mean((2, 3), keepdim=True)))
        self.last = s.detach().clone()
        x = x.mul_(s.expand_as(x)) if self.in_place else s * x
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize("in_place", [False, True])
def test_a_gate_that_is_written_inline(images, in_place):
    network = Inline(in_place).eval()
    watched = watch(network, (3, 32, 32))
    for count in (5, 1):  # the batch of the recording is another
        _, values = watched.outputs(images[:count])
        (found,) = values.values()
        assert found.shape == (count, 6)
        assert torch.equal(found, network.last.flatten(1))


def test_a_network_without_gates(images):
    assert watch(native("mobilenet_v1", "plain"), (3, 32, 32)).gates == ()


def test_a_gate_that_adds_is_named_and_not_watched():
    watched = watch(native("mobilenet_v1", "gc(stages=2)"), (3, 32, 32))
    assert watched.gates == ()
    assert watched.adding == ("stage2.0.attention.fuse", "stage2.1.attention.fuse")


def test_all_branches_of_a_split():
    class Selective(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 3, padding=1)
            self.down, self.up = nn.Linear(4, 2), nn.Linear(2, 8)

        def forward(self, x):
            branches = torch.stack([self.one(x), self.two(x)], dim=1)
            s = self.up(torch.relu(self.down(branches.sum(1).mean((2, 3))))).view(-1, 2, 4).softmax(1)
            self.last = s.detach()
            return (branches * s[:, :, :, None, None]).sum(1)

    network = Selective().eval()
    watched = watch(network, (3, 8, 8))
    _, values = watched.outputs(torch.randn(3, 3, 8, 8))
    (found,) = values.values()
    assert torch.equal(found, network.last.flatten(1))
    assert found.view(3, 2, 4).sum(1).numpy() == pytest.approx(1)
