"""Where in a captured graph the places for attention are that were found in the network."""

from __future__ import annotations

from collections.abc import Sequence

from sebench.counters.recording import Recording
from sebench.errors import BuildError
from sebench.surgery.boundaries import NAME
from sebench.surgery.capture import Captured, Point, within
from sebench.surgery.correspondence import Correspondence
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.places import WRITE_BOTH, Place


def find_points(captured: Captured, recording: Recording, places: Sequence[Place]) -> tuple[Point, ...]:
    """Find each place in the graph.

    Where an add takes what attention sees and something else does too, attention is for the add alone.

    Args:
        captured: The network as a graph.
        recording: The forward pass of the network that was captured, in evaluation mode.
        places: Found in that.

    Raises:
        BuildError: The graph has no such place.
    """
    nodes = {node.name: node for node in captured.program.graph.nodes}
    same, flow = Correspondence(recording, captured.recording, nodes), Dataflow(recording)
    found = []
    for place in places:
        node, taker = same.node_of(place.value), None
        if place.add is not None and sum(1 for _ in flow.consumers(place.value)) > 1:
            taker = same.node_of_op(place.add)
            if taker is None or node is None or nodes[node] not in nodes[taker].all_input_nodes:
                node = None
        if node is None:
            raise BuildError(
                f"what attention should see in block {place.block!r} is not in the captured graph",
                hint=WRITE_BOTH,
            )
        path = within(place.block, NAME) if place.boundary is None else place.boundary.site
        found.append(Point(node=node, taker=taker, path=path))
    return tuple(found)
