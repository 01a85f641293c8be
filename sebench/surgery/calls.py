"""Calls of modules in a recording: what they are made of, and what they return."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import nn

from sebench.counters.recording import ModuleCall
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.residuals import CONVOLUTIONS, convolves

_MOVES = frozenset({"clone", "channel_shuffle", "copy", "_to_copy"})


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a block's attention belongs."""

    block: ModuleCall
    value: int
    """What it attends to."""
    add: int | None = None
    """Index of the op that takes the value alone, where the block is a residual one."""


@dataclass(frozen=True)
class Calls:
    """A recording with the modules that it is of.

    Args:
        flow: The recording.
        modules: The network's modules by path.
    """

    flow: Dataflow
    modules: Mapping[str, nn.Module]

    def __iter__(self) -> Iterator[ModuleCall]:
        return iter(self.flow.recording.calls)

    @cached_property
    def by_class(self) -> Counter[type[nn.Module]]:
        """How many modules of a class run."""
        return Counter(type(self.modules[path]) for path in {call.path for call in self})

    def kind(self, call: ModuleCall) -> type[nn.Module]:
        """The class of the module."""
        return type(self.modules[call.path])

    def is_owned(self, call: ModuleCall) -> bool:
        """Whether a module is of the author's own making and has children."""
        is_torchs = self.kind(call).__module__.startswith("torch.")
        return not is_torchs and next(self.modules[call.path].children(), None) is not None

    def layers(self, call: ModuleCall) -> int:
        """How many ops multiply by weights or each other."""
        return sum(op.macs > 0 for op in self.flow.recording.ops[call.first : call.last])

    def macs(self, call: ModuleCall) -> int:
        """What a call computes."""
        return sum(op.macs for op in self.flow.recording.ops[call.first : call.last])

    def convolutions(self, call: ModuleCall) -> int:
        """How many convolutions have the channels or positions of what a call returns."""
        if len(call.outputs) != 1 or not self.flow.spatial[call.outputs[0]]:
            return 0
        ops = self.flow.recording.ops[call.first : call.last]
        return sum(convolves(self.flow, op, call.outputs[0]) for op in ops)

    def feature_map(self, call: ModuleCall) -> int | None:
        """The one feature map that a call returns, if it has convolutions for it."""
        return call.outputs[0] if self.convolutions(call) else None

    def goes_on(self, call: ModuleCall, index: int) -> bool:
        """Whether a call still convolves after an op."""
        return any(op.plain_name in CONVOLUTIONS for op in self.flow.recording.ops[index + 1 : call.last])

    def takes(self, after: ModuleCall, before: ModuleCall) -> bool:
        """Whether a call is given what another one returned."""
        given = {self.flow.behind_views(value) for value in after.arguments.values()}
        return self.flow.behind_views(before.outputs[0]) in given

    def concatenation(self, call: ModuleCall) -> int | None:
        """Index of the concatenation along the channels that a call ends with, and that enters no other.

        What it returns may be shuffled.
        """
        if len(call.outputs) != 1:
            return None
        value = call.outputs[0]
        shape = self.flow.value(value).shape
        op = self.flow.producer(value)
        while op is not None and op.inputs and (op.is_view or op.plain_name in _MOVES):
            value = op.inputs[0]
            op = self.flow.producer(value)
        index = self.flow.value(value).producer
        if op is None or op.plain_name != "cat" or index is None or self.flow.value(value).shape != shape:
            return None
        parts = [self.flow.value(part).shape for part in op.inputs if self.flow.spatial[part]]
        if len(parts) < 2 or sum(part[1] for part in parts if part[2:] == shape[2:]) != shape[1]:
            return None
        enters = any(taker.name == "cat" and value in taker.inputs for taker in self.flow.consumers(value))
        return index if call.first <= index < call.last and not enters else None


def pattern_of(path: str) -> str:
    """A path without its numbers, which is that of modules beside it, too."""
    return re.sub(r"\d+", "#", path)


def parent_of(path: str) -> str:
    """The module that holds another."""
    return path.rpartition(".")[0]


def is_within(inner: ModuleCall, outer: ModuleCall) -> bool:
    """Whether a module is part of another."""
    return inner.path != outer.path and (not outer.path or inner.path.startswith(f"{outer.path}."))
