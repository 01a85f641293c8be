"""The files of a directory that may be results, and one of them to a result or to why it is none."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from array import array
from pathlib import Path
from typing import NamedTuple

import msgspec

from sebench.errors import DataFileError
from sebench.files import Unreadable, describe_damage, read_file
from sebench.schema import SCHEMA, Result, in_todays_words, require_coherence

RESULTS = Path(".sebench/results")
"""Stored results."""
CALIBRATIONS = Path(".sebench/calibrations")
"""The noise of machines."""
ATTEMPTS = Path(".sebench/attempts")
"""Samples of gates, to be pooled when a gate is repeated."""


Stamp = tuple[int, int]
"""Size and time of change (ns): what tells an unchanged file from a changed one."""


class Scan(NamedTuple):
    """The files of a directory that may be results, in the order in which the system has them."""

    names: list[str]
    sizes: list[int]
    mtimes_ns: list[int]
    unseen: list[str]
    """Files that cannot be looked at; all other lists are of the others."""

    def stamps(self) -> dict[str, Stamp | None]:
        """The state of each file; None where it cannot be looked at."""
        states = zip(self.sizes, self.mtimes_ns, strict=True)
        return {**dict(zip(self.names, states, strict=True)), **dict.fromkeys(self.unseen)}

    def digest(self) -> bytes:
        """Of names and states in their order: who finds the same again need not compare file by file."""
        digest = hashlib.blake2b(os.fsencode("\0".join((*self.names, "", *self.unseen))), digest_size=16)
        for column in (self.sizes, self.mtimes_ns):
            digest.update(array("q", column))
        return digest.digest()


def scan(directory: Path) -> Scan:
    """Look at every file that may be a result. A directory that does not exist has none.

    Raises:
        DataFileError: the directory cannot be read.
    """
    found = Scan([], [], [], [])
    names, sizes, mtimes_ns, unseen = found
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                name = entry.name
                # Hidden are the index and what killed writers left behind.
                if not name.endswith(".json") or name.startswith("."):
                    continue
                try:
                    status = entry.stat()
                except OSError:
                    unseen.append(name)
                    continue
                if stat.S_ISREG(status.st_mode):
                    names.append(name)
                    sizes.append(status.st_size)
                    mtimes_ns.append(status.st_mtime_ns)
    except FileNotFoundError:
        return found
    except OSError as error:
        raise DataFileError(f"cannot read {directory}: {error.strerror}") from error
    return found


def names_in(directory: Path) -> list[str]:
    """Names of the files that may be results, in ascending order.

    Raises:
        DataFileError: the directory cannot be read.
    """
    found = scan(directory)
    return sorted((*found.names, *found.unseen))


def stamp(path: Path) -> Stamp | None:
    """That of one file; None where it cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


_FAMILY = "sebench/"
_STORED = "pass a file from .sebench/results"
_LISTED = "see 'sebench list results'"
_NAMES = {"result": "stored result"}


class _Header(msgspec.Struct):
    """What every JSON document of sebench begins with."""

    schema: str
    kind: str = "result"
    revision: int = 1


_header = msgspec.json.Decoder(_Header)
_SAID_KIND = re.compile(rb'"kind"\s*:\s*"([a-z_]+)"')
_BEGINNING = 4096
"""Bytes of a damaged file in which it may say what it was."""
_result = msgspec.json.Decoder(Result)


def load_result(path: Path) -> Result:
    """Read one stored result.

    Raises:
        DataFileError: missing, unreadable, damaged, foreign or newer; says which.
    """
    try:
        return parse_result(read_file(path))
    except OSError as error:
        raise DataFileError(f"cannot read {path}: {error.strerror}", hint=_LISTED) from error
    except DataFileError as error:
        raise DataFileError(f"{path} {error.message}", hint=error.hint) from error


def parse_result(content: bytes) -> Result:
    """The result that a file holds.

    Raises:
        DataFileError: it holds none; the message goes on where the name of the file ended.
    """
    revision = check_header(content)
    try:
        result = _result.decode(content)
        require_coherence(result)
    except Unreadable as error:
        raise _damaged(error) from error
    return in_todays_words(result, revision)


def check_header(content: bytes, kind: str = "result") -> int:
    """Refuse what is no document of this kind and schema; what is left is the revision of its words.

    Args:
        content: of a file.
        kind: of the document, as its header has it.

    Raises:
        DataFileError: foreign, damaged, newer or of another kind; the message goes on where the name of the
            file ended.
    """
    if not content.strip():
        raise DataFileError("is empty", hint=_STORED)
    try:
        header = _header.decode(content)
    except msgspec.ValidationError as error:  # JSON, but without these fields
        raise _foreign() from error
    except Unreadable as error:
        raise _damaged(error) from error
    if not header.schema.startswith(_FAMILY):
        raise _foreign()
    if header.schema != SCHEMA:
        raise DataFileError(
            f"has schema {header.schema!r}, this version reads {SCHEMA!r}", hint="upgrade sebench"
        )
    if header.kind != kind:
        article = "an" if header.kind.startswith(("a", "e", "i", "o")) else "a"
        raise DataFileError(f"holds {article} {header.kind}, not a {_NAMES.get(kind, kind)}", hint=_STORED)
    return header.revision


def said_kind(content: bytes) -> str | None:
    """The kind of document that a file says it is, though it may be damaged; None where it says nothing."""
    try:
        return _header.decode(content).kind
    except msgspec.ValidationError:
        return None
    except Unreadable:
        found = _SAID_KIND.search(content, 0, _BEGINNING)
        return None if found is None else found[1].decode()


def _foreign() -> DataFileError:
    return DataFileError("is not a sebench file", hint=_STORED)


def _damaged(error: Exception) -> DataFileError:
    return DataFileError(f"is damaged: {describe_damage(error)}", hint="measure again")
