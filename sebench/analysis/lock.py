"""Exact costs to lock entries, and what changed between two locks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from msgspec.structs import asdict, replace

from sebench.analysis.costs import totals
from sebench.errors import BuildError
from sebench.schema import (
    Lock,
    LockChange,
    LockedNetwork,
    LockEntry,
    ModelSpec,
    OpCost,
    Phase,
    StaticCost,
    TorchCosts,
    UncountedOp,
    network_words,
)

Count = Callable[[ModelSpec, tuple[int, ...], Phase], StaticCost]
"""Counts a network at one input."""

_FIXED = tuple(
    field for field in LockEntry.__struct_fields__ if field not in {*LockedNetwork.__struct_fields__, "torch"}
)
"""Follow from the network alone."""
_BY_TORCH = tuple(field for field in TorchCosts.__struct_fields__ if field != "ops")
"""Follow from the ops that a torch release runs for it."""


@dataclass(frozen=True, slots=True)
class CountedEntry:
    """What was counted, and what could not be."""

    entry: LockEntry
    untrainable: str | None = None
    """Why `saved_bytes` is unknown."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of one network in two locks."""

    metric: str
    before: int | None
    after: int | None
    torch: str | None = None
    """None where it does not depend on the torch release."""
    ops: tuple[tuple[str, int, int], ...] = ()
    """Where the metric is ``ops``: op, calls before and after, of those that differ."""

    @property
    def differs(self) -> bool:
        """Whether the two are not the same to the last digit."""
        return self.before != self.after or bool(self.ops)


def count_entry(network: LockedNetwork, count: Count, torch: str) -> CountedEntry:
    """Count a network, forward and in training.

    Args:
        network: what to count.
        count: counts it.
        torch: the torch minor version that `count` uses.

    Raises:
        SebenchError: the network cannot be built or does not accept its input.
    """
    cost = count(network.spec, network.input_shape, "inference")
    whole = totals(cost)
    saved_bytes, untrainable = _saved_bytes(network, count)
    costs = TorchCosts(
        flops=whole.flops,
        bytes_read=whole.bytes_read,
        bytes_written=whole.bytes_written,
        ops=_calls(cost),
        saved_bytes=saved_bytes,
    )
    entry = LockEntry(
        **asdict(network.network),
        params=whole.params,
        buffers=whole.buffers,
        macs=whole.macs,
        paper_macs=whole.paper_macs,
        torch={torch: costs},
    )
    return CountedEntry(entry, untrainable)


def make_lock(entries: Iterable[LockEntry]) -> Lock:
    """A lock with its entries in the one order it is written in: by model, plain first."""
    return Lock(entries=tuple(sorted(entries, key=_order)))


def merge_locks(old: Lock, new: Lock) -> Lock:
    """The networks of `new`, with the figures of other torch versions from `old` where they still hold.

    They hold where the figures that depend on no version are unchanged; elsewhere the network is another one.
    """
    known = {entry.network: entry for entry in old.entries}
    return make_lock(_merged(known.get(entry.network), entry) for entry in new.entries)


def lock_changes(old: Lock, new: Lock) -> tuple[LockChange, ...]:
    """All differences from `old` to `new`, network by network."""
    before = {entry.network: entry for entry in old.entries}
    after = {entry.network: entry for entry in new.entries}
    found: list[LockChange] = []
    for entry in make_lock((before | after).values()).entries:
        found += _changes(before.get(entry.network), after.get(entry.network))
    return tuple(found)


def fixed_figures(before: LockEntry, after: LockEntry) -> Iterator[Figure]:
    """The metrics that depend on no torch version."""
    for metric in _FIXED:
        yield Figure(metric, getattr(before, metric), getattr(after, metric))


def torch_figures(before: TorchCosts, after: TorchCosts, torch: str) -> Iterator[Figure]:
    """The metrics that depend on the torch version."""
    for metric in _BY_TORCH:
        yield Figure(metric, getattr(before, metric), getattr(after, metric), torch)
    ops = sorted(before.ops.keys() | after.ops.keys())
    calls = ((op, before.ops.get(op, 0), after.ops.get(op, 0)) for op in ops)
    differing = tuple((op, was, now) for op, was, now in calls if was != now)
    yield Figure("ops", sum(before.ops.values()), sum(after.ops.values()), torch, differing)


def version_order(version: str) -> tuple[int, ...]:
    """Sorts 2.9 before 2.10."""
    return tuple(int(part) if part.isdigit() else -1 for part in version.split("."))


def _saved_bytes(network: LockedNetwork, count: Count) -> tuple[int | None, str | None]:
    try:
        cost = count(network.spec, network.input_shape, "training")
    except BuildError as error:  # batch statistics of a single value, for instance
        return None, str(error)
    return totals(cost).saved_bytes, None


def _calls(cost: StaticCost) -> dict[str, int]:
    calls: dict[str, int] = {}
    rows: tuple[OpCost | UncountedOp, ...] = (*cost.ops, *cost.uncounted)
    for row in rows:
        calls[row.op] = calls.get(row.op, 0) + row.calls
    return dict(sorted(calls.items()))


def _order(entry: LockEntry) -> tuple[object, ...]:
    options = (entry.num_classes or 0, entry.stride_in or "", network_words(entry), entry.input_shape)
    return (entry.model, entry.variant != "plain", entry.variant, *options)


def _merged(old: LockEntry | None, new: LockEntry) -> LockEntry:
    if old is None or any(figure.differs for figure in fixed_figures(old, new)):
        return new
    return replace(new, torch={**old.torch, **new.torch})


def _changes(before: LockEntry | None, after: LockEntry | None) -> Iterator[LockChange]:
    if after is None:
        if before is not None:
            yield LockChange(network=before.network, change="network-removed")
    elif before is None:
        yield LockChange(network=after.network, change="network-added")
    else:
        yield from _figure_changes(after.network, fixed_figures(before, after))
        for torch in sorted(before.torch.keys() | after.torch.keys(), key=version_order):
            yield from _torch_changes(before, after, torch)


def _torch_changes(before: LockEntry, after: LockEntry, torch: str) -> Iterator[LockChange]:
    if torch not in before.torch:
        yield LockChange(network=after.network, change="torch-added", torch=torch)
    elif torch not in after.torch:
        yield LockChange(network=after.network, change="torch-removed", torch=torch)
    else:
        figures = torch_figures(before.torch[torch], after.torch[torch], torch)
        yield from _figure_changes(after.network, figures)


def _figure_changes(network: LockedNetwork, figures: Iterable[Figure]) -> Iterator[LockChange]:
    """One change per figure, and per op where they are its calls."""
    for figure in figures:
        parts = figure.ops or (((None, figure.before, figure.after),) if figure.differs else ())
        for op, before, after in parts:
            yield LockChange(
                network=network,
                change="changed",
                torch=figure.torch,
                metric=figure.metric,
                op=op,
                before=before,
                after=after,
            )
