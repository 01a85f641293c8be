"""Networks of timm, with their attention taken out and proven so."""

import copy

import pytest
import torch

from sebench import counters
from sebench.surgery.capture import capture
from sebench.surgery.gates import find_gates
from sebench.surgery.proof import prove
from sebench.surgery.removal import take_out

SHAPE = (1, 3, 64, 64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        # Per block 2 x C x h + h + C parameters and 2 x C x h MACs: C of 64, 128, 256 and 512 with h of 8, 8,
        # 16 and 32, each twice: 2 x (1,096 + 2,184 + 8,464 + 33,312) and 2 x (1,024 + 2,048 + 8,192 + 32,768).
        ("seresnet18", 90_112, 88_064),
        # C of 144 and 240 with h of 6 and 10 among others; published figures for the whole network.
        ("efficientnet_b0", 636_540, 627_200),
    ],
)
def test_where_each_gate_is_a_module(name, params, macs):
    network = pytest.importorskip("timm").create_model(name).eval()
    recording = counters.record(network, SHAPE)
    gates = find_gates(recording)
    stripped = take_out(copy.deepcopy(network), recording, gates)
    proof = prove(network, stripped, (torch.zeros(SHAPE),), recording, gates)
    assert (proof.params, proof.macs) == (params, macs)


@pytest.mark.slow
def test_where_branches_are_weighed():
    network = pytest.importorskip("timm").create_model("skresnet18").eval()
    recording = counters.record(network, SHAPE)
    gates = find_gates(recording)
    graph = capture(network, (torch.zeros(SHAPE),))
    asis, stripped = graph.as_it_is(), graph.without_gates()
    proof = prove(network, stripped, (torch.zeros(SHAPE),), recording, gates, captured=asis)
    assert len(gates) == 8  # one per block
    assert proof.params == sum(found.gate.params for found in gates)
    assert proof.macs == sum(found.gate.macs for found in gates)
    assert list(asis.state_dict()) == list(network.state_dict())
