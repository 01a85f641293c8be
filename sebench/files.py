"""Files that are read: regular ones, of a size that memory holds. Nothing else is read or waited for."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

LARGEST_BYTES = 256 * 2**20
"""A hundred times what a long measurement leaves."""

Unreadable = (ValueError, RecursionError, MemoryError)
"""What parsers raise on content that is damaged, nested without end or blown up."""


def read_file(path: Path, *, largest_bytes: int = LARGEST_BYTES) -> bytes:
    """All of a regular file.

    Raises:
        OSError: it is not there or cannot be read; or it is no regular file, or too large.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise _refusal(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):  # a pipe may have no writer, a device no end
        raise _refusal(errno.EINVAL, "it is not a regular file", path)
    if status.st_size > largest_bytes:
        raise _refusal(errno.EFBIG, f"it is larger than {largest_bytes // 2**20} MiB", path)
    try:
        return path.read_bytes()
    except MemoryError:
        raise _refusal(errno.ENOMEM, "there is not enough memory for it", path) from None


def digests(paths: Iterable[str]) -> dict[str, str]:
    """SHA-256 (hex) of the content of files, by path; those that cannot be read are left out."""
    found = {}
    for path in paths:
        try:
            found[path] = hashlib.sha256(read_file(Path(path))).hexdigest()
        except OSError:
            continue
    return found


def describe_damage(error: BaseException) -> str:
    """What is wrong with a file's content, in a few words, from the exception of its parser."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    return str(error)


def _refusal(number: int, text: str, path: Path) -> OSError:
    return OSError(number, text, os.fspath(path))
