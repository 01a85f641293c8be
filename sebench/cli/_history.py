"""Stored results for the commands that look back: by name, by directory, and by what they are about."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sebench.cli._boundary import say
from sebench.errors import DataFileError, UsageError, VariantError, near_matches
from sebench.store import ResultStore, load_result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sebench.schema import Result


def named_results(name: Path, store: ResultStore, *, quiet: bool) -> tuple[Result, ...]:
    """What one name stands for: a file, the results of a directory, or an id in `store`.

    Args:
        name: as given; of an id, as much as makes it unique.
        store: where ids are looked up.
        quiet: say nothing of files in a directory that cannot be read; one that is named is refused.

    Raises:
        DataFileError: there is no such result, several ids begin so, or the file cannot be read.
    """
    if name.is_dir():
        found = tuple(readable_results(name, quiet=quiet))
        if not found:
            raise DataFileError(f"there are no results in {name}", hint="`sebench compare` stores them")
        return found
    return (load_result(name if name.exists() else _by_id(str(name), store)),)


def readable_results(directory: Path, *, quiet: bool) -> Iterator[Result]:
    """All results of a directory, oldest first; what cannot be read is said and passed over."""
    for path in ResultStore(directory).paths():
        try:
            yield load_result(path)
        except DataFileError as error:
            if not quiet:
                say(f"warning: {error.message}; skipped")


def of_pair(
    results: Iterable[Result],
    *,
    models: Sequence[str] = (),
    variants: Sequence[str] = (),
    baseline: str | None = None,
) -> list[Result]:
    """Those about the named networks; an empty condition takes everything.

    Args:
        results: to choose from.
        models: names.
        variants: of the candidate, in any spelling.
        baseline: variant of the baseline, in any spelling.
    """
    candidates = {_canonical(text) for text in variants}
    against = None if baseline is None else _canonical(baseline)
    return [
        result
        for result in results
        if (not models or result.pair.candidate.model in models)
        and (not candidates or result.pair.candidate.variant in candidates)
        and against in (None, result.pair.baseline.variant)
    ]


def parse_since(text: str) -> datetime:
    """A date or time; UTC where it names no zone.

    Raises:
        UsageError: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--since {text!r} is no date", hint="write 2026-11-01 or 2026-11-01T12:00"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _canonical(variant: str) -> str:
    from sebench import models

    try:
        return str(models.parse_variant(variant))
    except VariantError:  # a result may hold what this version does not build
        return variant


def _by_id(name: str, store: ResultStore) -> Path:
    paths = {path.stem: path for path in store.paths()}
    fitting = [name] if name in paths else [known for known in paths if known.startswith(name)]
    if len(fitting) == 1:
        return paths[fitting[0]]
    if fitting:
        raise DataFileError(f"{name!r} begins {len(fitting)} ids in {store.directory}", hint="add more of it")
    hint = near_matches(name, paths) or "name a file, a directory or an id"
    raise DataFileError(f"no file and no result {name!r} in {store.directory}", hint=hint)
