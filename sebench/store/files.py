"""Files: those that last, whole or absent and flushed to the disk, and temporary ones."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sebench.errors import DataFileError

RESULT_BYTES = 2 * 2**20
"""Several times what a rigorous measurement of a large network takes."""
DOCUMENT_BYTES = 64 * 2**10
"""As much as most tables and reports take."""


def write_atomic(path: Path, content: str | bytes, *, overwrite: bool = True) -> None:
    """Write text (as UTF-8) or bytes to a temporary name, flush and rename: readers see all of it or nothing.

    The directory is flushed too, so that the name survives a power cut as the content does.

    Args:
        path: to write; missing directories are made.
        content: all of it.
        overwrite: whether a file of that name may be replaced.

    Raises:
        DataFileError: `path` is a directory or must not be replaced, or its directory cannot be written or
            is full.
    """
    # A file name that is no text may be part of it; what cannot be written as UTF-8 is spelt out.
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    if path.is_dir():
        raise DataFileError(f"cannot write {path}: it is a directory", hint="name a file")
    if overwrite and path.exists() and not path.is_file():  # a device or a pipe cannot be replaced
        return _write_through(path, data)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        _inherit_mode(Path(name))
        _publish(Path(name), path, overwrite=overwrite)
        _sync_directory(path.parent)
    except FileExistsError as error:
        raise DataFileError(f"{path} exists already", hint="it was left as it is") from error
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
    return None


def check_writable(path: Path) -> None:
    """Fail before an hour of measuring rather than after it.

    Raises:
        DataFileError: `path` is a directory, or its directory does not take files or is full.
    """
    if path.is_dir():
        raise DataFileError(f"cannot write {path}: it is a directory", hint="name a file")
    if path.exists() and not os.access(path, os.W_OK):
        raise DataFileError(f"cannot write {path}: it is write-protected", hint="choose another path")
    if path.is_char_device():
        _try_device(path)
    elif path.is_file() or not path.exists():
        _try_directory(path.parent, path, DOCUMENT_BYTES)


def check_directory(directory: Path) -> None:
    """As `check_writable`, for results, whose names will be known later.

    Raises:
        DataFileError: it does not take files, cannot be made, or has no room for a result.
    """
    _try_directory(directory, directory, RESULT_BYTES)


def _try_directory(directory: Path, asked: Path, room_bytes: int) -> None:
    """Only bytes that have reached the disk show that there is room for them."""
    existing = next(folder for folder in (directory, *directory.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing, buffering=0) as stream:
            _write_all(stream, os.urandom(room_bytes))  # a file system may compress everything else
            os.fsync(stream.fileno())
    except OSError as error:
        raise _cannot_write(asked, error) from error


def _write_all(stream: IO[bytes], data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]


def _try_device(path: Path) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            os.write(handle, b"")
        finally:
            os.close(handle)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _publish(temporary: Path, path: Path, *, overwrite: bool) -> None:
    """Give a complete file its name; where it may not replace another, only one of several writers succeeds.

    Raises:
        FileExistsError: there is one, and `overwrite` is false.
    """
    if overwrite:
        temporary.replace(path)
        return
    try:
        path.hardlink_to(temporary)  # unlike a rename, this fails where the name is taken
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from None
        temporary.replace(path)


def _sync_directory(directory: Path) -> None:
    # The file is whole by now either way; some file systems cannot flush a directory.
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write_through(path: Path, data: bytes) -> None:
    try:
        with path.open("wb") as stream:
            stream.write(data)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> DataFileError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "choose another path or free some space" if full else "choose another path"
    return DataFileError(f"cannot write {path}: {error.strerror}", hint=hint)


def _inherit_mode(path: Path) -> None:
    # mkstemp makes private files; results are meant to be shared like any other file of the user.
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


def temporary_folder() -> Path:
    """Where temporary files go.

    Raises:
        DataFileError: no folder that usually holds them can be written.
    """
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        raise _nowhere(error) from error


def temporary_file() -> IO[bytes]:
    """An empty one that goes when it is closed.

    Raises:
        DataFileError: as `temporary_folder`, or the folder is full.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise _nowhere(error) from error


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """An empty folder of the user's own, which goes with all that is in it when the with-statement ends.

    Args:
        prefix: of its name.

    Raises:
        DataFileError: as `temporary_folder`, or the folder is full.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    except OSError as error:
        raise _nowhere(error) from error
    with folder as name:
        yield Path(name)


def _nowhere(error: OSError) -> DataFileError:
    return DataFileError(
        f"temporary files cannot be written: {error.strerror}",
        hint="set TMPDIR to a writable directory",
    )
