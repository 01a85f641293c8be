"""Networks of timm, with their attention taken out and proven so."""

import copy

import pytest
import torch

from sebench import counters
from sebench.inputs import Inputs
from sebench.surgery.capture import capture
from sebench.surgery.gates import find_gates
from sebench.surgery.proof import prove
from sebench.surgery.removal import replacements, take_out

SHAPE = (1, 3, 64, 64)


RESNET18 = {64: (8, 2), 128: (8, 2), 256: (16, 2), 512: (32, 2)}
EFFICIENTNET_B0 = {
    32: (8, 1),
    96: (4, 1),
    144: (6, 2),
    240: (10, 2),
    480: (20, 3),
    672: (28, 3),
    1152: (48, 4),
}
"""By channels C: the hidden width h, and how many gates have it. Two layers with bias have 2 x C x h + h + C
parameters and 2 x C x h MACs."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "gates"), [("seresnet18", RESNET18), ("efficientnet_b0", EFFICIENTNET_B0)])
def test_where_each_gate_is_a_module(name, gates):
    network = pytest.importorskip("timm").create_model(name).eval()
    recording = counters.record(network, SHAPE)
    found = find_gates(recording)
    stripped = take_out(copy.deepcopy(network), replacements(recording, found))
    proof = prove(network, stripped, Inputs((torch.zeros(SHAPE),)), recording, found)
    assert proof.macs == sum(2 * channels * hidden * times for channels, (hidden, times) in gates.items())
    assert proof.params == proof.macs + sum(
        (channels + hidden) * times for channels, (hidden, times) in gates.items()
    )


@pytest.mark.slow
def test_where_branches_are_weighed():
    network = pytest.importorskip("timm").create_model("skresnet18").eval()
    recording = counters.record(network, SHAPE)
    gates = find_gates(recording)
    graph = capture(network, Inputs((torch.zeros(SHAPE),)))
    asis, stripped = graph.as_it_is(), graph.without_gates()
    proof = prove(network, stripped, Inputs((torch.zeros(SHAPE),)), recording, gates, captured=asis)
    assert len(gates) == 8  # one per block
    assert proof.params == sum(found.gate.params for found in gates)
    assert proof.macs == sum(found.gate.macs for found in gates)
    assert list(asis.state_dict()) == list(network.state_dict())
