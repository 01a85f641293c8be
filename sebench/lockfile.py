"""The lock file: one text for one lock, and the ways in which a file is none."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from sebench.errors import DataFileError
from sebench.files import Unreadable, describe_damage, read_file
from sebench.schema import NETWORK_OPTIONS, SCHEMA, Lock, in_todays_words

_FIRST = ("num_classes", "stride_in")
_HINT = "restore it, or delete it and run `sebench lock`"


def lock_text(lock: Lock) -> str:
    """The file's content: sorted keys, one value per line, no date; equal locks have equal texts."""
    content = msgspec.to_builtins(lock)
    for entry in content["entries"]:
        for option in NETWORK_OPTIONS:  # a file without the later ones stays what it was
            if option.field not in _FIRST and not entry[option.field]:
                del entry[option.field]
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def load_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        DataFileError: missing, unreadable, damaged, foreign or newer; says which.
    """
    try:
        raw = msgspec.json.decode(read_file(path))
    except FileNotFoundError as error:
        raise DataFileError(f"there is no lock file {path}", hint="run `sebench lock`") from error
    except OSError as error:
        raise DataFileError(f"cannot read {path}: {error.strerror}") from error
    except Unreadable as error:
        raise DataFileError(f"{path} is damaged: {describe_damage(error)}", hint=_HINT) from error
    revision = _check_header(path, raw)
    try:
        lock = msgspec.convert(raw, Lock)
    except Unreadable as error:
        raise DataFileError(f"{path} is damaged: {describe_damage(error)}", hint=_HINT) from error
    _check_unique(path, lock)
    return in_todays_words(lock, revision)


def _check_header(path: Path, raw: object) -> int:
    """The revision of the words in a lock."""
    header = raw if isinstance(raw, dict) else {}
    schema, kind, revision = header.get("schema"), header.get("kind"), header.get("revision", 1)
    if not isinstance(schema, str) or not schema.startswith("sebench/"):
        raise DataFileError(f"{path} is not a sebench file", hint="name a file that `sebench lock` wrote")
    if schema != SCHEMA:
        raise DataFileError(
            f"{path} has schema {schema!r}, this version reads {SCHEMA!r}", hint="upgrade sebench"
        )
    if kind != "lock":
        raise DataFileError(
            f"{path} is a sebench {kind}, not a lock", hint="name a file that `sebench lock` wrote"
        )
    return revision if isinstance(revision, int) else 1


def _check_unique(path: Path, lock: Lock) -> None:
    seen = set()
    for entry in lock.entries:
        if entry.network in seen:
            raise DataFileError(
                f"{path} is damaged: {entry.model} {entry.variant} is in it twice", hint=_HINT
            )
        seen.add(entry.network)
