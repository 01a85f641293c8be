"""Attention in the places of the gates that a network has."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from sebench.counters.recording import Recording
from sebench.errors import BuildError
from sebench.schema import Variant
from sebench.surgery.boundaries import NAME, Boundary
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.gates import FoundGate
from sebench.surgery.insertion import put_in
from sebench.surgery.places import Place
from sebench.surgery.removal import Passthrough, take_out


def replace_gates(
    network: nn.Module, recording: Recording, gates: Sequence[FoundGate], variant: Variant, seed: int
) -> nn.Module:
    """Put other attention in the places of gates, in place.

    Each gate's module gives way to a `Passthrough` with the attention as its child, which is so called with
    the feature map alone. Gates in stages that the variant leaves out are gone all the same.

    Args:
        network: The network of the recording; the one that is returned.
        recording: Its forward pass.
        gates: What was found in it.
        variant: Any but the plain one.
        seed: Of the attention's weights, which depend on it and on their path alone.

    Raises:
        BuildError: A gate is no module of its own, or its module does other work as well.
        VariantError: The variant does not fit these places.
    """
    flow = Dataflow(recording)
    arguments = _arguments(network, flow, gates)
    take_out(network, {path: Passthrough(argument) for path, argument in arguments.items()})
    places = {gate.gate.path: _place(flow, gate, gate.gate.path) for gate in gates}
    return put_in(network, tuple(places.values()), variant, seed)


def _arguments(network: nn.Module, flow: Dataflow, gates: Sequence[FoundGate]) -> dict[str, int | str]:
    """Module of each gate -> the argument that is its feature map."""
    found: dict[str, list[int | str]] = {}
    for gate in gates:
        if gate.call is None or gate.gate.kind == "split":
            raise BuildError(
                f"{type(network).__name__} computes attention in {gate.gate.path!r} among other things",
                hint="capture the network first",
            )
        feature = flow.behind_views(gate.feature)
        given = (key for key, value in gate.call.arguments.items() if flow.behind_views(value) == feature)
        found.setdefault(gate.call.path, []).append(next(given))
    for path, keys in found.items():
        if len(set(keys)) > 1 or len(keys) != sum(call.path == path for call in flow.recording.calls):
            raise BuildError(
                f"module {path!r} of {type(network).__name__} is attention in some of its calls only",
                hint="capture the network first",
            )
    return {path: keys[0] for path, keys in found.items()}


def _place(flow: Dataflow, gate: FoundGate, path: str) -> Place:
    return Place(
        block=path,
        boundary=Boundary(path, f"{path}.{NAME}"),
        value=gate.feature,
        add=None,
        shape=flow.value(gate.feature).shape,
        stage=gate.gate.stage,
    )
