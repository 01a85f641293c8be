"""Which node takes which case next: bookkeeping alone, it knows nothing of Ray.

Nothing of a sweep runs beside a measurement: one case at a time on a machine, or one on each of its GPUs
where every case there keeps to one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sebench.runner.sweeping.ray.messages import NodeFacts
from sebench.schema.sweep import Case

MOST_LOSSES = 3
"""Nodes that a case may lose until it is given up: it may be what ends them."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a case takes of a node."""

    gpus: int
    whole: bool
    """Whether nothing may run beside it on the machine."""


def need_of(case: Case) -> Need:
    """What a case takes, by the device and the ranks that were said.

    Ray counts the GPUs that a process sees from 0 on, so that ``cuda:2`` is only there where all are seen.
    """
    kind, _, index = (case.request.device or "auto").partition(":")
    if kind != "cuda":
        return Need(gpus=0, whole=True)
    ranks, number = case.request.world_size or 1, int(index or 0)
    return Need(gpus=max(ranks, number + 1), whole=(ranks, number) != (1, 0))


@dataclass(slots=True)
class Place:
    """A node that takes cases."""

    facts: NodeFacts
    running: dict[str, str | None] = field(default_factory=dict)
    """By case, the GPU that it keeps to; None is the whole machine."""
    begun: int = 0

    @property
    def free_gpus(self) -> list[str]:
        """Those that no case keeps to."""
        return [each for each in self.facts.visible_gpus if each not in self.running.values()]

    def is_beside(self, other: Place) -> bool:
        """Whether cases on both would meet on a processor: two nodes may be on one machine."""
        mine, others = set(self.facts.cpus), set(other.facts.cpus)
        here = self is other or (self.facts.boot or self.facts.host) == (other.facts.boot or other.facts.host)
        return here and (not mine or not others or bool(mine & others))


@dataclass(frozen=True, slots=True)
class Start:
    """A case that is to be started now."""

    case: Case
    place: Place
    gpu: str | None


class Dispatcher:
    """Cases that wait, run and are over. A case is over once, whoever says so again.

    Args:
        cases: in the order in which they are to start.
    """

    def __init__(self, cases: Sequence[Case]) -> None:
        self.waiting = list(cases)
        self.places: dict[str, Place] = {}
        self._cases = {case.id: case for case in cases}
        self._open = set(self._cases)
        self._losses = Counter[str]()

    @property
    def is_over(self) -> bool:
        """Whether all cases are."""
        return not self._open

    def join(self, facts: NodeFacts) -> None:
        """A node takes cases from now on."""
        self.places[facts.node] = Place(facts)

    def leave(self, node: str) -> tuple[list[Case], list[Case]]:
        """A node is gone.

        Returns:
            Its cases that wait for another node, before all others, and those that have lost too many: they
            are over.
        """
        place = self.places.pop(node, None)
        lost = [self._cases[each] for each in place.running if each in self._open] if place else []
        self._losses.update(case.id for case in lost)
        again = [case for case in lost if self._losses[case.id] < MOST_LOSSES]
        given_up = [case for case in lost if self._losses[case.id] >= MOST_LOSSES]
        self.waiting[:0] = again
        self._open.difference_update(case.id for case in given_up)
        return again, given_up

    def finish(self, case: str) -> bool:
        """A case is over; whether that is news."""
        for place in self.places.values():
            place.running.pop(case, None)
        self.waiting = [each for each in self.waiting if each.id != case]
        is_news = case in self._open
        self._open.discard(case)
        return is_news

    def starts(self) -> Iterator[Start]:
        """What can start now. Each counts as running as soon as it is handed out."""
        for place in sorted(self.places.values(), key=lambda each: each.begun):
            while (start := self._next(place)) is not None:
                self.waiting.remove(start.case)
                place.running[start.case.id] = start.gpu
                place.begun += 1
                yield start

    def without_place(self) -> list[Case]:
        """Cases that no node could take, were it idle."""
        most = max((place.facts.gpus for place in self.places.values()), default=-1)
        return [case for case in self.waiting if need_of(case).gpus > most]

    def _next(self, place: Place) -> Start | None:
        beside = [each for each in self.places.values() if each.is_beside(place) and each.running]
        # What only this node can do comes first.
        for case in sorted(self.waiting, key=lambda each: not need_of(each).gpus):
            need = need_of(case)
            if need.gpus > place.facts.gpus:
                continue
            keeps_to_one = not need.whole and len(place.facts.visible_gpus) == place.facts.gpus
            if not beside:
                return Start(case, place, place.free_gpus[0] if keeps_to_one else None)
            alike = beside == [place] and None not in place.running.values()
            if keeps_to_one and alike and place.free_gpus:
                return Start(case, place, place.free_gpus[0])
        return None
