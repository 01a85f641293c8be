"""One measurement at a time on a device: two would time each other."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import platformdirs
import psutil
from filelock import FileLock, Timeout

from sebench.errors import DeviceError
from sebench.runner.progress import Holder
from sebench.schema import Workload
from sebench.store import temporary_folder

Announce = Callable[[Holder | None], None]
"""Told who is waited for; None where that is not known."""

# Another run may get the device first; then that one is named.
_LOOK_AGAIN_S = 5.0
_COMMAND_LENGTH = 200
_LARGEST_PID = 2**31 - 1


@contextmanager
def alone_on(workload: Workload, announce_waiting: Announce) -> Iterator[float]:
    """Hold the devices of a workload; where another run holds one, wait for its end.

    Args:
        workload: its devices.
        announce_waiting: told whom it waits for, before it does and whenever that changes.

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
            locks.enter_context(_named(Path(lock.lock_file)))
        yield time.monotonic() - asked_s


def lock_file(device: str, environ: Mapping[str, str] = os.environ) -> Path:
    """In this user's cache, or under this user's name where there is none to write to.

    Args:
        device: as this process numbers it.
        environ: ``CUDA_VISIBLE_DEVICES`` in it says how everybody does.
    """
    name = f"{_words(_seen_by_all(device, environ))}.lock"
    folder = Path(platformdirs.user_cache_dir("sebench"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # no home to write to, as in many containers
        return _shared(name)
    # Several machines may have one home; each has devices of its own.
    here = folder / f"sebench-{_words(platform.node())}-{name}"
    return here if os.access(folder, os.W_OK) else _shared(name)


def typed_command(arguments: Sequence[str]) -> str:
    """A command line as it was typed: ``/usr/bin/python3 /opt/bin/sebench env`` -> ``sebench env``.

    Args:
        arguments: as in `sys.orig_argv`.
    """
    program, *rest = arguments or ("python",)
    if rest and not rest[0].startswith("-"):
        program, *rest = rest
    command = " ".join((Path(program).name, *rest))[:_COMMAND_LENGTH]
    return command.encode("utf-8", "backslashreplace").decode()  # arguments need not be proper Unicode


def _seen_by_all(device: str, environ: Mapping[str, str]) -> str:
    """``cuda:0`` of a process that sees GPU 2 alone is ``cuda:2``."""
    kind, _, index = device.partition(":")
    visible = [each.strip() for each in environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each.strip()]
    if kind != "cuda" or not index.isdecimal() or int(index) >= len(visible):
        return device
    return f"{kind}:{visible[int(index)]}"


def _words(name: str) -> str:
    """As part of a file's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name)


def _shared(name: str) -> Path:
    """Among everybody's temporary files, where nobody may open those of others."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return temporary_folder() / f"sebench-{user}-{name}"


def _acquire(lock: FileLock, announce_waiting: Announce) -> None:
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            _wait(lock, announce_waiting)
    except OSError as error:
        raise DeviceError(
            f"the device cannot be locked: {lock.lock_file}: {error.strerror or error}",
            hint="remove that file, or set XDG_CACHE_HOME to a directory of your own",
        ) from error


def _wait(lock: FileLock, announce_waiting: Announce) -> None:
    path = Path(lock.lock_file)
    holder = _read_holder(path)
    announce_waiting(holder)
    while True:
        try:
            lock.acquire(timeout=_LOOK_AGAIN_S)
        except Timeout:
            latest = _read_holder(path)
            if latest is not None and latest != holder:
                holder = latest
                announce_waiting(holder)
        else:
            return


# --- who holds it ---------------------------------------------------------------------------------------


@contextmanager
def _named(lock: Path) -> Iterator[None]:
    """Say beside a lock who holds it: whoever waits for the lock empties the file of the lock itself.

    Nobody depends on it, so it is left out where it cannot be written.
    """
    holder, path = Holder(os.getpid(), typed_command(sys.orig_argv)), _holder_file(lock)
    with contextlib.suppress(OSError):
        _write(path, msgspec.json.encode(holder))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def _read_holder(lock: Path) -> Holder | None:
    """Who holds a lock; None where it is not said, or by a process that is gone."""
    try:
        holder = msgspec.json.decode(_holder_file(lock).read_bytes(), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None
    return holder if 0 < holder.pid <= _LARGEST_PID and psutil.pid_exists(holder.pid) else None


def _write(path: Path, content: bytes) -> None:
    """Not through a link, which in a folder for everybody could lead anywhere."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as stream:
        stream.write(content)


def _holder_file(lock: Path) -> Path:
    return lock.with_suffix(".holder")
