"""Stored files of earlier revisions, in today's words."""

from __future__ import annotations

from typing import TypeVar, overload

from msgspec.structs import replace

from sebench.schema.base import REVISION
from sebench.schema.lock import Lock, LockedNetwork
from sebench.schema.measurements import Result
from sebench.schema.request import ModelSpec
from sebench.schema.variants import ASIS, PLAIN

Network = TypeVar("Network", ModelSpec, LockedNetwork)


@overload
def in_todays_words(stored: Result) -> Result: ...
@overload
def in_todays_words(stored: Lock) -> Lock: ...
def in_todays_words(stored: Result | Lock) -> Result | Lock:
    """What an earlier version wrote, as this one would write it.

    Until revision 2 networks of others had no variants: they were measured as built, and called plain.
    """
    if stored.revision >= REVISION:
        return stored
    if isinstance(stored, Lock):
        return replace(stored, revision=REVISION, entries=tuple(_as_built(each) for each in stored.entries))
    pair = replace(
        stored.pair, baseline=_as_built(stored.pair.baseline), candidate=_as_built(stored.pair.candidate)
    )
    return replace(stored, revision=REVISION, pair=pair)


def _as_built(network: Network) -> Network:
    if ":" in network.model and network.variant == PLAIN:
        return replace(network, variant=ASIS)
    return network
