"""Finds the configuration of a directory and reads it; and settings back to text."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from sebench.configuration.decoding import Place, decode
from sebench.configuration.settings import Configuration, Sections
from sebench.errors import ConfigurationError
from sebench.files import Unreadable, describe_damage, read_file

OWN_FILE = "sebench.toml"
SHARED_FILE = "pyproject.toml"


def load_configuration(directory: Path) -> Configuration:
    """The settings that hold in a directory.

    They stand in ``sebench.toml`` or under ``[tool.sebench]`` of ``pyproject.toml``, in the directory or in
    its nearest parent that has either, up to the root of the git repository. Outside of one no parent is
    searched.

    Args:
        directory: where the command runs.

    Returns:
        The settings; empty, with no `source`, where there are none.

    Raises:
        ConfigurationError: a file that cannot be read, both files in one directory, an unknown key or a
            value that cannot be meant. Names file, table and key.
    """
    for folder in _searched(directory):
        found = _tables(folder, directory)
        if len(found) > 1:
            raise ConfigurationError(
                f"sebench is configured twice in {folder}: in {OWN_FILE} and in {SHARED_FILE} [tool.sebench]",
                hint="keep one of them",
            )
        for path, place, table in found:
            sections = decode(table, Sections, place)
            return Configuration(lock=sections.lock, check=sections.check, source=path)
    return Configuration()


def _searched(directory: Path) -> Iterator[Path]:
    folders = (directory, *directory.resolve().parents)
    root = next((i for i, folder in enumerate(folders) if (folder / ".git").exists()), 0)
    yield from folders[: root + 1]


def _tables(folder: Path, directory: Path) -> list[tuple[Path, Place, object]]:
    """What the files of one folder say: path, place and table of each that says anything."""
    own, shared = folder / OWN_FILE, folder / SHARED_FILE
    found: list[tuple[Path, Place, object]] = []
    if own.is_file():
        place, table = Place(file=_shown(own, directory)), read_toml(own, directory)
        if "tool" in table:
            place.refuse("unknown table [tool]", f"[tool.sebench.check] of {SHARED_FILE} is [check] here")
        found.append((own, place, table))
    if shared.is_file():
        tool = read_toml(shared, directory).get("tool")
        if isinstance(tool, dict) and "sebench" in tool:
            place = Place(file=_shown(shared, directory), table="tool.sebench")
            found.append((shared, place, tool["sebench"]))
    return found


def read_toml(path: Path, directory: Path) -> dict[str, Any]:
    """What a file says.

    Args:
        path: of the file.
        directory: in which messages call it by its name alone.

    Raises:
        ConfigurationError: it cannot be read, or is not TOML.
    """
    shown = _shown(path, directory)
    try:
        return tomllib.loads(read_file(path).decode())
    except OSError as error:
        raise ConfigurationError(f"cannot read {shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{shown} is not UTF-8 text", hint="save it as UTF-8") from error
    except Unreadable as error:  # TOMLDecodeError is a ValueError; so is a number of 5000 digits
        raise ConfigurationError(f"{shown} is not valid TOML: {describe_damage(error)}") from error


def _shown(path: Path, directory: Path) -> str:
    """The name alone where it is the file at hand."""
    return path.name if path.parent == directory else str(path)


def dump_configuration(configuration: Configuration) -> str:
    """TOML in the form of ``sebench.toml``, defaults included; loads back to the same settings.

    Args:
        configuration: its `source` is not part of the text.
    """
    sections = Sections(lock=configuration.lock, check=configuration.check)
    return tomli_w.dumps(_without_none(msgspec.to_builtins(sections)))


def _without_none(value: Any) -> Any:  # noqa: ANN401 - TOML
    """TOML has no null: what is None is left out."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value
