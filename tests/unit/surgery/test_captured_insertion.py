"""Attention put into captured graphs, where a network has no module that ends at its places."""

import pytest
import torch
from torch import nn

from sebench import counters
from sebench.errors import BuildError
from sebench.inputs import Inputs
from sebench.schema import parse_variant
from sebench.surgery.capture import capture
from sebench.surgery.captured_insertion import put_in_captured
from sebench.surgery.gates import find_gates
from sebench.surgery.insertion import inserted_sites, put_in
from sebench.surgery.places import find_places
from sebench.surgery.points import find_points
from sebench.surgery.proof import prove_captured
from sebench.surgery.removal import replacements, take_out

SE = parse_variant("se")
SHAPE = (2, 3, 8, 8)
WIDTH = 16


class Block(nn.Module):
    """Its branch ends in a function."""

    def __init__(self, inputs=WIDTH, *, drop=0.0):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(inputs, WIDTH, 3, padding=1), nn.Conv2d(WIDTH, WIDTH, 1)
        self.norm, self.drop = nn.BatchNorm2d(WIDTH), drop

    def branch(self, x):
        return torch.tanh(self.norm(self.conv2(torch.relu(self.conv1(x)))))

    def forward(self, x):
        return torch.relu(x + nn.functional.dropout(self.branch(x), self.drop, self.training))


class InPlace(Block):
    """The add writes into the branch."""

    def forward(self, x):
        y = self.branch(x)
        y += x
        return torch.relu(y)


class Shared(Block):
    """What ends the branch runs before as well."""

    def __init__(self):
        super().__init__()
        self.act = nn.Hardtanh()

    def branch(self, x):
        return self.act(self.conv2(self.act(self.conv1(x))))


class Elsewhere(Block):
    """The branch is taken by something else than the add, too."""

    def forward(self, x):
        y = self.branch(x)
        return torch.relu(x + y) * y.sum()


class Shuffled(Block):
    """The branch ends with its channels in another order."""

    def branch(self, x):
        return nn.functional.channel_shuffle(super().branch(x), 2)


BLOCKS = {
    "function": Block,
    "in place": InPlace,
    "shared": Shared,
    "elsewhere": Elsewhere,
    "shuffled": Shuffled,
}


def built(*blocks):
    torch.manual_seed(0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, 5))
    return nn.Sequential(nn.Conv2d(3, WIDTH, 3, padding=1), *blocks, head).eval()


def attended(network, *, training=False, shape=SHAPE):
    """The network without and with SE, as graphs."""
    recording = counters.record(network, shape)
    places = find_places(network, recording)
    captured = capture(network.train(training), Inputs((torch.zeros(shape),)))
    network.eval()
    return captured.as_it_is(), put_in_captured(captured, recording, places, SE, 0)


def stripped(network):
    """The graph, its attention found by data flow and taken out, in place."""
    recording = counters.record(network, SHAPE)
    return take_out(network, replacements(recording, find_gates(recording)))


def cost(network, phase="inference"):
    counted = counters.count(network, SHAPE, phase=phase)
    return counted.params, sum(op.macs for op in counted.ops)


# SE with r = 16 hides 16 / 16 = 1: 16 + 1 and 16 + 16 parameters; 16 + 16 MACs for each of two images.
SE_PARAMS, SE_MACS = 49, 2 * 32


@pytest.mark.parametrize("name", BLOCKS)
def test_exactly_the_attention_is_added(name):
    network = built(BLOCKS[name]())
    (place,) = find_places(network, counters.record(network, SHAPE))
    assert place.boundary is None
    plain, other = attended(network)
    params, macs = cost(network)
    assert cost(plain) == (params, macs)
    assert cost(other) == (params + SE_PARAMS, macs + SE_MACS)
    assert inserted_sites(other) == ("1.attention",)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_network_with_its_attention_taken_out_is_the_network(name):
    network = built(BLOCKS[name]())
    plain, other = attended(network)
    batch = torch.randn(SHAPE)
    expected = network(batch)
    assert torch.equal(plain(batch), expected)
    assert not torch.equal(other(batch), expected)
    assert torch.equal(stripped(other)(batch), expected)
    assert list(other.state_dict()) == list(plain.state_dict()) == list(network.state_dict())


@pytest.mark.parametrize("name", ["function", "in place", "shared"])
def test_attention_sees_the_branch_and_the_add_what_it_returns(name):
    network = built(BLOCKS[name]())
    _, other = attended(network)
    stem, block, head = network
    x = stem(torch.randn(SHAPE))
    attention = other.get_submodule("1.attention")
    expected = head(torch.relu(x + attention(block.branch(x))))
    seen = []
    attention.register_forward_hook(lambda module, taken, result: seen.append(taken[0].clone()))
    torch.manual_seed(1)
    batch = torch.randn(SHAPE)
    x = stem(batch)
    expected = head(torch.relu(x + attention(block.branch(x))))
    assert torch.equal(other(batch), expected)
    assert torch.equal(seen[-1], block.branch(x))


def test_what_else_takes_the_branch_is_given_it_unattended():
    network = built(Elsewhere())
    _, other = attended(network)
    stem, block, head = network
    batch = torch.randn(SHAPE)
    x = stem(batch)
    y = block.branch(x)
    expected = head(torch.relu(x + other.get_submodule("1.attention")(y)) * y.sum())
    assert torch.equal(other(batch), expected)


def test_places_with_a_module_keep_the_path_and_weights_of_their_attention():
    class Normed(Block):
        def branch(self, x):
            return self.norm(self.conv2(torch.relu(self.conv1(x))))

    network = built(Block(), Normed())
    _, other = attended(network)
    assert inserted_sites(other) == ("1.attention", "2.norm.attention")
    alone = built(Normed(), Normed())
    put_in(alone, find_places(alone, counters.record(alone, SHAPE)), SE, 0)
    name = "2.norm.attention.excite.fc1.weight"
    assert torch.equal(other.state_dict()[name], alone.state_dict()[name])


@pytest.mark.parametrize("drop", [0.0, 0.5])
def test_training_is_captured_as_well(drop):
    network = built(Block(drop=drop), Block(drop=drop))
    plain, other = attended(network, training=True)
    params, macs = cost(network, "training")
    assert cost(plain, "training") == (params, macs)
    # A layer of the attention costs as much again for each of two gradients: of weights and of inputs.
    assert cost(other, "training") == (params + 2 * SE_PARAMS, macs + 2 * 3 * SE_MACS)
    other(torch.randn(SHAPE)).sum().backward()
    assert other.get_submodule("1.attention").excite.fc1.weight.grad is not None
    assert all(module.training for module in other.get_submodule("1.attention").modules())


def test_a_graph_is_proven_to_be_the_network():
    network = built(InPlace())
    recording = counters.record(network, SHAPE)
    captured = capture(network, Inputs((torch.zeros(SHAPE),)))
    points = find_points(captured, recording, find_places(network, recording))
    passing, (path,) = captured.with_passthroughs_at(points, copies=True)
    inputs = Inputs((torch.zeros(SHAPE),))
    prove_captured(network, captured.as_it_is(), passing, inputs)
    passing.set_submodule(path, nn.Tanh())
    with pytest.raises(BuildError, match="^Sequential changes when its graph is opened where attention bel"):
        prove_captured(network, captured.as_it_is(), passing, inputs)
    other = built(Block())
    other[1].branch = lambda x: x
    with pytest.raises(BuildError, match="^Sequential computes something else when it is captured"):
        prove_captured(network, other, passing, inputs)


def test_what_is_not_in_the_graph_is_refused_in_one_line():
    class Region(Block):
        def forward(self, x):
            with torch.no_grad():
                return super().forward(x)

    network = built(Region())
    with pytest.raises(BuildError) as refused:
        attended(network)
    assert str(refused.value) == (
        "what attention should see in block '1' is not in the captured graph; "
        "write both networks: --baseline FILE.py:without --candidate FILE.py:with_attention"
    )
