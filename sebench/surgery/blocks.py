"""What the blocks of a network are, and which value each of them ends with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from torch import nn

from sebench.counters.recording import ModuleCall
from sebench.surgery.dataflow import Dataflow
from sebench.surgery.residuals import Branches, Residual, convolves

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
        several (a mixer and an MLP, also in modules of their own), only the last add of each counts; where a
        block concatenates what it added (the cells of NASNet), none does. Where an add takes only some of
        the channels (ReXNet), the branch ends with all of them.
        """
        found: dict[str, list[Residual]] = {}
        calls: dict[str, ModuleCall] = {}
        for residual in Branches(self.flow).residuals:
            call = next(
                call
                for call in self.flow.recording.calls
                if call.first <= residual.ops[0] and residual.add < call.last
            )
            if self._whole(residual) is not None or not self._concatenates(call):
                calls[call.path] = call
                found.setdefault(call.path, []).append(residual)
        classes = Counter(map(self._class, calls.values()))
        repeated = [call for call in calls.values() if call.path and classes[self._class(call)] > 1]
        return tuple(
            self._ending(calls[path], residual)
            for path, residuals in found.items()
            if not any(_is_within(calls[path], outer) for outer in repeated)
            for residual in residuals
            if calls[path] not in repeated or residual.add == residuals[-1].add
        )

    def _ending(self, block: ModuleCall, residual: Residual) -> Ending:
        whole = self._whole(residual)
        return Ending(block, residual.branch, residual.add) if whole is None else Ending(block, whole)

    def _whole(self, residual: Residual) -> int | None:
        """What an add takes some channels of; None where it takes all."""
        whole = self.flow.behind_views(residual.branch)
        some, every = self.flow.value(residual.branch).shape, self.flow.value(whole).shape
        return whole if len(some) == len(every) and some[1] < every[1] else None

    def _concatenates(self, call: ModuleCall) -> bool:
        return len(call.outputs) == 1 and self._concatenation(call, call.outputs[0]) is not None

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

        Only the innermost chains of modules that hold two convolutions; if there are none, of one. A module
        that holds several of a class with two layers is a stage, and no block.
        """
        every = list(self._chains())
        chains = [chain for chain in every if all(self._convolutions(call) > 1 for call in chain)] or every
        innermost = [
            chain
            for chain in chains
            if not any(_is_within(inner, call) for other in chains for inner in other for call in chain)
            and not any(map(self._is_stage, chain))
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
            if self._is_owned(call) and self._feature_map(call) is not None:
                groups.setdefault((self._class(call), _pattern(call.path)), []).append(call)
        for group in groups.values():
            together = [(one, other) for one, other in pairwise(group) if _parent(one) == _parent(other)]
            if together and all(self._takes(after, before) for before, after in together):
                yield group

    def _is_stage(self, call: ModuleCall) -> bool:
        inner = Counter(
            self._class(other)
            for other in self.flow.recording.calls
            if _is_within(other, call) and self._is_owned(other) and self._layers(other) > 1
        )
        return max(inner.values(), default=0) > 1

    def _layers(self, call: ModuleCall) -> int:
        return sum(op.macs > 0 for op in self.flow.recording.ops[call.first : call.last])

    def _is_owned(self, call: ModuleCall) -> bool:
        """Whether a module is of the author's own making and has children."""
        module = self.modules[call.path]
        is_torchs = type(module).__module__.startswith("torch.")
        return not is_torchs and next(module.children(), None) is not None

    def _takes(self, after: ModuleCall, before: ModuleCall) -> bool:
        given = {self.flow.behind_views(value) for value in after.arguments.values()}
        return self.flow.behind_views(before.outputs[0]) in given

    def _feature_map(self, call: ModuleCall) -> int | None:
        """The one feature map that a call returns, if it has convolutions for it."""
        if len(call.outputs) != 1 or not self._convolutions(call):
            return None
        return call.outputs[0]

    def _convolutions(self, call: ModuleCall) -> int:
        """How many convolutions of a call have the channels or positions of what it returns."""
        if len(call.outputs) != 1:
            return 0
        value = call.outputs[0]
        if not self.flow.spatial[value]:
            return 0
        return sum(convolves(self.flow, op, value) for op in self.flow.recording.ops[call.first : call.last])

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


def _parent(call: ModuleCall) -> str:
    return call.path.rpartition(".")[0]


def _is_within(inner: ModuleCall, outer: ModuleCall) -> bool:
    return inner.path != outer.path and (not outer.path or inner.path.startswith(f"{outer.path}."))


def _both(one: ModuleCall, other: ModuleCall) -> tuple[tuple[ModuleCall, ModuleCall], ...]:
    return (one, other), (other, one)
