"""Networks captured as graphs: each gate a module, or gone."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch import nn

from sebench import counters
from sebench.errors import BuildError
from sebench.inputs import Inputs
from sebench.outputs import in_known_containers, output_tensors
from sebench.surgery.capture import capture
from sebench.surgery.gates import find_gates
from sebench.surgery.proof import prove
from tests import gated
from tests.unit.surgery.conftest import SHAPE, found_in

COSTS = {
    # Down from 4 to 2 with bias, up to 2 x 4 with bias: 10 + 24 parameters, 8 + 16 MACs.
    "split": (34, 24),
    # One layer from 4 to 4 with bias.
    "context": (20, 16),
}


@pytest.mark.parametrize("name", sorted(gated.INLINE.keys() - {"also without extent"}))
def test_the_network_without_it_is_the_network_with_its_gates_at_one(name, found, captured):
    subject = found(name)
    proof = prove(
        subject.network,
        captured(name).without_gates(),
        Inputs((torch.zeros(SHAPE),)),
        subject.recording,
        subject.gates,
        captured=captured(name).as_it_is(),
    )
    assert proof.difference == 0  # the same ops on the same values
    assert proof.effect > 0.01
    assert (proof.params, proof.macs) == COSTS.get(name, (gated.PARAMS, gated.MACS))


def test_what_also_works_elsewhere_stays_there(found, captured):
    subject = found("also without extent")
    stripped = captured("also without extent").without_gates()
    proof = prove(subject.network, stripped, Inputs((torch.zeros(SHAPE),)), subject.recording, subject.gates)
    assert (proof.params, proof.macs) == (0, gated.MACS)


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_graph_costs_what_the_network_costs(phase):
    network = gated.build("inline").train(phase == "training")
    asis = capture(network, Inputs((torch.zeros(SHAPE),))).as_it_is()
    one, other = (counters.count(each, SHAPE, phase=phase) for each in (network, asis))
    assert one.params == other.params
    for cost in ("macs", "flops", "bytes_read", "bytes_written"):
        assert sum(getattr(row, cost) for row in one.ops) == sum(getattr(row, cost) for row in other.ops)
    assert sum(row.saved_bytes for row in one.saved) == sum(row.saved_bytes for row in other.saved)


@pytest.mark.parametrize("name", gated.INLINE)
def test_each_gate_is_a_module(name, captured):
    asis = captured(name).as_it_is()
    (gate,) = find_gates(counters.record(asis, SHAPE))
    (as_written,), (path,) = captured(name).gates, captured(name).paths
    assert not list(asis.get_submodule(gate.gate.path).parameters())  # those are its arguments
    assert gate.gate.path == (f"{path}.gate" if path else "gate")
    assert (gate.gate.params, gate.gate.macs) == (as_written.gate.params, as_written.gate.macs)


def test_gates_of_one_module_are_told_apart(captured):
    names = [name for name, _ in captured("called twice").as_it_is().named_modules() if "gate" in name]
    assert names == ["attention.gate", "attention.gate_2"]


def test_parameters_keep_their_names_and_are_shared(found, captured):
    network = found("inline").network
    own = network.state_dict(keep_vars=True)
    asis = captured("inline").as_it_is().state_dict(keep_vars=True)
    stripped = captured("inline").without_gates().state_dict(keep_vars=True)
    assert {name: id(tensor) for name, tensor in asis.items()} == {
        name: id(tensor) for name, tensor in own.items()
    }
    assert list(stripped) == [name for name in own if not name.startswith("attention.")]
    assert all(stripped[name] is own[name] for name in stripped)


def test_nothing_is_left_of_what_only_fed_a_gate(captured):
    stripped = captured("inline").without_gates()
    assert [name for name, _ in stripped.named_modules()] == ["", "conv", "norm", "head"]
    assert find_gates(counters.record(stripped, SHAPE)) == ()


class NamedOutput(NamedTuple):
    logits: torch.Tensor
    more: torch.Tensor | None = None


@dataclass
class Output:
    """As a network of several results returns."""

    logits: torch.Tensor
    more: list
    name: str = "net"


OUTPUTS = {
    "tuple": lambda y: (y, [y + 1]),
    "dict": lambda y: {"out": y, "nothing": None},
    "named": NamedOutput,
    "dataclass": lambda y: Output(logits=y, more=[{"deep": y + 1}]),
    "nested": lambda y: {"out": Output(logits=y, more=[])},
    "object": lambda y: SimpleNamespace(logits=y),
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_outputs_of_any_kind(kind):
    class Returning(gated.Inline):
        def forward(self, x):
            return OUTPUTS[kind](super().forward(x))

    network = Returning().eval()
    subject, graph = found_in(network), capture(network, Inputs((torch.zeros(SHAPE),)))
    assert "forward" not in vars(network)  # which returns what it returned
    prove(
        network,
        graph.without_gates(),
        Inputs((torch.zeros(SHAPE),)),
        subject.recording,
        subject.gates,
        captured=graph.as_it_is(),
    )
    expected, found = (output_tensors(each(torch.ones(SHAPE))) for each in (network, graph.as_it_is()))
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))


def test_what_torch_has_no_container_for_becomes_one():
    output = Output(logits=torch.ones(1), more=[torch.float32, SimpleNamespace(deep=torch.zeros(1))])
    assert in_known_containers(output) == {
        "logits": torch.ones(1),
        "more": [None, (torch.zeros(1),)],
        "name": "net",
    }


def test_nodes_may_be_called_as_a_module_cannot():
    class Casting(gated.Inline):
        def forward(self, x):
            return super().forward(x.to(torch.float64).to(torch.float32).type(torch.float32))

    graph = capture(Casting().eval(), Inputs((torch.zeros(SHAPE),)))
    assert "to" in graph.steps
    asis = graph.as_it_is()
    assert (type(asis).__name__, torch.fx.GraphModule.__name__) == ("Casting", "GraphModule")
    assert not [node for node in asis.graph.nodes if "assert" in node.name]
    assert asis(torch.zeros(SHAPE)).shape == (1, 5)


class Normed(gated.Excitation):
    """With statistics of its own."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(gated.HIDDEN)

    def forward(self, x):
        return torch.sigmoid(self.up(self.norm(self.down(x.mean((2, 3))))))[:, :, None, None]


def test_training_is_captured_with_its_statistics():
    network = gated.Inline()
    network.attention = Normed()
    batch = torch.randn(4, *SHAPE[1:])
    graph = capture(network.train(), Inputs((batch,)))
    asis, stripped = graph.as_it_is(), graph.without_gates()
    assert list(asis.state_dict()) == list(network.state_dict())
    assert not [name for name in stripped.state_dict() if name.startswith("attention.")]
    asis(batch).sum().backward()
    # Of the batches that the network has seen: this one.
    assert (network.norm.num_batches_tracked, network.attention.norm.num_batches_tracked) == (1, 1)
    assert network.attention.up.weight.grad is not None
    with pytest.raises(NotImplementedError, match="training mode"):
        asis.eval()
    assert asis.train() is asis


def test_a_captured_network_keeps_its_mode(captured):
    asis = captured("inline").as_it_is()
    assert asis.eval() is asis
    with pytest.raises(NotImplementedError, match="evaluation mode"):
        asis.train()


def test_without_data_it_is_captured_as_well():
    network = gated.build("inline").to("meta")
    stripped = capture(network, Inputs((torch.empty(SHAPE, device="meta"),))).without_gates()
    assert stripped(torch.empty(SHAPE, device="meta")).shape == (1, 5)


def test_a_network_that_export_refuses_is_refused_in_one_line(capfd):
    class ByValue(gated.Inline):
        def forward(self, x):
            x = super().forward(x)
            return x if x.sum() > 0 else -x

    network = ByValue().eval()
    with pytest.raises(
        BuildError, match=r"^ByValue cannot be captured by torch.export: \w+: .*; name "
    ) as refused:
        capture(network, Inputs((torch.zeros(SHAPE),)))
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")
    assert network(torch.zeros(SHAPE)).shape == (1, 5)  # and it runs as before


def test_a_gate_in_a_region_of_its_own_is_refused_in_one_line():
    class Region(gated.Inline):
        def attend(self, x):
            with torch.no_grad():
                return super().attend(x)

    graph = capture(Region().eval(), Inputs((torch.zeros(SHAPE),)))
    with pytest.raises(BuildError, match="in a region of its own"):
        graph.without_gates()
    with pytest.raises(BuildError, match="in a region of its own"):
        graph.as_it_is()
