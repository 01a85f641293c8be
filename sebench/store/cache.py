"""What is worth keeping from one run to the next: static costs, and bounds of machines."""

from __future__ import annotations

import contextlib
import hashlib
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from sebench.errors import DataFileError
from sebench.files import Unreadable, digests, read_file
from sebench.schema import Machine, ModelCost, StaticCost, Value
from sebench.store.files import write_atomic

_PACKAGE = Path(__file__).parent.parent
V = TypeVar("V", bound=Value)


@cache
def sources_digest(*parts: str) -> str:
    """SHA-256 (hex) over the sources of some modules or packages of sebench.

    A value that was kept under it is not used after they changed, in a release or in a working tree.

    Args:
        parts: e.g. ``("schema", "statistics")``.
    """
    digest = hashlib.sha256()
    for part in parts:
        for path in sorted((_PACKAGE / part).rglob("*.py")):
            digest.update(path.relative_to(_PACKAGE).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


class Entry(Value, frozen=True, kw_only=True):
    """What a file of a cache holds."""

    checksum: str
    """SHA-256 (hex) of key and content: who edits a figure, or moves it under another key, is found out."""
    content: msgspec.Raw


class Cache(Generic[V]):
    """Values of one kind by key, one file each. An entry that is broken, edited or another's is absent."""

    kind: type[V]

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def get(self, key: str) -> V | None:
        """The value stored under `key`, or None."""
        try:
            entry = msgspec.json.decode(read_file(self._path(key)), type=Entry)
            if entry.checksum != _checksum(key, bytes(entry.content)):
                return None
            return msgspec.json.decode(entry.content, type=self.kind)
        except (OSError, *Unreadable):
            return None

    def put(self, key: str, value: V) -> None:
        """Store a value; a cache that cannot be written costs time, not correctness."""
        content = msgspec.json.encode(value)
        entry = Entry(checksum=_checksum(key, content), content=msgspec.Raw(content))
        with contextlib.suppress(DataFileError):
            write_atomic(self._path(key), msgspec.json.encode(entry))

    def _path(self, key: str) -> Path:
        return self.directory / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


class KnownInput(Value, frozen=True, kw_only=True):
    """Channels, height and width."""

    size: tuple[int, int, int]


class CountCache(Cache[ModelCost]):
    """Static costs of networks."""

    kind = ModelCost


class OwnCount(Value, frozen=True, kw_only=True):
    """The static cost of a network whose code is the user's."""

    cost: StaticCost
    files: dict[str, str]
    """SHA-256 (hex) of each file that its modules were read from, by path."""


class OwnCountCache(Cache[OwnCount]):
    """Static costs of networks whose code is the user's; absent once a file of it has changed."""

    kind = OwnCount

    def get(self, key: str) -> OwnCount | None:
        """The value stored under `key`, or None."""
        known = super().get(key)
        return known if known is not None and digests(known.files) == known.files else None


class InputCache(Cache[KnownInput]):
    """Inputs that networks of libraries were published with."""

    kind = KnownInput


class MachineCache(Cache[Machine]):
    """Bounds of machines."""

    kind = Machine


def _checksum(key: str, content: bytes) -> str:
    return hashlib.sha256(b"\0".join((key.encode(), content))).hexdigest()
