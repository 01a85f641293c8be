"""Who is running: the module, stage and site that an op, forward or backward, is charged to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec
import torch

from sebench.counters.work import plain_name


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One module in one phase; compared by identity, because it is looked up once per op."""

    module: str
    stage: str
    site: str | None
    phase: Literal["forward", "backward"] = "forward"
    part: str | None = None


class OpKey(msgspec.Struct, frozen=True, gc=False):
    """An op that is counted, by what one pass over a network has in common with the next one."""

    module: str
    op: str
    """Its plain name: in training an op may work in place where it does not otherwise."""
    number: int
    """How many of this name the module has run before."""


class Place(NamedTuple):
    """Where a single op belongs, whatever its module does besides."""

    stage: str
    site: str | None
    part: str | None = None
    """Of the site's attention, where that is told apart op by op."""


NO_PLACES: Mapping[OpKey, Place] = MappingProxyType({})


class OpNumbers:
    """Gives each op of a pass its key."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}

    def key(self, module: str, op: str) -> OpKey:
        """The key of the op that comes next.

        Args:
            module: the innermost running one.
            op: its plain name.
        """
        number = self._seen.get((module, op), 0)
        self._seen[module, op] = number + 1
        return OpKey(module, op, number)


class Scope:
    """The innermost running module of a forward pass; the root's frame outside of all calls.

    Args:
        root: frame of the network itself.
        places: of ops that do not belong where their module does.
    """

    def __init__(self, root: Frame, places: Mapping[OpKey, Place] = NO_PLACES) -> None:
        self._root = root
        self._places = places
        self._numbers = OpNumbers()
        self._placed: dict[tuple[Frame, Place], Frame] = {}
        self.running = root
        self.failed: Frame | None = None
        """The innermost module that an exception came from."""

    def enter(self, frame: Frame) -> Frame:
        """Make a module the running one and return the one that was."""
        outer, self.running = self.running, frame
        return outer

    def current(self) -> Frame:
        """The frame that an op seen now is charged to, but for its place."""
        return self.running

    def charged(self, op: str) -> Frame:
        """The frame that an op is charged to; to be asked once for each."""
        return self._place(plain_name(op)) if self._places else self.current()

    def _place(self, op: str) -> Frame:
        frame = self.running
        place = self._places.get(self._numbers.key(frame.module, op))
        if place is None:
            return frame
        known = self._placed.get((frame, place))
        if known is None:
            known = self._placed[frame, place] = replace(frame, **place._asdict())
        return known


class AutogradScope(Scope):
    """A scope that also knows which module a backward op belongs to.

    Autograd nodes are numbered in order of creation, so the number at each module boundary of the forward
    pass tells the module of every node, whether its forward was a module, a function or a custom Function.
    """

    def __init__(self, root: Frame, places: Mapping[OpKey, Place] = NO_PLACES) -> None:
        super().__init__(root, places)
        self._starts = [0]
        self._reached = 0
        self._frames = [root]
        self._backward: dict[Frame, Frame] = {}
        self.in_backward = False

    def enter(self, frame: Frame) -> Frame:
        """As `Scope.enter`, with the boundary recorded."""
        self._reached = torch._C._autograd._get_sequence_nr()
        self._starts.append(self._reached)
        self._frames.append(frame)
        return super().enter(frame)

    def _place(self, op: str) -> Frame:
        """As `Scope._place`; the nodes that were made for the op since the last one go with it."""
        if self.in_backward:
            return self.current()
        frame, first = super()._place(op), self._reached
        self._reached = torch._C._autograd._get_sequence_nr()
        if frame is not self.running:
            self._starts += (first, self._reached)
            self._frames += (frame, self.running)
        return frame

    def current(self) -> Frame:
        """The running module, or in the backward pass the module whose forward made the node."""
        if not self.in_backward:
            return self.running
        node = torch._C._current_autograd_node()
        # A recomputed forward (activation checkpointing) runs modules within the backward pass.
        owner = self.running if node is None or self.running is not self._root else self._owner(node)
        return self._in_backward_phase(owner)

    def _owner(self, node: torch.autograd.graph.Node) -> Frame:
        number = node._sequence_nr()
        return self._frames[bisect_right(self._starts, number) - 1]

    def _in_backward_phase(self, frame: Frame) -> Frame:
        if frame not in self._backward:
            self._backward[frame] = replace(frame, phase="backward")
        return self._backward[frame]


def frames_of(names: Iterable[str], sites: Iterable[str], stages: Mapping[str, str]) -> dict[str, Frame]:
    """The frame of every module name; the longest matching site and stage prefix win."""
    known_sites, frames = {site: site for site in sites}, {}
    for name in names:
        stage = longest_prefix(name, stages)
        frames[name] = Frame(module=name, stage=stage or "", site=longest_prefix(name, known_sites))
    return frames


def longest_prefix(name: str, labels: Mapping[str, str]) -> str | None:
    """The label of the nearest enclosing module (`name` itself included) that has one."""
    if not labels:
        return None
    while name not in labels:
        if not name:
            return None
        name = name.rpartition(".")[0]
    return labels[name]
