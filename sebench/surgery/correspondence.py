"""Values of a network's forward pass found again in its captured graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import fx

from sebench.counters.recording import ModuleCall, Op, Recording
from sebench.counters.scope import OpKey, OpNumbers
from sebench.surgery import graphs


@dataclass(frozen=True)
class Correspondence:
    """Two recordings of one network: as its author wrote it, and of its captured graph.

    An op is the same in both if it has the same name and is the nth of that name in the same module. What
    else the mode or the capture changes (dropout, counters of norms) does not matter.

    Args:
        written: The forward pass of the network.
        stepped: That of its graph, each call of which is a `graphs.Step`.
        nodes: Nodes of the graph by name.
    """

    written: Recording
    stepped: Recording
    nodes: Mapping[str, fx.Node]

    def node_of(self, value: int) -> str | None:
        """The node that returns a value of `written`; None where no node does."""
        producer = self.written.values[value].producer
        index = None if producer is None else self._same(producer)
        if producer is None or index is None:
            return None
        own, other = self.written.ops[producer], self.stepped.ops[index]
        made = other.outputs[own.outputs.index(value)] if len(own.outputs) == len(other.outputs) else None
        if made is None or self.stepped.values[made].shape != self.written.values[value].shape:
            return None
        steps = (call for call in self._steps if call.is_bare and call.outputs == (made,))
        return next((graphs.step_name(call.path) for call in steps), None)

    def node_of_op(self, index: int) -> str | None:
        """The node that comes to an op of `written`; None where there is none."""
        same = self._same(index)
        if same is None:
            return None
        return next(graphs.step_name(call.path) for call in self._steps if call.first <= same < call.last)

    def _same(self, index: int) -> int | None:
        return self._by_key.get(self._keys[index])

    @cached_property
    def _steps(self) -> tuple[ModuleCall, ...]:
        return tuple(call for call in self.stepped.calls if graphs.is_step(call.path))

    @cached_property
    def _keys(self) -> tuple[OpKey, ...]:
        return tuple(_keys((op, op.module) for op in self.written.ops))

    @cached_property
    def _by_key(self) -> dict[OpKey, int]:
        owners = {
            index: graphs.owner(self.nodes[graphs.step_name(call.path)])
            for call in self._steps
            for index in range(call.first, call.last)
        }
        keys = _keys((op, owners[index]) for index, op in enumerate(self.stepped.ops))
        return {key: index for index, key in enumerate(keys)}


def _keys(ops: Iterator[tuple[Op, str]]) -> Iterator[OpKey]:
    numbers = OpNumbers()
    for op, module in ops:
        yield numbers.key(module, op.plain_name)
