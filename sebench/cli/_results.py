"""Which stored results a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.errors import DataFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sebench.schema import Result
    from sebench.store import ResultStore

DEFAULT_RESULTS = Path(".sebench/results")
ResultsDirectory = Annotated[
    Path, typer.Option("--results", help="Directory of stored results that ids are looked up in.")
]


def named_results(names: Sequence[str], directory: Path) -> list[Result]:
    """The results that are named, each once; all of `directory` where no name is given.

    Args:
        names: Files, directories, ids, or how exactly one id begins.
        directory: Where ids are looked up.

    Raises:
        DataFileError: nothing, or more than one result, goes by a name; or a file cannot be read.
    """
    from sebench.store import ResultStore, load_result

    store = ResultStore(directory)
    paths = [path for name in names for path in _paths(name, store)] if names else store.paths()
    return [load_result(path) for path in {path.resolve(): path for path in paths}.values()]


def _paths(name: str, store: ResultStore) -> Iterator[Path]:
    from sebench.store import ResultStore

    path = Path(name)
    if path.is_dir():
        found = ResultStore(path).paths()
        if not found:
            raise DataFileError(f"there are no results in {path}", hint="`sebench compare` stores them")
        yield from found
    elif path.exists():
        yield path
    else:
        yield _by_id(name, store)


def _by_id(name: str, store: ResultStore) -> Path:
    matching = [path for path in store.paths() if name and path.stem.startswith(name)]
    exact = [path for path in matching if path.stem == name]
    if len(exact or matching) == 1:
        return (exact or matching)[0]
    if matching:
        raise DataFileError(
            f"{name!r} begins {len(matching)} ids in {store.directory}", hint="add more of it"
        )
    raise DataFileError(f"no file and no result {name!r} in {store.directory}")
