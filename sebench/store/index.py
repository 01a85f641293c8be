"""A result to the facts that a listing shows and filters by."""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from sebench.schema import Environment, Result, ResultSummary, fingerprint
from sebench.store.reading import Stamp


def summarise(result: Result) -> ResultSummary:
    """What is known of a result without opening it; where it is stored is for the store to say."""
    git = result.environment.git
    return ResultSummary(
        id=result.id,
        created_at=result.created_at,
        sebench=result.sebench,
        pair=result.pair,
        workloads=tuple(measurement.workload for measurement in result.measurements),
        fingerprint=fingerprint(result.environment),
        machine=_machine(result.environment),
        commit=_text(git.get("commit")),
        dirty=bool(git["dirty"]) if git.get("dirty") is not None else None,
        branch=_text(git.get("branch")),
        interrupted=any(finding.code == "interrupted" for finding in result.findings),
    )


def _machine(environment: Environment) -> str | None:
    return _text(environment.device.get("name")) or _text(environment.cpu.get("model"))


def _text(fact: object) -> str | None:
    return fact if isinstance(fact, str) and fact else None


T = TypeVar("T")

INDEX_NAME = ".index.sqlite"
_LAYOUT = 2
_CREATE = """
CREATE TABLE IF NOT EXISTS derived (
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (name, key)
) WITHOUT ROWID
"""
# Large pages halve the time that one large value takes.
_PAGES = "PRAGMA page_size = 16384"
_FIND = "SELECT name, size, mtime_ns, crc, value FROM derived WHERE name = ? AND key = ? AND version = ?"
# The file is sound; only now or only here it cannot be used.
_CIRCUMSTANCES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
# The journal goes first, lest it be taken for that of the next file. (The default one, as a write-ahead log
# cannot be read where nothing can be written.)
_SUFFIXES = ("-journal", "")


class Entry(NamedTuple, Generic[T]):
    """A value and the state of the file it was derived from."""

    stamp: Stamp | None
    """None where the file could not be looked at; such an entry is not kept."""
    value: T


@dataclass(frozen=True, slots=True)
class Derivation(Generic[T]):
    """A pure function of the content of one file, whose values are worth keeping."""

    key: str
    """Names it in the index."""
    version: str
    """Of its code and of the layout of its values: others than this are computed again."""
    type: Any
    """Of its values, as `msgspec` knows types."""


class Index:
    """The entries of one directory. Safe with any number of processes: at worst one computes again.

    Args:
        path: of the SQLite file; need not exist, and need not be possible.
        patience_s: how long to wait for another process that is writing.
        read_only: whether nothing is written, so that nothing new is remembered.
    """

    def __init__(self, path: Path, *, patience_s: float = 5.0, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._patience_s = patience_s

    def read(self, derivation: Derivation[T], names: Iterable[str]) -> dict[str, Entry[T]]:
        """The sound entries of `derivation` for some files, by name; none where there is no usable index."""
        if not self._path.exists():
            return {}
        try:
            with self._connected("ro") as connection:
                if not _layout(connection):  # another process is about to make it
                    return {}
                rows = [
                    row
                    for name in filter(is_text, names)
                    for row in connection.execute(_FIND, (name, derivation.key, derivation.version))
                ]
        except sqlite3.Error as error:
            self._discard_if_damaged(error)
            return {}
        return dict(_sound(rows, derivation.type))

    def write(self, derivation: Derivation[T], entries: Mapping[str, Entry[T]]) -> None:
        """Add or replace entries, where that is possible."""
        rows = [
            (derivation.key, name, derivation.version, *entry.stamp, zlib.crc32(value), value)
            for name, entry in entries.items()
            if entry.stamp and is_text(name)
            for value in (msgspec.msgpack.encode(entry.value),)
        ]
        self._change("INSERT OR REPLACE INTO derived VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def forget(self, names: Iterable[str]) -> None:
        """Drop everything about files that are gone, where that is possible."""
        self._change("DELETE FROM derived WHERE name = ?", [(name,) for name in names if is_text(name)])

    def _change(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        if not rows or self._read_only:
            return None
        for _ in range(2):  # once more where the first attempt found it damaged
            try:
                return self._execute(statement, rows)
            except sqlite3.Error as error:
                if not self._discard_if_damaged(error):
                    return None
        return None

    def _execute(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        with self._connected("rwc") as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_CREATE)
            connection.execute(f"PRAGMA user_version = {_LAYOUT}")
            connection.executemany(statement, rows)
            connection.execute("COMMIT")

    @contextmanager
    def _connected(self, mode: str) -> Iterator[sqlite3.Connection]:
        address = f"{self._path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(address, uri=True, timeout=self._patience_s, isolation_level=None)
        with contextlib.closing(connection):
            if _layout(connection) not in (0, _LAYOUT):
                raise sqlite3.DatabaseError("another layout")
            yield connection

    def _discard_if_damaged(self, error: sqlite3.Error) -> bool:
        """Throw the file away unless it is sound; whether that was done."""
        if self._read_only:
            return False
        # The low byte is the primary code; errors that are not SQLite's own have none.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _CIRCUMSTANCES:
            return False
        try:
            for suffix in _SUFFIXES:
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError:
            return False
        return True


def _layout(connection: sqlite3.Connection) -> int:
    """That of the tables; 0 where there are none yet."""
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    return int(layout)


def _sound(rows: Iterable[tuple[Any, ...]], kind: Any) -> Iterator[tuple[str, Entry[Any]]]:  # noqa: ANN401
    """Rows that are as they were written, decoded."""
    decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder(kind).decode
    for name, size, mtime_ns, crc, value in rows:
        if not isinstance(value, bytes) or zlib.crc32(value) != crc:
            continue
        with contextlib.suppress(msgspec.DecodeError):
            yield name, Entry((size, mtime_ns), decode(value))


def is_text(name: str) -> bool:
    """Whether a file name is proper Unicode; SQLite takes no other."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
