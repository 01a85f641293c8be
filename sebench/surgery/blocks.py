"""What the blocks of a network are, and which value each of them ends with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from torch import nn

from sebench.counters.recording import ModuleCall, Op
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.residuals import CONVOLUTIONS, Branches

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
class Blocks:
    """Finds the blocks of a network by its recording.

    Args:
        flow: The recording.
        modules: The network's modules by path.
    """

    flow: Dataflow
    modules: Mapping[str, nn.Module]

    @cached_property
    def residual(self) -> tuple[Ending, ...]:
        """The end of each residual branch before its add.

        A block is the innermost module that computes a branch and its add. Where blocks of one class have
        several (a mixer and an MLP), only the last add of each counts.
        """
        ends: dict[int, list[Ending]] = {}
        for residual in Branches(self.flow).residuals:
            block = next(
                call
                for call in self.flow.recording.calls
                if call.first <= residual.ops[0] and residual.add < call.last
            )
            ends.setdefault(id(block), []).append(Ending(block, residual.branch, residual.add))
        classes = Counter(self._class(found[0].block) for found in ends.values())
        return tuple(
            end
            for found in ends.values()
            for end in found
            if classes[self._class(end.block)] == 1 or end.add == found[-1].add
        )

    @cached_property
    def concatenated(self) -> tuple[Ending, ...]:
        """The output of each module that ends with a concatenation along the channels, shuffled or not.

        A concatenation that goes straight into another one, or a module within another one of these, is part
        of a block: layers of a DenseNet, inner branches of an Inception module. A single one is no block.
        """
        ends: dict[int, Ending] = {}
        for call in self.flow.recording.calls:
            value = self._feature_map(call)
            joined = None if value is None else self._concatenation(call, value)
            if value is not None and joined is not None and call.path:
                ends.setdefault(joined, Ending(call, value))  # the innermost module that ends with it
        found = [
            end
            for end in ends.values()
            if not any(_is_within(end.block, other.block) for other in ends.values())
        ]
        return tuple(found) if len(found) > 1 else ()

    @cached_property
    def chained(self) -> tuple[Ending, ...]:
        """The output of each module of a chain: modules of one class of the author's, one after the other.

        Only the innermost chains of modules that hold two convolutions; if there are none, of one.
        """
        chains = [chain for chain in self._chains() if all(self._convolutions(call) > 1 for call in chain)]
        chains = chains or list(self._chains())
        innermost = [
            chain
            for chain in chains
            if not any(_is_within(inner, call) for other in chains for inner in other for call in chain)
        ]
        calls = sorted((call for chain in innermost for call in chain), key=lambda call: call.first)
        return tuple(Ending(call, call.outputs[0]) for call in calls)

    def siblings(self, blocks: Iterable[ModuleCall]) -> Iterator[ModuleCall]:
        """Blocks without an add of their own: they stride or change the width where the others add.

        These are modules of the class of a block, and modules beside blocks (paths that differ by numbers
        alone) with two convolutions; each gives one feature map, and none holds a block or is part of one.
        """
        blocks = [block for block in blocks if block.path]
        own = {"", *(block.path for block in blocks)}
        classes = {self._class(block) for block in blocks}
        patterns = {_pattern(block.path) for block in blocks}
        found: list[ModuleCall] = []
        for call in reversed(self.flow.recording.calls):  # outer modules first
            alike = self._class(call) in classes
            beside = _pattern(call.path) in patterns and self._convolutions(call) > 1
            if (
                call.path not in own
                and (alike or beside)
                and self._feature_map(call) is not None
                and not any(
                    _is_within(one, other) for each in (*blocks, *found) for one, other in _both(call, each)
                )
            ):
                found.append(call)
        yield from reversed(found)

    def _chains(self) -> Iterator[list[ModuleCall]]:
        groups: dict[tuple[type[nn.Module], str], list[ModuleCall]] = {}
        for call in self.flow.recording.calls:
            module = self.modules[call.path]
            owned = not type(module).__module__.startswith("torch.") and next(module.children(), None)
            if owned is not None and owned is not False and self._feature_map(call) is not None:
                groups.setdefault((type(module), _pattern(call.path)), []).append(call)
        for group in groups.values():
            if any(self._takes(after, before) for before, after in pairwise(group)):
                yield group

    def _takes(self, after: ModuleCall, before: ModuleCall) -> bool:
        given = {self.flow.behind_views(value) for value in after.arguments.values()}
        return self.flow.behind_views(before.outputs[0]) in given

    def _feature_map(self, call: ModuleCall) -> int | None:
        """The one feature map that a call returns, if it has convolutions over the same positions."""
        if len(call.outputs) != 1 or not self._convolutions(call):
            return None
        return call.outputs[0]

    def _convolutions(self, call: ModuleCall) -> int:
        """How many convolutions of a call work on the positions of what it returns."""
        if len(call.outputs) != 1:
            return 0
        return sum(
            self._works_on(op, call.outputs[0]) for op in self.flow.recording.ops[call.first : call.last]
        )

    def _works_on(self, op: Op, value: int) -> bool:
        if op.plain_name not in CONVOLUTIONS or not self.flow.spatial[value]:
            return False
        made, returned = self.flow.value(op.outputs[0]).shape, self.flow.value(value).shape
        return len(made) == len(returned) and made[2:] == returned[2:]

    def _concatenation(self, call: ModuleCall, value: int) -> int | None:
        """Index of the concatenation along the channels that a call ends with, and that enters no other."""
        shape = self.flow.value(value).shape
        op = self.flow.producer(value)
        while op is not None and (op.is_view or op.plain_name in _MOVES):
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

    def _class(self, call: ModuleCall) -> type[nn.Module]:
        return type(self.modules[call.path])


def _pattern(path: str) -> str:
    return re.sub(r"\d+", "#", path)


def _is_within(inner: ModuleCall, outer: ModuleCall) -> bool:
    return inner.path != outer.path and (not outer.path or inner.path.startswith(f"{outer.path}."))


def _both(one: ModuleCall, other: ModuleCall) -> tuple[tuple[ModuleCall, ModuleCall], ...]:
    return (one, other), (other, one)
