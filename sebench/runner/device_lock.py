"""One measurement at a time on a device: two would time each other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from sebench.errors import DeviceError
from sebench.schema import Workload
from sebench.store import temporary_folder


@contextmanager
def alone_on(workload: Workload, announce_waiting: Callable[[], None]) -> Iterator[float]:
    """Hold the devices of a workload; where another run holds one, wait for its end.

    Args:
        workload: its devices.
        announce_waiting: told before it waits.

    Yields:
        The seconds it waited.

    Raises:
        DeviceError: the lock cannot be taken by anybody, because its file cannot be opened.
    """
    asked_s = time.monotonic()
    # In one order for all, or two runs could wait for each other.
    devices = sorted({workload.device_of(rank) for rank in range(workload.world_size)})
    with ExitStack() as locks:
        for device in devices:
            lock = FileLock(lock_file(device))
            _acquire(lock, announce_waiting)
            locks.callback(lock.release)
        yield time.monotonic() - asked_s


def lock_file(device: str) -> Path:
    """In this user's cache, or under this user's name where there is none to write to."""
    name = f"{device.replace(':', '-')}.lock"
    folder = Path(platformdirs.user_cache_dir("sebench"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # no home to write to, as in many containers
        return _shared(name)
    return folder / f"sebench-{name}" if os.access(folder, os.W_OK) else _shared(name)


def _shared(name: str) -> Path:
    """Among everybody's temporary files, where nobody may open those of others."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return temporary_folder() / f"sebench-{user}-{name}"


def _acquire(lock: FileLock, announce_waiting: Callable[[], None]) -> None:
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            announce_waiting()
            lock.acquire()
    except OSError as error:
        raise DeviceError(
            f"the device cannot be locked: {lock.lock_file}: {error.strerror or error}",
            hint="remove that file, or let XDG_CACHE_HOME name a folder of your own",
        ) from error
