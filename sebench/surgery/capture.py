"""A network captured as a graph of aten ops, in which each gate can be a module, or gone.

For networks that compute attention among other things of a module, so that no module can be replaced.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType
from typing import cast

import torch
from torch import fx, nn

from sebench import counters
from sebench.counters.recording import Recording
from sebench.errors import BuildError, SebenchError
from sebench.inputs import Inputs
from sebench.models.usercode import describe
from sebench.surgery import graphs
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.gates import FoundGate, find_gates
from sebench.surgery.liveness import drop_of, has_to_be_copied
from sebench.surgery.removal import Passthrough

_HINT = "name two factories instead, one of them without attention"


@dataclass(frozen=True, slots=True)
class Captured:
    """A captured network, before anything is done with its gates.

    What it makes shares its parameters with the network that was captured, under the same names. It runs on
    inputs of the shape, on the device and in the mode of its capture.
    """

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

    def as_it_is(self) -> nn.Module:
        """The network, each gate a module of its own, called after the module that computes it.

        A gate that shares what it computes with something else stays where it is.

        Raises:
            BuildError: A gate is in a region of its own.
        """
        network = _module(self.program, training=self.training)
        nodes = {node.name: node for node in network.graph.nodes}
        taken = {name for name, _ in network.named_modules()}
        for gate, path in zip(self.gates, self.paths, strict=True):
            drop = drop_of(self.recording, [gate])
            product = nodes[self._product(gate, path)]
            part = [*graphs.nodes_of(network.graph, self.steps, drop), product]
            if gate.body <= drop.ops and graphs.is_movable(part, product):
                graphs.make_module(network, _free_name(path, taken), part, product)
        network.recompile()
        return network

    def without_gates(self) -> nn.Module:
        """The network with every gate taken out, and what only fed them.

        Raises:
            BuildError: A gate is in a region of its own, or the graph still needs what fed it.
        """
        return self._stripped(None)

    def with_places(self) -> tuple[nn.Module, tuple[str, ...]]:
        """As `without_gates`, with a module in the place of each gate that hands the feature map on.

        Returns:
            The network, and the paths of these modules, one for each gate.

        Raises:
            BuildError: As for `without_gates`.
        """
        places: dict[int, str] = {}
        return self._stripped(places), tuple(places[gate.product] for gate in self.gates)

    def _stripped(self, places: dict[int, str] | None) -> nn.Module:
        network = _module(self.program, training=self.training)
        nodes = {node.name: node for node in network.graph.nodes}
        taken = {name for name, _ in network.named_modules()}
        flow = Dataflow(self.recording)
        drop = drop_of(self.recording, self.gates)
        dead = graphs.nodes_of(network.graph, self.steps, drop)
        for gate, path in zip(self.gates, self.paths, strict=True):
            product = nodes[self._product(gate, path)]
            feature = self._feature(product, gate)
            if has_to_be_copied(flow, gate):
                with network.graph.inserting_before(product):
                    feature = network.graph.call_function(torch.ops.aten.clone.default, (feature,))
            if places is not None:
                places[gate.product] = _free_name(path, taken)
                network.add_submodule(places[gate.product], Passthrough())
                with network.graph.inserting_before(product):
                    feature = network.graph.call_module(places[gate.product], (feature,))
            product.replace_all_uses_with(feature)
            network.graph.erase_node(product)
        graphs.erase(network, dead)
        network.recompile()
        return network

    def _product(self, gate: FoundGate, path: str) -> str:
        """The node that does nothing but the product of a gate."""
        name = _step_of(self.steps, gate)
        if len(self.steps[name]) > 1:
            raise BuildError(
                f"the attention in '{path}' is in a region of its own (autocast, no_grad), out of"
                " which it cannot be taken",
                hint=_HINT,
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
    program = _exported(network, inputs)
    stepped = _module(program, training=network.training)
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


def _exported(network: nn.Module, inputs: Inputs) -> torch.export.ExportedProgram:
    try:
        with _silence():
            return torch.export.export(network, inputs.args, dict(inputs.kwargs), strict=False)
    except SebenchError:
        raise
    except Exception as error:
        raise BuildError(
            f"{type(network).__name__} cannot be captured by torch.export: {describe(error)}",
            hint=_HINT,
        ) from error


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what torch.export says to itself: where it fails, it prints the graph that it has by then."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _module(program: torch.export.ExportedProgram, *, training: bool) -> fx.GraphModule:
    """A new module that runs a program, without the checks of its inputs, which would take time."""
    with _silence():
        network = program.module(check_guards=False)
    network._forward_pre_hooks.clear()
    network._forward_hooks.clear()
    network._forward_pre_hooks_with_kwargs.clear()
    network._forward_hooks_always_called.clear()
    network.training = training
    network.train = MethodType(_train, network)  # type: ignore[method-assign]
    network.eval = MethodType(_eval, network)  # type: ignore[method-assign]
    return network


def _train(network: nn.Module, mode: bool = True) -> nn.Module:
    """In place of ``train``: a graph has the mode of its capture."""
    if mode is not network.training:
        captured = "training" if network.training else "evaluation"
        raise NotImplementedError(f"it was captured in {captured} mode")
    return network


def _eval(network: nn.Module) -> nn.Module:
    return _train(network, mode=False)


def _free_name(owner: str, taken: set[str]) -> str:
    prefix = f"{owner}.gate" if owner else "gate"
    name, count = prefix, 1
    while name in taken:
        count += 1
        name = f"{prefix}_{count}"
    taken.add(name)
    return name
