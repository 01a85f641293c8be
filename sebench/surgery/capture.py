"""A network captured as a graph of aten ops, in which each gate can be a module, or gone.

For networks that compute attention among other things of a module, so that no module can be replaced.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import fx, nn

from sebench import counters
from sebench.counters.recording import Recording
from sebench.errors import BuildError
from sebench.inputs import Inputs
from sebench.surgery import graphs
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.exporting import HINT, exported, module_of
from sebench.surgery.gates import FoundGate, find_gates
from sebench.surgery.liveness import drop_of, has_to_be_copied
from sebench.surgery.removal import Passthrough


@dataclass(frozen=True, slots=True)
class Point:
    """A place for a module in a captured graph."""

    node: str
    """What it is given."""
    taker: str | None
    """The node that takes what it returns; None if all do that take `node`."""
    path: str
    """That the module gets."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A captured network, before anything is done with its gates.

    What it makes shares its parameters with the network that was captured, under the same names. It runs on
    inputs of the shape, on the device and in the mode of its capture.
    """

    name: str
    """Of the network's class."""
    program: torch.export.ExportedProgram
    recording: Recording
    """Its forward pass."""
    gates: tuple[FoundGate, ...]
    """As they were found in that: in order of execution, each in the step of its product."""
    paths: tuple[str, ...]
    """The module of the author that each gate is in."""
    steps: Mapping[str, range]
    """Indices of the ops that each node of the graph comes to; of nodes that are calls."""
    training: bool
    """The mode."""

    def as_it_is(self, without: Collection[int] = ()) -> nn.Module:
        """The network, each gate a module of its own, called after the module that computes it.

        A gate that shares what it computes with something else stays where it is.

        Args:
            without: Numbers of gates that are taken out, with what only fed them.

        Raises:
            BuildError: A gate is in a region of its own, or the graph still needs what fed one that is taken
                out.
        """
        network = self.module()
        names = _free_names(network, [within(path, "gate") for path in self.paths])
        if without:
            self._strip(network, sorted(without))
        nodes = {node.name: node for node in network.graph.nodes}
        for number, (gate, path, name) in enumerate(zip(self.gates, self.paths, names, strict=True)):
            if number in without:
                continue
            drop = drop_of(self.recording, [gate])
            product = nodes[self._product(gate, path)]
            part = [*graphs.nodes_of(network.graph, self.steps, drop), product]
            if gate.body <= drop.ops and graphs.is_movable(part, product):
                graphs.make_module(network, name, part, product)
        network.recompile()
        return network

    def without_gates(self) -> nn.Module:
        """The network with every gate taken out, and what only fed them.

        Raises:
            BuildError: A gate is in a region of its own, or the graph still needs what fed it.
        """
        network = self.module()
        self._strip(network, range(len(self.gates)))
        return network

    def with_passthroughs(self) -> tuple[nn.Module, tuple[str, ...]]:
        """As `without_gates`, with a `Passthrough` in the place of each gate.

        Returns:
            The network, and the paths of these modules, one for each gate.

        Raises:
            BuildError: As for `without_gates`.
        """
        network = self.module()
        paths = _free_names(network, [within(path, "gate") for path in self.paths])
        self._strip(network, range(len(self.gates)), paths)
        return network, paths

    def with_passthroughs_at(
        self, points: Sequence[Point], *, copies: bool = False
    ) -> tuple[nn.Module, tuple[str, ...]]:
        """The network as it is, with a `Passthrough` at each point.

        Args:
            points: Where, in order of execution.
            copies: Whether each returns a copy, as attention does not return what it is given either.

        Returns:
            The network, and the paths of these modules, one for each point.
        """
        network = self.module()
        nodes = {node.name: node for node in network.graph.nodes}
        paths = _free_names(network, [point.path for point in points])
        for point, path in zip(points, paths, strict=True):
            taker = None if point.taker is None else nodes[point.taker]
            graphs.call_after(network, path, Passthrough(copies=copies), nodes[point.node], taker)
        network.recompile()
        return network, paths

    def module(self) -> fx.GraphModule:
        """The graph as a module, its parameters those of the network."""
        return module_of(self.program, training=self.training, name=self.name)

    def _strip(self, network: fx.GraphModule, numbers: Sequence[int], paths: Sequence[str] = ()) -> None:
        """Take out some gates, in place; where paths are given, with a module in the place of each."""
        nodes = {node.name: node for node in network.graph.nodes}
        flow = Dataflow(self.recording)
        drop = drop_of(self.recording, [self.gates[number] for number in numbers])
        dead = graphs.nodes_of(network.graph, self.steps, drop)
        for number in numbers:
            gate = self.gates[number]
            product = nodes[self._product(gate, self.paths[number])]
            feature = self._feature(product, gate)
            if has_to_be_copied(flow, gate):
                with network.graph.inserting_before(product):
                    feature = network.graph.call_function(torch.ops.aten.clone.default, (feature,))
            if paths:
                network.add_submodule(paths[number], Passthrough())
                with network.graph.inserting_before(product):
                    feature = network.graph.call_module(paths[number], (feature,))
            product.replace_all_uses_with(feature)
            network.graph.erase_node(product)
        graphs.erase(network, dead)
        network.recompile()

    def product(self, number: int) -> str:
        """The node that does nothing but the product of a gate.

        Raises:
            BuildError: It is in a region of its own.
        """
        return self._product(self.gates[number], self.paths[number])

    def feature(self, number: int, product: fx.Node) -> fx.Node:
        """What goes into the product of a gate besides its values."""
        return self._feature(product, self.gates[number])

    def _product(self, gate: FoundGate, path: str) -> str:
        """The node that does nothing but the product of a gate."""
        name = _step_of(self.steps, gate)
        if len(self.steps[name]) > 1:
            raise BuildError(
                f"the attention in '{path}' is in a region of its own (autocast, no_grad), out of"
                " which it cannot be taken",
                hint=HINT,
            )
        return name

    def _feature(self, product: fx.Node, gate: FoundGate) -> fx.Node:
        """What goes into a product besides the values of its gate."""
        call = next(call for call in self.recording.calls if call.path == graphs.step_path(product.name))
        position = next(key for key, value in call.arguments.items() if value == gate.feature)
        given = product.args[position] if isinstance(position, int) else product.kwargs[position]
        return cast("fx.Node", given)


def capture(network: nn.Module, inputs: Inputs) -> Captured:
    """Capture a network in the mode in which it is.

    Args:
        network: Any module; only read.
        inputs: Of the batch size and on the device that it will run with.

    Raises:
        BuildError: Export refuses the network.
    """
    program = exported(network, inputs)
    name = type(network).__name__
    stepped = module_of(program, training=network.training, name=name)
    graphs.make_steps(stepped)
    recording = counters.record(stepped, tuple(next(inputs.tensors()).shape), inputs)
    steps = {
        graphs.step_name(call.path): range(call.first, call.last)
        for call in recording.calls
        if graphs.is_step(call.path)
    }
    gates = find_gates(recording)
    nodes = {node.name: node for node in program.graph.nodes}
    return Captured(
        name=name,
        program=program,
        recording=recording,
        gates=gates,
        paths=tuple(graphs.owner(nodes[_step_of(steps, gate)]) for gate in gates),
        steps=steps,
        training=network.training,
    )


def _step_of(steps: Mapping[str, range], gate: FoundGate) -> str:
    """The node that has the product of a gate."""
    return next(name for name, ops in steps.items() if gate.product in ops)


def within(owner: str, name: str) -> str:
    """The path of what is called so in a module."""
    return f"{owner}.{name}" if owner else name


def _free_names(network: nn.Module, wanted: Sequence[str]) -> tuple[str, ...]:
    """Paths that no module of a network has; later ones are numbered."""
    taken = {name for name, _ in network.named_modules()}
    found = []
    for each in wanted:
        name = next(name for name in _numbered(each) if name not in taken)
        taken.add(name)
        found.append(name)
    return tuple(found)


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{number}" for number in itertools.count(2))
