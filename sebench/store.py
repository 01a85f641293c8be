"""Files that last: whole or absent, and named when they cannot be read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import msgspec

from sebench.errors import DataFileError
from sebench.schema import SCHEMA, ModelCost, Result


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write text (as UTF-8) or bytes to a temporary name, flush and rename: readers see all of it or nothing.

    Raises:
        DataFileError: `path` is a directory, or its directory cannot be written or is full.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.is_dir():
        raise DataFileError(f"cannot write {path}: it is a directory", hint="name a file")
    if path.exists() and not path.is_file():  # a device or a pipe cannot be replaced by renaming
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
        Path(name).replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
    return None


def check_writable(path: Path) -> None:
    """Fail before an hour of measuring rather than after it.

    Raises:
        DataFileError: `path` is a directory, or its directory does not take files.
    """
    if path.is_dir():
        raise DataFileError(f"cannot write {path}: it is a directory", hint="name a file")
    parent = next(folder for folder in (path.parent, *path.parent.parents) if folder.exists())
    if path.exists() and not os.access(path, os.W_OK):
        raise DataFileError(f"cannot write {path}: it is write-protected", hint="choose another path")
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise _cannot_write(path, error) from error


class ResultStore:
    """A directory with one self-contained JSON file per result."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def add(self, result: Result) -> Path:
        """Store a result under its id.

        Raises:
            DataFileError: the directory cannot be written.
        """
        path = self.directory / f"{result.id}.json"
        write_atomic(path, msgspec.json.format(msgspec.json.encode(result), indent=1).decode() + "\n")
        return path

    def paths(self) -> tuple[Path, ...]:
        """Files of stored results, oldest first (ids begin with their UTC time)."""
        return tuple(sorted(self.directory.glob("*.json")))


def load_result(path: Path) -> Result:
    """Read one stored result.

    Raises:
        DataFileError: missing, unreadable, damaged, foreign or newer; says which.
    """
    try:
        raw = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise DataFileError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path} is damaged: {error}", hint="measure again") from error
    _check_header(path, raw)
    try:
        return msgspec.convert(raw, Result)
    except msgspec.ValidationError as error:
        raise DataFileError(f"{path} is damaged: {error}", hint="measure again") from error


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


def _check_header(path: Path, raw: object) -> None:
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if not isinstance(schema, str) or not schema.startswith("sebench/"):
        raise DataFileError(f"{path} is not a sebench file", hint="pass a file from .sebench/results")
    if schema != SCHEMA:
        raise DataFileError(
            f"{path} has schema {schema!r}, this version reads {SCHEMA!r}", hint="upgrade sebench"
        )


def _write_through(path: Path, data: bytes) -> None:
    try:
        with path.open("wb") as stream:
            stream.write(data)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> DataFileError:
    return DataFileError(
        f"cannot write {path}: {error.strerror}", hint="choose another path or free some space"
    )


def _inherit_mode(path: Path) -> None:
    # mkstemp makes private files; results are meant to be shared like any other file of the user.
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)
