"""Attention put into a captured graph: in the places of its gates, or where the paper puts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from sebench.counters.recording import Recording
from sebench.schema import Variant
from sebench.surgery.boundaries import Boundary
from sebench.surgery.capture import Captured
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.insertion import put_in
from sebench.surgery.places import Place
from sebench.surgery.points import find_points


def replace_captured(captured: Captured, variant: Variant, seed: int) -> nn.Module:
    """Put other attention in the places of the gates of a captured network.

    Args:
        captured: The network, whose gates may be written inline.
        variant: Any but the plain one.
        seed: Of the attention's weights, which depend on it and on their path alone.

    Raises:
        BuildError: A gate cannot be taken out of the graph.
        VariantError: The variant does not fit these places.
    """
    flow = Dataflow(captured.recording)
    network, paths = captured.with_passthroughs()
    places = [
        Place(
            block=path,
            boundary=Boundary(path, path),
            value=gate.feature,
            add=None,
            shape=flow.value(gate.feature).shape,
            stage=gate.gate.stage,
        )
        for gate, path in zip(captured.gates, paths, strict=True)
    ]
    return put_in(network, places, variant, seed)


def put_in_captured(
    captured: Captured, recording: Recording, places: Sequence[Place], variant: Variant, seed: int
) -> nn.Module:
    """Put attention into a captured network without gates, also where no module ends.

    Args:
        captured: The network.
        recording: The forward pass of the network that was captured, in evaluation mode.
        places: Found in that; where attention goes.
        variant: Any but the plain one.
        seed: Of the attention's weights, which depend on it and on their path alone.

    Raises:
        BuildError: The graph has no such place.
        VariantError: The variant does not fit these places.
    """
    network, paths = captured.with_passthroughs_at(find_points(captured, recording, places))
    stood_in = [
        replace(place, boundary=Boundary(path, path)) for place, path in zip(places, paths, strict=True)
    ]
    return put_in(network, stood_in, variant, seed)
