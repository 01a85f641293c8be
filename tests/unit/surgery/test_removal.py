"""Modules that are gates, replaced by what hands their feature map on."""

import copy

import pytest
import torch
from torch import nn

from sebench.inputs import Inputs
from sebench.surgery.proof import prove
from sebench.surgery.removal import Passthrough, replacements, take_out
from tests import gated
from tests.unit.surgery.conftest import SHAPE, found_in

TIMES = {"called twice": 2}
"""How often the gate of a network works; once elsewhere."""


@pytest.mark.parametrize("name", gated.BY_MODULE)
def test_the_network_without_it_is_the_network_with_its_gates_at_one(name, found):
    subject = found(name)
    proof = prove(
        subject.network, subject.by_module(), Inputs((torch.zeros(SHAPE),)), subject.recording, subject.gates
    )
    assert proof.difference == 0  # the same ops on the same values
    assert proof.effect > 0.1
    assert (proof.params, proof.macs) == (gated.PARAMS, gated.MACS * TIMES.get(name, 1))


@pytest.mark.parametrize("name", gated.INLINE)
def test_a_gate_that_is_no_module_of_its_own_is_not_replaced(name, found):
    subject = found(name)
    assert replacements(subject.recording, subject.gates) is None


def test_it_is_the_network_itself_that_changes(found):
    subject = found("module")
    network = copy.deepcopy(subject.network)
    assert take_out(network, replacements(subject.recording, subject.gates)) is network
    assert isinstance(network.attention, Passthrough)


def test_what_is_left_of_a_gate_says_what_it_passes_on(found):
    assert repr(found("module").by_module().attention) == "Passthrough()"
    assert repr(found("extra arguments").by_module().attention) == "Passthrough(argument='x')"
    assert repr(found("written later").by_module().attention) == "Passthrough(copies=True)"
    assert repr(found("feature written later").by_module().attention) == "Passthrough(copies=True)"


def test_a_module_that_hangs_at_two_places_goes_from_both():
    class Shared(gated.Network):
        def __init__(self):
            super().__init__(gated.SE())
            self.again = nn.ModuleList([self.attention])

        def attend(self, x):
            return self.again[0](nn.functional.relu(self.attention(x)))

    stripped = found_in(Shared().eval()).by_module()
    assert isinstance(stripped.attention, Passthrough)
    assert stripped.again[0] is stripped.attention


def test_a_wrapper_around_a_gate_stays():
    network = found_in(gated.Network(nn.Sequential(gated.SE(), nn.Hardtanh())).eval()).by_module()
    assert [type(module) for module in network.attention] == [Passthrough, nn.Hardtanh]


def test_constants_that_a_gate_is_given_may_be_made_elsewhere():
    class Given(gated.Network):
        def attend(self, x):
            return self.attention(torch.ones(1, device=x.device), x=x)

    class Scaled(gated.Excitation):
        def forward(self, scale, x):
            return x * (scale * super().forward(x))

    subject = found_in(Given(Scaled()).eval())
    stripped = subject.by_module()
    assert repr(stripped.attention) == "Passthrough(argument='x')"
    proof = prove(subject.network, stripped, Inputs((torch.zeros(SHAPE),)), subject.recording, subject.gates)
    assert (proof.difference, proof.params, proof.macs) == (0, gated.PARAMS, gated.MACS)


def test_a_network_without_gates_stays_as_it_is():
    network = gated.Network(nn.Identity()).eval()
    assert isinstance(found_in(network).by_module().attention, nn.Identity)
