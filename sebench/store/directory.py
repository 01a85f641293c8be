"""Which files of a directory may be results, and whether they have changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from sebench.errors import DataFileError


class Stamp(NamedTuple):
    """What tells an unchanged file from a changed one."""

    size: int
    mtime_ns: int


def stamps(directory: Path) -> dict[str, Stamp | None]:
    """The files that may be results by name, in ascending order; None where one cannot be looked at.

    A directory that does not exist holds none.

    Raises:
        DataFileError: the directory cannot be read.
    """
    try:
        with os.scandir(directory) as entries:
            found = {entry.name: _status(entry) for entry in entries if _is_visible_json(entry.name)}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataFileError(f"cannot read {directory}: {error.strerror}") from error
    return {
        name: status and _stamp(status)
        for name, status in sorted(found.items())
        if status is None or stat.S_ISREG(status.st_mode)
    }


def stamp(path: Path) -> Stamp | None:
    """That of one file; None where it cannot be looked at."""
    status = _status(path)
    return status and _stamp(status)


def _is_visible_json(name: str) -> bool:
    # Hidden are the index and what killed writers left behind.
    return name.endswith(".json") and not name.startswith(".")


def _status(file: Path | os.DirEntry[str]) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_size, status.st_mtime_ns)
