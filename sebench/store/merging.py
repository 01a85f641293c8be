"""Results of several directories into one: each once, none overwritten, and the sources as they were."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sebench.errors import DataFileError, UsageError
from sebench.files import read_file
from sebench.schema import Conflict, Merge, MergedSource, MergedSweep, Result, SkippedFile
from sebench.store.files import check_directory, write_atomic
from sebench.store.merging_sweeps import books, merge_sweeps
from sebench.store.reading import RESULTS, names_in, parse_result
from sebench.store.results import ResultStore


def merge(
    sources: Sequence[Path],
    into: Path,
    *,
    dry_run: bool = False,
    on_source: Callable[[Path, int], None] = lambda source, files: None,
) -> Merge:
    """Copy the results of several directories into one.

    Every file is copied whole or not at all, so that who is stopped may begin again: what was copied is then
    there already. The books of the shards of a sweep become one book.

    Args:
        sources: directories of results; one that is named twice is read once.
        into: is made if it does not exist.
        dry_run: say what would happen, and write nothing.
        on_source: told which directory comes next, and how many files it has.

    Returns:
        What became of the files, also where the disk is full before the last one.

    Raises:
        DataFileError: a source cannot be read or holds nothing, or `into` cannot be written; nothing was
            merged.
        UsageError: a source is `into` itself.
    """
    if into.exists() and not into.is_dir():
        raise DataFileError(f"cannot merge into {into}: it is not a directory", hint="choose another --into")
    files = _files_of(sources, into)
    if not dry_run:
        check_directory(into)
    target = _Target(into, dry_run=dry_run)
    tallies = {source: _Tally() for source in files}
    sweeps: list[MergedSweep] = []
    reason = None
    try:
        for source, names in files.items():
            on_source(source, len(names))
            for name in names:
                tallies[source].add(source / name, target)
        for sweep in merge_sweeps(
            files,
            into,
            is_stored=target.has,
            on_damage=lambda source, file: tallies[source].damaged.append(file),
            dry_run=dry_run,
        ):
            sweeps.append(sweep)  # noqa: PERF402 - those before a failure are kept
    except DataFileError as error:
        reason = str(error)
    return Merge(
        into=str(into),
        dry_run=dry_run,
        sources=tuple(tally.of(source) for source, tally in tallies.items()),
        sweeps=tuple(sweeps),
        reason=reason,
    )


@dataclass(slots=True)
class _Tally:
    """What became of the files of one source so far."""

    new: int = 0
    present: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    damaged: list[SkippedFile] = field(default_factory=list)

    def add(self, path: Path, target: _Target) -> None:
        try:
            content = read_file(path)
            result = None if target.has_file(path.name, content) else parse_result(content)
        except DataFileError as error:
            self.damaged.append(SkippedFile(path=str(path), reason=error.message))
            return
        except OSError as error:
            self.damaged.append(SkippedFile(path=str(path), reason=f"cannot be read: {error.strerror}"))
            return
        if result is None:
            self.present += 1
            return
        existing = target.take(path, content, result)
        if existing is None:
            self.new += 1
        elif _is_same(existing, content, result):
            self.present += 1
        else:
            self.conflicts.append(Conflict(id=result.id, path=str(path), existing=str(existing)))

    def of(self, source: Path) -> MergedSource:
        return MergedSource(
            directory=str(source),
            new=self.new,
            present=self.present,
            conflicts=tuple(self.conflicts),
            damaged=tuple(self.damaged),
        )


class _Target:
    """The directory that is merged into."""

    def __init__(self, directory: Path, *, dry_run: bool) -> None:
        self._directory, self._dry_run = directory, dry_run
        self._files = dict(ResultStore(directory, read_only=dry_run).contents().paths)
        """The file of each id; before something is written for good, that of the source."""

    def has(self, result_id: str) -> bool:
        """Whether it has a result of this id."""
        return result_id in self._files

    def has_file(self, name: str, content: bytes) -> bool:
        """Whether it has a result of that name and content, so that need not be looked into."""
        known = self._files.get(name.removesuffix(".json"))
        return known is not None and known.name == name and _content(known) == content

    def take(self, path: Path, content: bytes, result: Result) -> Path | None:
        """Copy a result unless its id is taken.

        Returns:
            The file that has its id already.

        Raises:
            DataFileError: it cannot be written.
        """
        if result.id in self._files:
            return self._files[result.id]
        copy = self._directory / f"{result.id}.json"
        if os.path.lexists(copy):
            return copy
        if not self._dry_run:
            try:
                write_atomic(copy, content, overwrite=False)
            except DataFileError:
                if copy.exists():  # another process was faster
                    return copy
                raise
        self._files[result.id] = path if self._dry_run else copy
        return None


def _is_same(existing: Path, content: bytes, result: Result) -> bool:
    """Whether a file has this content, maybe laid out in another way."""
    other = _content(existing)
    if other is None or other == content:
        return other is not None
    try:
        return parse_result(other) == result
    except DataFileError:
        return False


def _content(path: Path) -> bytes | None:
    try:
        return read_file(path)
    except OSError:
        return None


def _files_of(sources: Sequence[Path], into: Path) -> Mapping[Path, list[str]]:
    """The files of each source that may be results; all are looked at before anything is written."""
    target = _identity(into) if into.exists() else None
    seen: set[tuple[int, int]] = set()
    files: dict[Path, list[str]] = {}
    for source in sources:
        identity = _identity(source)
        if identity == target:
            raise UsageError(f"{source} is where the results go", hint="name the other directories only")
        names = names_in(source)
        if not names and not books(source):
            raise DataFileError(f"there are no results in {source}", hint=_way_out(source))
        if identity not in seen:
            files[source] = names
        seen.add(identity)
    return files


def _identity(directory: Path) -> tuple[int, int]:
    try:
        status = directory.stat()
    except OSError as error:
        raise DataFileError(f"cannot read {directory}: {error.strerror}", hint="name directories") from error
    if not stat.S_ISDIR(status.st_mode):
        raise DataFileError(f"cannot read {directory}: it is not a directory", hint="name directories")
    return status.st_dev, status.st_ino


def _way_out(source: Path) -> str:
    for inner in (source / RESULTS, source / RESULTS.name):
        if inner.is_dir():
            return f"did you mean {inner}?"
    return "leave it out"
