"""Which figure of the old results belongs to which of the new ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sebench.analysis.readings import Reading
from sebench.schema import Difference


@dataclass(frozen=True, slots=True)
class Match:
    """One metric on both sides."""

    before: Reading
    after: Reading
    differences: tuple[Difference, ...] = ()
    """Conditions that the two do not share; empty where they may be compared."""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A metric that one side alone has."""

    reading: Reading
    side: Literal["before", "after"]


def match(before: Sequence[Reading], after: Sequence[Reading]) -> tuple[Match | Unmatched, ...]:
    """Every reading once: by metric, in the order of `after`, then what only `before` has.

    Equal conditions belong together. What is left over of a metric is put beside the left-over reading that
    differs least, so that the reader sees what differs.
    """
    names = dict.fromkeys(reading.metric.metric for reading in (*after, *before))
    return tuple(
        found
        for name in names
        for found in _match_metric(
            [reading for reading in before if reading.metric.metric == name],
            [reading for reading in after if reading.metric.metric == name],
        )
    )


def differences(before: Reading, after: Reading) -> tuple[Difference, ...]:
    """The conditions that two readings do not share."""
    old, new = dict(before.conditions), dict(after.conditions)
    return tuple(
        Difference(field=name, before=old.get(name), after=new.get(name))
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    )


def _match_metric(before: Sequence[Reading], after: Sequence[Reading]) -> Iterator[Match | Unmatched]:
    by_conditions = {reading.conditions: reading for reading in before}
    equal = {reading.conditions for reading in after} & by_conditions.keys()
    left = [reading for reading in before if reading.conditions not in equal]
    for new in after:
        if new.conditions in equal:
            yield Match(by_conditions[new.conditions], new)
        elif left:
            nearest = min(left, key=lambda old: len(differences(old, new)))
            left.remove(nearest)
            yield Match(nearest, new, differences(nearest, new))
        else:
            yield Unmatched(new, "after")
    yield from (Unmatched(old, "before") for old in left)
