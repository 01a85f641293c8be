"""Static costs kept in the user's cache directory."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import msgspec

from sebench.errors import DataFileError
from sebench.schema import ModelCost
from sebench.store.files import write_atomic


class CountCache:
    """Static costs by key, in the user's cache directory. A broken entry is simply absent."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def get(self, key: str) -> ModelCost | None:
        """The cost stored under `key`, or None."""
        try:
            return msgspec.json.decode(self._path(key).read_bytes(), type=ModelCost)
        except (OSError, msgspec.DecodeError):
            return None

    def put(self, key: str, cost: ModelCost) -> None:
        """Store a cost; a cache that cannot be written costs time, not correctness."""
        with contextlib.suppress(DataFileError):
            write_atomic(self._path(key), msgspec.json.encode(cost).decode())

    def _path(self, key: str) -> Path:
        return self.directory / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
