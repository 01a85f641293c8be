"""A directory with one self-contained JSON file per result, and what can be asked of it quickly."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sebench.errors import DataFileError
from sebench.files import read_file
from sebench.schema import Result, ResultSummary, WorkloadRequest
from sebench.store.cache import sources_digest
from sebench.store.contents import Contents, Facts, Table
from sebench.store.files import write_atomic
from sebench.store.index import INDEX_NAME, Derivation, Entry, Index, is_text, summarise
from sebench.store.reading import Stamp, load_result, names_in, parse_result, scan, stamp
from sebench.store.selection import criteria

T = TypeVar("T")

_Read = tuple[Stamp, Facts]
"""The state in which a file was found, and what it is."""
_BATCH = 256
_FILES = 4096
"""So many are read before the index learns of them: of a listing that is stopped not all is lost."""
_DIRECTORY, _UNSEEN = "", (0, 0)
"""Name and state under which the index has what is known of all files together."""


def unwatched(left: int) -> None:
    """Ignore how much is left to do."""


class ResultStore:
    """Stored results of one directory.

    Several processes may add to it and read from it at the same time. The directory and its files are all
    there is; the index beside them only saves reading what has been read before.

    Args:
        directory: need not exist.
        read_only: leave the index as it is.
    """

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        self.directory = directory
        self._index = Index(directory / INDEX_NAME, read_only=read_only)

    def add(self, result: Result) -> Path:
        """Store a result under its id.

        Raises:
            DataFileError: the directory cannot be written, or holds a result of this id already.
        """
        path = self.directory / f"{result.id}.json"
        write_atomic(
            path, msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n", overwrite=False
        )
        return path

    def paths(self) -> tuple[Path, ...]:
        """Files of stored results, oldest first (ids begin with their UTC time); some may be damaged."""
        return tuple(self.directory / name for name in names_in(self.directory))

    def contents(self, *, progress: Callable[[int], None] = unwatched) -> Contents:
        """All results, newest last, and the files that are none.

        Files are looked at, all of them; those that are new, or of another size or time of change than when
        they were read, are read.

        Args:
            progress: told how many are left to read, as often as some have been remembered.

        Raises:
            DataFileError: the directory cannot be read.
        """
        # The index is read before the directory: what it holds and the directory does not has gone since.
        known = self._index.read(_table(), [_DIRECTORY])
        table = known[_DIRECTORY].value if known else Table()
        seen_now = scan(self.directory)
        digest = seen_now.digest()
        if table.scan == digest:
            return Contents(self.directory, table)
        found, before = seen_now.stamps(), table.stamps()
        changed = [name for name, seen in found.items() if seen is None or before.get(name) != seen]
        gone = before.keys() - found.keys()
        if not found and not gone:
            return Contents(self.directory, table)
        passing: dict[str, _Read] = {}
        for start in range(0, max(1, len(changed)), _FILES):
            progress(len(changed) - start)
            batch = changed[start : start + _FILES]
            lasting = self._read({name: found[name] for name in batch}, passing)
            outdated = gone.union(before.keys() & batch)
            complete = start + _FILES >= len(changed) and not passing
            if lasting or outdated or complete:
                table = table.updated(outdated, lasting)
                table.scan = digest if complete else b""
                self._index.write(_table(), {_DIRECTORY: Entry(_UNSEEN, table)})
        self._index.forget(gone)
        return Contents(self.directory, table.updated((), passing) if passing else table)

    def _read(self, found: Mapping[str, Stamp | None], passing: dict[str, _Read]) -> dict[str, _Read]:
        """What files are that were found in some state; what the index cannot have is added to `passing`."""
        lasting: dict[str, _Read] = {}
        for name, seen in found.items():
            facts, lasts = _read_facts(self.directory / name)
            if lasts and seen and is_text(name):
                lasting[name] = seen, facts
            else:
                passing[name] = _UNSEEN, facts
        return lasting

    def select(
        self,
        *,
        model: str | Collection[str] | None = None,
        variant: str | Collection[str] | None = None,
        commit: str | None = None,
        since: datetime | None = None,
        fingerprint: str | None = None,
        **workload: Any,  # noqa: ANN401 - as the fields are
    ) -> tuple[ResultSummary, ...]:
        """The results that meet all conditions, newest last.

        Args:
            model: one or several names.
            variant: of the candidate, in canonical form; one or several.
            commit: how the commit measured in begins.
            since: the earliest time of measurement.
            fingerprint: `sebench.schema.fingerprint` of the environment.
            workload: options that one of its workloads was measured with, e.g. ``phase="training"``, by the
                names in `WorkloadRequest`; ``device="cuda"`` means any ``cuda:N``.
        """
        wanted = criteria(
            model=model,
            variant=variant,
            workload=WorkloadRequest(**workload),
            commit=commit,
            since=since,
            fingerprint=fingerprint,
        )
        return self.contents().select(wanted)

    def load(self, which: ResultSummary | str) -> Result:
        """The whole of one result.

        Args:
            which: its summary or its id.

        Raises:
            DataFileError: there is none of this id, or its file cannot be read any more.
        """
        if isinstance(which, ResultSummary):
            return load_result(Path(which.path))
        path = self.contents().paths.get(which)
        if path is None:
            raise DataFileError(f"no result {which!r} in {self.directory}", hint="see 'sebench list results'")
        return load_result(path)

    def derive(
        self,
        summaries: Sequence[ResultSummary],
        derivation: Derivation[T],
        compute: Callable[[Result], T],
        *,
        progress: Callable[[int], None] = unwatched,
    ) -> tuple[T, ...]:
        """A pure function of each result, computed once per file and version of its code.

        Args:
            summaries: of this store.
            derivation: what the index knows the function by.
            compute: the function.
            progress: told how many are left to compute, as often as some have been kept.

        Raises:
            DataFileError: a file has become unreadable since it was listed.
        """
        named = [_name(summary) for summary in summaries]
        names = dict.fromkeys(named)
        known = self._index.read(derivation, names)
        now = {name: stamp(self.directory / name) for name in names}
        values = {name: known[name].value for name in names if _is_fresh(known, name, now[name])}
        missing = [name for name in names if name not in values]
        for start in range(0, len(missing), _BATCH):
            progress(len(missing) - start)
            batch = {
                name: Entry(now[name], compute(load_result(self.directory / name)))
                for name in missing[start : start + _BATCH]
            }
            self._index.write(derivation, batch)
            values |= {name: entry.value for name, entry in batch.items()}
        return tuple(values[name] for name in named)


@cache
def _table() -> Derivation[Table]:
    return Derivation(key="contents", version=sources_digest("schema", "store"), type=Table)


def _is_fresh(known: Mapping[str, Entry[T]], name: str, now: Stamp | None) -> bool:
    return now is not None and name in known and known[name].stamp == now


def _name(summary: ResultSummary) -> str:
    return summary.path.rpartition(os.sep)[2]


def _read_facts(path: Path) -> tuple[Facts, bool]:
    """What a file is, and whether it stays that until it is changed (permissions are no change)."""
    try:
        return summarise(parse_result(read_file(path))), True
    except DataFileError as error:
        return error.message, True
    except OSError as error:
        return f"cannot be read: {error.strerror}", False
