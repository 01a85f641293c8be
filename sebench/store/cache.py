"""What is worth keeping from one run to the next: static costs, and bounds of machines."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from sebench.errors import DataFileError
from sebench.files import Unreadable, read_file
from sebench.schema import Machine, ModelCost, Value
from sebench.store.files import write_atomic

V = TypeVar("V", bound=Value)


class Cache(Generic[V]):
    """Values of one kind by key, one file each. A broken entry is simply absent."""

    kind: type[V]

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def get(self, key: str) -> V | None:
        """The value stored under `key`, or None."""
        try:
            return msgspec.json.decode(read_file(self._path(key)), type=self.kind)
        except (OSError, *Unreadable):
            return None

    def put(self, key: str, value: V) -> None:
        """Store a value; a cache that cannot be written costs time, not correctness."""
        with contextlib.suppress(DataFileError):
            write_atomic(self._path(key), msgspec.json.encode(value))

    def _path(self, key: str) -> Path:
        return self.directory / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


class CountCache(Cache[ModelCost]):
    """Static costs of networks."""

    kind = ModelCost


class MachineCache(Cache[Machine]):
    """Bounds of machines."""

    kind = Machine
