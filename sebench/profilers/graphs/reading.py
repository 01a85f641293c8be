"""What a runtime says of the network that it runs: its graph, and where it can, what each node takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from sebench.graphs import Graph, GraphGate, Node, find_gates
from sebench.profilers.device import Step
from sebench.profilers.inputs import OwnInput
from sebench.schema import GateNodes, GraphNode, NodePart, RuntimeGraph, Workload
from sebench.schema.attention_kinds.channel import SQUEEZE_EXCITATION


@dataclass(frozen=True, slots=True)
class Reading:
    """A runtime's account of one network."""

    graph: Graph
    idle: frozenset[str] = frozenset()
    """Names of nodes that do not run."""
    times_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By node, one per step that counts."""


class Watched(Protocol):
    """A session of a runtime that says what it does."""

    run: Step
    """One step."""

    def note(self) -> None:
        """To be called after each step that counts, outside of what is timed."""

    def finish(self) -> Reading:
        """End the session, and read it."""


class Watch(Protocol):
    """Opens a session on a file, in which a runtime says what it does."""

    def __call__(self, file: Path, own: OwnInput, workload: Workload, folder: Path, /) -> Watched:
        """A session like those that are timed, except that it is watched.

        Args:
            file: as the runtime's `Write` makes it.
            own: what the network is fed.
            workload: threads and precision.
            folder: an empty one, which lives as long as the session.

        Raises:
            WorkerError: the runtime cannot run the file, or says nothing of it.
        """


def described(reading: Reading, steps_s: tuple[float, ...]) -> RuntimeGraph:
    """A reading with the part of each node that runs.

    Args:
        reading: of a session.
        steps_s: what its steps took as a whole.
    """
    graph = reading.graph
    gates = find_gates(graph)
    parts = dict(_gate_parts(gates))
    running = [node for node in graph.nodes if node.name not in reading.idle]
    return RuntimeGraph(
        nodes=tuple(_described(graph, node, parts, reading) for node in running),
        gates=tuple(_gate(gate) for gate in gates),
        idle=len(graph.nodes) - len(running),
        profiled_steps_s=steps_s if reading.times_s else (),
    )


def _gate_parts(gates: tuple[GraphGate, ...]) -> Iterator[tuple[str, NodePart]]:
    for gate in gates:
        found = (gate.squeeze, gate.excite, gate.scale)
        for part, names in zip(SQUEEZE_EXCITATION.part_names, found, strict=True):
            yield from ((name, cast("NodePart", part)) for name in names)


def _described(graph: Graph, node: Node, parts: Mapping[str, NodePart], reading: Reading) -> GraphNode:
    own: NodePart = "layer" if node.is_layer else "other"
    weights = [graph.shape(value) for value in graph.weights(node)]
    return GraphNode(
        name=node.name,
        op=node.op,
        ops=node.ops,
        part="reorder" if node.is_reorder else parts.get(node.name, own),
        weight=weights[0] if weights else (),
        shape=graph.shape(node.outputs[0]),
        times_s=reading.times_s.get(node.name, ()),
    )


def _gate(gate: GraphGate) -> GateNodes:
    return GateNodes(
        squeeze=gate.squeeze,
        excite=gate.excite,
        scale=gate.scale,
        channels=gate.channels,
        hidden=gate.hidden,
        reduction=gate.reduction,
        gate=gate.gate,
        stage=gate.stage,
    )
