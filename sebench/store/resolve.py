"""What a user names on the command line to the files that are meant."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from sebench.errors import DataFileError, near_matches
from sebench.schema import SkippedFile
from sebench.store.contents import Contents
from sebench.store.results import ResultStore, unwatched

_SHOWN = 3


def resolve_results(
    names: Sequence[str],
    store: ResultStore,
    *,
    on_skip: Callable[[SkippedFile], None] = lambda skipped: None,
    progress: Callable[[int], None] = unwatched,
) -> tuple[Path, ...]:
    """The files of the results that are named, each once, in the order they are named.

    Args:
        names: each a file, a directory (the results in it, oldest first), an id, or how just one id begins.
        store: that ids are looked up in.
        on_skip: told about the files of a directory that are no results.
        progress: as of `ResultStore.contents`.

    Returns:
        Paths; a file named as such is not opened here.

    Raises:
        DataFileError: nothing, or more than one result, goes by a name.
    """
    found: list[Path] = []
    contents: Contents | None = None
    for name in names:
        path = Path(name)
        if name and path.is_dir():
            found.extend(_results_in(path, on_skip, progress))
        elif name and path.exists():
            found.append(path)
        else:
            contents = store.contents(progress=progress) if contents is None else contents
            found.append(_by_id(name, contents, store.directory))
    unique: dict[Path, Path] = {}
    for path in found:
        unique.setdefault(path.resolve(), path)
    return tuple(unique.values())


def _results_in(
    directory: Path, on_skip: Callable[[SkippedFile], None], progress: Callable[[int], None]
) -> list[Path]:
    contents = ResultStore(directory).contents(progress=progress)
    for skipped in contents.skipped:
        on_skip(skipped)
    if not contents.paths:
        raise DataFileError(f"there are no results in {directory}", hint="`sebench compare` stores them")
    return list(contents.paths.values())


def _by_id(name: str, contents: Contents, directory: Path) -> Path:
    paths = contents.paths
    if name in paths:
        return paths[name]
    matching = [known for known in paths if name and known.startswith(name)]
    if len(matching) == 1:
        return paths[matching[0]]
    if matching:
        shown = ", ".join(matching[:_SHOWN]) + (", ..." if len(matching) > _SHOWN else "")
        raise DataFileError(f"{name!r} matches {len(matching)} IDs: {shown}", hint="give more characters")
    if os.sep in name or name.endswith(".json"):
        raise DataFileError(f"cannot read {name}: No such file or directory", hint=_near(name, paths))
    raise DataFileError(f"no result {name!r} in {directory}", hint=_near(name, paths))


def _near(name: str, ids: Collection[str]) -> str:
    """Ids that hold the name, or that are spelt alike."""
    holding = [known for known in ids if name and name in known][:_SHOWN]
    if holding:
        return f"did you mean {' or '.join(map(repr, holding))}?"
    return near_matches(name, ids) or "see 'sebench list results'"
