"""Bounds of machines, kept from one profile to the next."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import platformdirs

from sebench import profilers
from sebench.schema import Environment, Workload, fingerprint
from sebench.store import MachineCache


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
