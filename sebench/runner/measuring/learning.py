"""How much fresh processes of a set-up differ, from the results that are stored: nothing else is kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from sebench.analysis.spread import pooled, spread_of
from sebench.errors import DataFileError
from sebench.schema import LearntSpread, Pair, Result, ResultSummary, Workload
from sebench.store import Criterion, Derivation, ResultStore, criteria, sources_digest

LOOKED_AT = 200
"""So many of the newest results are looked at; those of one process teach nothing."""
MOST_RUNS = 10
"""The newest of them are enough, and what a machine was like long ago says little."""

Spreads = tuple[LearntSpread | None, ...]


def learnt_spread(
    store: ResultStore, fingerprint: str, pair: Pair, workload: Workload
) -> LearntSpread | None:
    """How much fresh processes differed in earlier runs of five or more.

    Those of the same network under the same workload; if there are none, those of any network on the same
    set-up: device, threads, runtime, number format, phase. Networks differ, so its own come first.

    Args:
        store: of the results. One that cannot be read teaches nothing.
        fingerprint: of the environment.
        pair: that is measured.
        workload: that it is measured under.
    """
    if _sides_apart(pair):
        return None

    def network(of: Pair, under: Workload) -> bool:
        return of.model == pair.model and under == workload

    def set_up(_: Pair, under: Workload) -> bool:
        return _set_up(under) == _set_up(workload)

    try:
        own = _newest(store, fingerprint, network)
        return pooled(own or _newest(store, fingerprint, set_up), same_network=bool(own))
    except DataFileError:  # no reason to lose what was measured
        return None


def spreads(result: Result) -> Spreads:
    """What each measurement of a result teaches."""
    return tuple(map(spread_of, result.measurements))


def _newest(
    store: ResultStore, fingerprint: str, suits: Callable[[Pair, Workload], bool]
) -> list[LearntSpread]:
    """Newest first."""

    def holds(summary: ResultSummary) -> bool:
        pair = summary.pair
        return not _sides_apart(pair) and any(suits(pair, workload) for workload in summary.workloads)

    wanted = (*criteria(fingerprint=fingerprint), Criterion("measured alike", holds))
    found = [each for each in store.contents().select(wanted, newest=LOOKED_AT) if not each.interrupted]
    learnt = [
        spread
        for summary, by_workload in zip(found, store.derive(found, _derivation(), spreads), strict=True)
        for workload, spread in zip(summary.workloads, by_workload, strict=True)
        if spread is not None and suits(summary.pair, workload)
    ]
    return learnt[::-1][:MOST_RUNS]


def _sides_apart(pair: Pair) -> bool:
    """Two sides in processes of their own vary more than the two in one."""
    return pair.baseline.commit != pair.candidate.commit


def _set_up(workload: Workload) -> tuple[object, ...]:
    return (
        workload.device,
        workload.threads,
        workload.runtime,
        workload.dtype,
        workload.quantize,
        workload.phase,
        workload.world_size,
    )


@cache
def _derivation() -> Derivation[Spreads]:
    return Derivation(
        key="process-spread", version=sources_digest("analysis", "statistics", "schema"), type=Spreads
    )
