"""Stored files of earlier revisions, in today's words."""

from __future__ import annotations

from typing import TypeVar, overload

from msgspec.structs import replace

from sebench.schema.base import REVISION
from sebench.schema.lock import Lock, LockEntry
from sebench.schema.measurements import Result
from sebench.schema.request import ModelSpec
from sebench.schema.variants import ASIS, PLAIN

Network = TypeVar("Network", ModelSpec, LockEntry)


@overload
def in_todays_words(stored: Result, revision: int) -> Result: ...
@overload
def in_todays_words(stored: Lock, revision: int) -> Lock: ...
def in_todays_words(stored: Result | Lock, revision: int) -> Result | Lock:
    """What an earlier version wrote, as this one would write it.

    Until revision 2 networks of others had no variants: they were measured as built, and called plain.
    """
    if revision >= REVISION:
        return stored
    if isinstance(stored, Lock):
        return replace(stored, entries=tuple(map(_as_built, stored.entries)))
    pair = stored.pair
    return replace(
        stored, pair=replace(pair, baseline=_as_built(pair.baseline), candidate=_as_built(pair.candidate))
    )


def _as_built(network: Network) -> Network:
    if ":" in network.model and network.variant == PLAIN:
        return replace(network, variant=ASIS)
    return network
