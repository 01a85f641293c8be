"""torch.compile: the code that inductor generates for a network, which is read and not run."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import torch
from torch import nn

from sebench.errors import WorkerError
from sebench.graphs import Graph, Node
from sebench.graphs.graph import Shape
from sebench.graphs.inductor import graph_of
from sebench.profilers.graphs.reading import Reading
from sebench.profilers.inputs import OwnInput
from sebench.profilers.runtimes.compiled import prepare
from sebench.profilers.runtimes.eager import Batch
from sebench.schema import Workload


def read(module: nn.Module, own: OwnInput, workload: Workload) -> Reading:
    """The graph that a network is compiled to, as `sebench.profilers.runtimes.compiled` has it compiled.

    Kernels are generated and not built, so it needs no C++ compiler. Where the network breaks into several
    graphs, they follow each other.

    Args:
        module: the network, as built.
        own: what it is fed.
        workload: one that the runtime supports.

    Raises:
        WorkerError: nothing was generated.
    """
    from torch._inductor import config  # noqa: PLC0415 - takes a second
    from torch._inductor.utils import get_code  # noqa: PLC0415

    step = prepare(module, Batch(input=own, seed=0), workload).run
    try:
        with config.patch(force_disable_caches=True):
            codes = [code for code in get_code(step) if code.strip()]
    finally:
        torch._dynamo.reset()  # what was generated does nothing when it is called
    if not codes:
        raise WorkerError(f"--runtime {workload.runtime} generates no code for {type(module).__name__}")
    fed: list[Shape] = [tuple(tensor.shape) for tensor in own.tensors]
    graphs = []
    for number, code in enumerate(codes):
        graph = graph_of(code, fed)
        graphs.append(_renamed(graph, f"{number}:") if len(codes) > 1 else graph)
        fed += [graph.shape(value) for value in graph.outputs]
    return Reading(_joined(graphs))


def _renamed(graph: Graph, prefix: str) -> Graph:
    """With names that no other graph has."""

    def own(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"{prefix}{name}" for name in names)

    nodes = [_own_node(node, own(node.inputs), own(node.outputs), prefix) for node in graph.nodes]
    return replace(
        graph,
        nodes=tuple(nodes),
        inputs=own(graph.inputs),
        outputs=own(graph.outputs),
        shapes=MappingProxyType({f"{prefix}{name}": shape for name, shape in graph.shapes.items()}),
        constants=frozenset(f"{prefix}{name}" for name in graph.constants),
    )


def _own_node(node: Node, inputs: tuple[str, ...], outputs: tuple[str, ...], prefix: str) -> Node:
    return replace(node, name=f"{prefix}{node.name}", inputs=inputs, outputs=outputs)


def _joined(graphs: list[Graph]) -> Graph:
    shapes: dict[str, Shape] = {}
    for graph in graphs:
        shapes.update(graph.shapes)
    return replace(
        graphs[0],
        nodes=tuple(node for graph in graphs for node in graph.nodes),
        inputs=tuple(value for graph in graphs for value in graph.inputs),
        outputs=graphs[-1].outputs,
        shapes=MappingProxyType(shapes),
        constants=frozenset[str]().union(*(graph.constants for graph in graphs)),
    )
