"""Bounds of machines, kept from one profile to the next."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import msgspec
import platformdirs

from sebench import profilers
from sebench.errors import DataFileError
from sebench.schema import Environment, Machine, Workload, fingerprint
from sebench.store import write_atomic


class MachineCache:
    """Bounds by key, one file each. A broken entry is simply absent."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def get(self, key: str) -> Machine | None:
        """The bounds stored under `key`, or None."""
        try:
            return msgspec.json.decode(self._path(key).read_bytes(), type=Machine)
        except (OSError, msgspec.DecodeError):
            return None

    def put(self, key: str, machine: Machine) -> None:
        """Store bounds; a cache that cannot be written costs time, not correctness."""
        with contextlib.suppress(DataFileError):
            write_atomic(self._path(key), msgspec.json.encode(machine))

    def _path(self, key: str) -> Path:
        return self.directory / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def default_machine_cache() -> MachineCache:
    """The cache in the user's cache directory."""
    return MachineCache(Path(platformdirs.user_cache_dir("sebench")) / "machines")


def machine_key(workload: Workload, environment: Environment) -> str | None:
    """What has to agree for bounds to hold; None for accelerators, whose bounds take a moment to measure."""
    if workload.device != "cpu":
        return None
    method = hashlib.sha256((Path(profilers.__path__[0]) / "roofline.py").read_bytes()).hexdigest()
    described = {"threads": workload.threads, "dtype": workload.dtype, "device": workload.device}
    return f"{fingerprint(environment)} {method} {msgspec.json.encode(described, order='sorted').decode()}"
