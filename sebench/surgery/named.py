"""Attention that the user names by its class, instead of what data flow finds."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from sebench.counters.recording import ModuleCall, Recording
from sebench.errors import UsageError
from sebench.schema import Variant
from sebench.surgery.boundaries import NAME, Boundary
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.gates import FoundGate
from sebench.surgery.insertion import put_in
from sebench.surgery.places import Place, calls_of_class
from sebench.surgery.removal import Passthrough, take_out
from sebench.surgery.stages import stage_of


def named_sites(network: nn.Module, recording: Recording, name: str) -> tuple[str, ...]:
    """Paths of the modules of a class that the network runs, in order of execution.

    Raises:
        UsageError: it runs none.
    """
    return tuple(dict.fromkeys(call.path for call in calls_of_class(network, recording, name)))


def replace_named(
    network: nn.Module, recording: Recording, name: str, variant: Variant, seed: int
) -> nn.Module:
    """Take out the modules of a class, in place, and put other attention where they were.

    Args:
        network: The network of the recording; the one that is returned.
        recording: Its forward pass.
        name: Of the class.
        variant: What to put there; nothing if it is the plain one. Of the network as it was built, only those
            are taken out that it leaves out.
        seed: Of its weights, which depend on it and on their path alone.

    Raises:
        UsageError: The network runs no module of the class, or one that does not map a feature map to another
            of the same shape.
        VariantError: The variant does not fit these places.
    """
    flow = Dataflow(recording)
    arguments: dict[str, int | str] = {}
    places: dict[str, Place] = {}
    if variant.as_built:
        variant.require_gates(type(network).__name__, named_sites(network, recording, name))
    for call in calls_of_class(network, recording, name):
        if variant.as_built and call.path not in variant.without:
            continue
        argument = _feature_argument(flow, call, name)
        if arguments.setdefault(call.path, argument) != argument:
            raise UsageError(f"--attention-class {name}: {call.path!r} is called in several ways")
        places[call.path] = _place(flow, call)
    take_out(network, {path: Passthrough(argument) for path, argument in arguments.items()})
    return network if variant.kind is None else put_in(network, tuple(places.values()), variant, seed)


def gates_within(
    recording: Recording, paths: Sequence[str], gates: Sequence[FoundGate]
) -> tuple[FoundGate, ...]:
    """The gates that modules compute; none if one of the modules computes none, as far as data flow tells."""
    ranges = [range(call.first, call.last) for call in recording.calls if call.path in paths]
    within = tuple(gate for gate in gates if any(gate.product in each for each in ranges))
    return within if all(any(gate.product in each for gate in within) for each in ranges) else ()


def _feature_argument(flow: Dataflow, call: ModuleCall, name: str) -> int | str:
    shapes = {flow.value(output).shape for output in call.outputs}
    fitting = [key for key, value in call.arguments.items() if flow.value(value).shape in shapes]
    if len(call.outputs) != 1 or not fitting:
        raise UsageError(
            f"--attention-class {name}: {call.path!r} returns no feature map of the shape that it takes",
            hint="name the class of the modules that multiply, not of what they multiply with",
        )
    return fitting[0]


def _place(flow: Dataflow, call: ModuleCall) -> Place:
    shape = flow.value(call.outputs[0]).shape
    return Place(
        block=call.path,
        boundary=Boundary(call.path, f"{call.path}.{NAME}"),
        value=call.outputs[0],
        add=None,
        shape=shape,
        stage=stage_of(flow, shape),
    )
