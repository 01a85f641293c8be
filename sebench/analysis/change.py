"""Old results against new ones: what became of each pair's overhead."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import chain

from sebench.analysis.comparison import origin
from sebench.analysis.metric_change import metric_change
from sebench.analysis.readings import Reading, match, newest_first, readings
from sebench.schema import Change, Pair, Result, Workload


def changes(before: Sequence[Result], after: Sequence[Result]) -> tuple[Change, ...]:
    """What changed between two sets of results.

    Pairs are matched by both networks, metrics of a pair by everything their figures depend on (the whole
    workload; of counts the input). Where a side has several results of the same, the newest counts.

    Args:
        before: the old results.
        after: the new ones.

    Returns:
        One entry per pair, in the order of the new results, then what only the old ones have.

    Raises:
        DataFileError: a result has no readable date.
    """
    old, new = _by_pair(before), _by_pair(after)
    pairs = dict.fromkeys(result.pair for result in (*after, *before))
    return tuple(_change(pair, old.get(pair, ()), new.get(pair, ())) for pair in pairs)


def _by_pair(results: Iterable[Result]) -> dict[Pair, list[Result]]:
    """Results by pair, newest first, without those of which newer ones have every workload."""
    kept: dict[Pair, list[Result]] = {}
    seen: set[Hashable] = set()
    for result in newest_first(results):
        keys = {(result.pair, workload) for workload in _workloads(result) or (None,)}
        if keys - seen:
            seen |= keys
            kept.setdefault(result.pair, []).append(result)
    return kept


def _workloads(result: Result) -> set[Workload]:
    timed = {measurement.workload for measurement in result.measurements}
    memory = {measurement.workload for measurement in result.memory}
    return timed | memory | {measurement.workload for measurement in result.energy}


def _change(pair: Pair, before: Sequence[Result], after: Sequence[Result]) -> Change:
    matches = match(_readings(before), _readings(after)) if before and after else ()
    return Change(
        pair=pair,
        before=tuple(map(origin, before)),
        after=tuple(map(origin, after)),
        metrics=tuple(map(metric_change, matches)),
    )


def _readings(results: Iterable[Result]) -> list[Reading]:
    """One reading per metric and conditions, of the newest result that has it."""
    found: dict[Hashable, Reading] = {}
    for reading in chain.from_iterable(map(readings, results)):
        found.setdefault((reading.metric.metric, reading.conditions), reading)
    return list(found.values())
