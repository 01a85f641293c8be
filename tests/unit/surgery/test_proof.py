"""The test that decides whether attention was taken out, and nothing else."""

import copy

import pytest
import torch
from torch import nn

from sebench.errors import BuildError
from sebench.inputs import Inputs
from sebench.surgery.proof import prove
from tests import gated
from tests.unit.surgery.conftest import SHAPE, found_in


def proof_of(subject, stripped, **options):
    return prove(
        subject.network, stripped, Inputs((torch.zeros(SHAPE),)), subject.recording, subject.gates, **options
    )


def test_a_gate_that_is_still_there_is_noticed():
    network = nn.Sequential(gated.Network(gated.SE()))
    network[0].attention = nn.Sequential(gated.SE(), gated.SE())
    subject = found_in(network.eval())
    stripped = subject.by_module()
    stripped[0].attention[1] = copy.deepcopy(network[0].attention[1])
    with pytest.raises(BuildError, match=r"not the network with every gate at one \(off by .*%\); compare"):
        proof_of(subject, stripped)


def test_a_gain_that_went_along_is_noticed(found):
    stripped = gated.Network(nn.Identity()).eval()
    with pytest.raises(BuildError, match="not the network with every gate at one"):
        proof_of(found("gain"), stripped)


def test_what_an_idle_start_would_hide_is_noticed():
    class Residual(gated.Network):
        def attend(self, x):
            return x + self.norm(self.attention(x))

    network = Residual(gated.SE()).eval()
    nn.init.zeros_(network.norm.weight)
    nn.init.zeros_(network.norm.bias)
    subject = found_in(network)
    batch = torch.randn(SHAPE)
    assert torch.equal(network(batch), subject.by_module()(batch))
    assert proof_of(subject, subject.by_module()).effect > 0.1
    with pytest.raises(BuildError, match="not the network with every gate at one"):
        proof_of(subject, copy.deepcopy(network))


def test_parameters_that_went_along_are_noticed(found):
    subject = found("module")
    stripped = subject.by_module()
    stripped.unused = None
    subject.network.unused = nn.Parameter(torch.zeros(3))
    try:
        with pytest.raises(
            BuildError, match="lost 25 parameters and 16 MACs with its attention, which has 22 and 16"
        ):
            proof_of(subject, stripped)
    finally:
        del subject.network.unused


def test_gates_that_change_nothing_prove_nothing():
    class Idle(gated.Network):
        def attend(self, x):
            return x + 0 * self.attention(x)

    subject = found_in(Idle(gated.SE()).eval())
    with pytest.raises(BuildError, match="the same outputs whatever its gates say"):
        proof_of(subject, subject.by_module())


def test_outputs_without_end_prove_nothing():
    class Endless(gated.Network):
        def attend(self, x):
            return self.attention(x) / 0

    subject = found_in(Endless(gated.SE()).eval())
    with pytest.raises(BuildError, match="infinite outputs"):
        proof_of(subject, subject.by_module())


def test_a_graph_that_computes_something_else_is_noticed(found):
    subject = found("module")
    other = copy.deepcopy(subject.network)
    other.attend = lambda x: other.attention(x) + 1
    with pytest.raises(BuildError, match="something else when it is captured"):
        proof_of(subject, subject.by_module(), captured=other)


def test_a_network_that_does_not_run_without_it_is_refused_in_one_line(found):
    subject = found("module")
    stripped = subject.by_module()
    stripped.attention = nn.Linear(3, 3, bias=False)
    stripped.attention.weight = subject.network.head.weight
    with pytest.raises(BuildError, match="does not run without its attention: ") as refused:
        proof_of(subject, stripped)
    assert "\n" not in str(refused.value)


def test_a_run_that_is_not_the_recorded_one_is_refused(found):
    subject = found("module")
    with pytest.raises(BuildError, match="runs otherwise than without data"):
        prove(
            subject.network,
            subject.by_module(),
            Inputs((torch.zeros(1, 3, 4, 4),)),
            subject.recording,
            subject.gates,
        )


def test_both_networks_are_left_as_they_were(found):
    subject = found("module")
    stripped = subject.by_module()
    before = [copy.deepcopy(network.state_dict()) for network in (subject.network, stripped)]
    random = torch.get_rng_state()
    proof_of(subject, stripped)
    for network, state in zip((subject.network, stripped), before, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


def test_a_network_without_data_cannot_be_proven(found):
    subject = found("module")
    stripped = subject.by_module()
    with pytest.raises(BuildError, match="has no weights"):
        prove(
            copy.deepcopy(subject.network).to("meta"),
            stripped.to("meta"),
            Inputs((torch.zeros(SHAPE),)),
            subject.recording,
            subject.gates,
        )


def test_what_a_network_keeps_from_a_run_does_not_stay():
    class Keeps(gated.Network):
        """As some attention does with its position biases."""

        def __init__(self):
            super().__init__(gated.SE())
            self.kept = {}

        def attend(self, x):
            return super().attend(x) + self.kept.setdefault("bias", self.head.bias.sum())

    subject = found_in(Keeps().eval())
    stripped = subject.by_module()
    assert proof_of(subject, stripped).difference == 0
    assert (subject.network.kept, stripped.kept) == ({}, {})
