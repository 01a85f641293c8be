"""Which of its three questions tuning is asked, and what does not go with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from sebench.errors import UsageError

Mode = Literal["search", "drop", "forms"]
"""Variants within limits, the gates of a network, or its spellings."""

_REFUSED: Mapping[Mode, tuple[str, ...]] = {
    "search": ("variant", "top"),
    "drop": ("prefer", "export"),
    "forms": ("prefer", "top", "dry_run"),
}
"""Parameters that mean nothing to a mode."""


def tuning_mode(
    said: Collection[str], *, search: bool, drop: bool, forms: bool, as_options: bool = False
) -> Mode:
    """What is asked for.

    Args:
        said: parameters that were given, by their names in Python.
        search: whether limits, or what is searched within them, were given.
        drop: whether gates are to be ranked.
        forms: whether spellings are to be tried; a search tries them too.
        as_options: call parameters what the command line calls them.

    Raises:
        UsageError: nothing, or what does not go together.
    """
    mode = _mode(search=search, drop=drop, forms=forms, as_options=as_options)
    asking = {
        "search": "a search, whose variants are all compared with plain",
        "drop": _called("drop", as_options=as_options),
        "forms": _called("forms", as_options=as_options),
    }
    for name in _REFUSED[mode]:
        if name in said:
            called = _called(name, as_options=as_options)
            raise UsageError(f"{called} does not go with {asking[mode]}", hint="leave it out")
    return mode


def _mode(*, search: bool, drop: bool, forms: bool, as_options: bool) -> Mode:
    if not (search or drop or forms):
        hint = (
            "add --max-overhead latency:1.02, --drop or --forms"
            if as_options
            else "add max_overhead={'latency': 1.02}, drop=True or forms=True"
        )
        raise UsageError("tune needs to know what to try", hint=hint)
    if not drop:
        return "search" if search else "forms"
    if search or forms:
        limits, gates, spellings = (
            _called(name, as_options=as_options) for name in ("max_overhead", "drop", "forms")
        )
        other = f"{limits} and what is searched with it" if search else spellings
        raise UsageError(f"{gates} does not go with {other}", hint="leave one of them out")
    return "drop"


def _called(name: str, *, as_options: bool) -> str:
    return f"--{name.replace('_', '-')}" if as_options else name
