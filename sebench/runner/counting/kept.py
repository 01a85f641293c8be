"""Counts of earlier commands: when one of them may stand in for counting a network again.

A count of a native network depends on sebench and torch, one of a library's network on the library's version
too, and one of the user's network on every file that its code was read from and on what is installed.
Nothing is imported to find out.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import msgspec

from sebench import models
from sebench.schema import ModelCost, ModelSpec, Phase, StaticCost
from sebench.store import CountCache, OwnCount, OwnCountCache, sources_digest

# Everything a count depends on: networks, counters, what finds sites, and the layout of the stored value.
_COUNTED_SOURCES = ("models", "counters", "shapes", "surgery", "worker", "schema", "graphs")


class Counted(NamedTuple):
    """What one count is of."""

    spec: ModelSpec
    shape: tuple[int, ...]
    phase: Phase
    dtype: str
    gates: bool
    """Whether the gates of a native network are looked for."""


class KeptCounts:
    """What is in a cache of counts, and what will be once a command has come to its end.

    Args:
        cache: where counts are kept; None keeps nothing.
    """

    def __init__(self, cache: CountCache | None) -> None:
        self._cache = cache
        self._own = None if cache is None else OwnCountCache(cache.directory)
        self._pending: list[tuple[Counted, StaticCost, dict[str, str]]] = []

    def find(self, counted: Counted) -> StaticCost | None:
        """An earlier count that holds still."""
        if self._cache is None or self._own is None or counted.spec.commit is not None:
            return None
        if models.is_users_own(counted.spec):
            own = self._own.get(_own_key(counted))
            return None if own is None else own.cost
        edition = models.source_of(counted.spec.model).edition(counted.spec.model)
        if edition is None:
            return None
        known = self._cache.get(count_key(counted, edition))
        return None if known is None else known.cost

    def remember(self, counted: Counted, cost: StaticCost, files: dict[str, str]) -> None:
        """Note a count, to be kept by `keep`.

        Args:
            counted: what was counted.
            cost: its cost.
            files: SHA-256 (hex) of the files that the user's modules were read from, by path.
        """
        self._pending.append((counted, cost, files))

    def keep(self) -> None:
        """Store what was noted: no process that counted it has failed since."""
        for counted, cost, files in self._pending:
            self._put(counted, cost, files)
        self._pending.clear()

    def drop(self) -> None:
        """Forget what was noted: a process that counted has failed."""
        self._pending.clear()

    def _put(self, counted: Counted, cost: StaticCost, files: dict[str, str]) -> None:
        if self._cache is None or self._own is None or counted.spec.commit is not None:
            return
        edition = models.source_of(counted.spec.model).edition(counted.spec.model)
        if models.is_users_own(counted.spec):
            if files:
                self._own.put(_own_key(counted), OwnCount(cost=cost, files=files))
        elif edition is not None:
            self._cache.put(count_key(counted, edition), ModelCost(spec=counted.spec, cost=cost))


def count_key(counted: Counted, edition: str) -> str:
    """What a count is kept under.

    Args:
        counted: what is counted.
        edition: of the network's code.
    """
    described = msgspec.json.encode(counted._asdict())
    return " ".join(
        (sources_digest(*_COUNTED_SOURCES), f"torch-{_version('torch')}", edition, described.decode())
    )


@cache
def _version(package: str) -> str:
    return version(package)  # reads a file each time, and a sweep asks for each of its counts


def _own_key(counted: Counted) -> str:
    """Where the code is looked for, and what else it finds there and among what is installed."""
    folders = models.code_folders(counted.spec)
    places = [str(Path.cwd()), os.environ.get("PYTHONPATH", ""), *_installed(), *_modules(folders)]
    return count_key(counted, "\n".join(places))


def _installed() -> Iterator[str]:
    """Names and versions of all distributions, as their folders are called."""
    for folder in dict.fromkeys(sysconfig.get_path(key) for key in ("purelib", "platlib")):
        names = (entry.name for entry in _entries(Path(folder)))
        yield from sorted(name for name in names if name.endswith((".dist-info", ".egg-link")))


def _modules(folders: tuple[Path, ...]) -> Iterator[str]:
    """Modules and packages at the top of some folders: a new one may stand in for another one."""
    for folder in folders:
        names = (
            entry.name
            for entry in _entries(folder)
            if entry.suffix == ".py" or (entry / "__init__.py").is_file()
        )
        yield from (str(folder), *sorted(names))


def _entries(folder: Path) -> tuple[Path, ...]:
    """What lies in a folder; nothing where it cannot be read."""
    try:
        return tuple(folder.iterdir())
    except OSError:
        return ()
