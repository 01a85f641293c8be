"""A directory with one self-contained JSON file per result, and what can be asked of it quickly."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from sebench.errors import DataFileError
from sebench.files import read_file
from sebench.schema import Result, ResultSummary, SkippedFile, StoreContents, WorkloadRequest
from sebench.store.cache import sources_digest
from sebench.store.files import write_atomic
from sebench.store.index import INDEX_NAME, Derivation, Entry, Index, summarise
from sebench.store.reading import Stamp, load_result, parse_result, stamp, stamps
from sebench.store.selection import criteria

T = TypeVar("T")

_Facts = ResultSummary | str
"""What a file is in a listing: a result, or the reason why it is none."""
_BATCH = 256


class ResultStore:
    """Stored results of one directory.

    Several processes may add to it and read from it at the same time. The directory and its files are all
    there is; the index beside them only saves reading what has been read before.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._index = Index(directory / INDEX_NAME)

    def add(self, result: Result) -> Path:
        """Store a result under its id.

        Raises:
            DataFileError: the directory cannot be written, or holds a result of this id already.
        """
        path = self.directory / f"{result.id}.json"
        write_atomic(
            path, msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n", overwrite=False
        )
        return path

    def paths(self) -> tuple[Path, ...]:
        """Files of stored results, oldest first (ids begin with their UTC time); some may be damaged."""
        return tuple(self.directory / name for name in stamps(self.directory))

    def contents(self) -> StoreContents:
        """All results, newest last, and the files that are none."""
        results, skipped = [], []
        beside = str(self.directory / "_")[
            :-1
        ]  # joining thousands of paths takes longer than reading the index
        for name, facts in self._facts().items():
            path = f"{beside}{name}"
            if isinstance(facts, str):
                skipped.append(SkippedFile(path=path, reason=facts))
            else:
                results.append(replace(facts, path=path))
        unique, repeated = _without_copies(results)
        skipped = sorted((*skipped, *repeated), key=lambda item: item.path)
        return StoreContents(results=unique, skipped=tuple(skipped))

    def select(
        self,
        *,
        model: str | Collection[str] | None = None,
        variant: str | Collection[str] | None = None,
        commit: str | None = None,
        since: datetime | None = None,
        fingerprint: str | None = None,
        **workload: Any,  # noqa: ANN401 - as the fields are
    ) -> tuple[ResultSummary, ...]:
        """The results that meet all conditions, newest last.

        Args:
            model: one or several names.
            variant: of the candidate, in canonical form; one or several.
            commit: how the commit measured in begins.
            since: the earliest time of measurement.
            fingerprint: `sebench.schema.fingerprint` of the environment.
            workload: options that one of its workloads was measured with, e.g. ``phase="training"``, by the
                names in `WorkloadRequest`; ``device="cuda"`` means any ``cuda:N``.
        """
        wanted = criteria(
            model=model,
            variant=variant,
            workload=WorkloadRequest(**workload),
            commit=commit,
            since=since,
            fingerprint=fingerprint,
        )
        return tuple(
            summary
            for summary in self.contents().results
            if all(criterion.holds(summary) for criterion in wanted)
        )

    def load(self, which: ResultSummary | str) -> Result:
        """The whole of one result.

        Args:
            which: its summary or its id.

        Raises:
            DataFileError: there is none of this id, or its file cannot be read any more.
        """
        if isinstance(which, ResultSummary):
            return load_result(Path(which.path))
        found = [summary for summary in self.contents().results if summary.id == which]
        if not found:
            raise DataFileError(f"no result {which!r} in {self.directory}", hint="see 'sebench list results'")
        return load_result(Path(found[0].path))

    def derive(
        self,
        summaries: Sequence[ResultSummary],
        derivation: Derivation[T],
        compute: Callable[[Result], T],
        *,
        progress: Callable[[int], None] = lambda left: None,
    ) -> tuple[T, ...]:
        """A pure function of each result, computed once per file and version of its code.

        Args:
            summaries: of this store.
            derivation: what the index knows the function by.
            compute: the function.
            progress: told how many are left to compute, as often as some have been kept.

        Raises:
            DataFileError: a file has become unreadable since it was listed.
        """
        named = [_name(summary) for summary in summaries]
        names = dict.fromkeys(named)
        known, now = self._index.read(derivation), {name: stamp(self.directory / name) for name in names}
        values = {name: known[name].value for name in names if _is_fresh(known, name, now[name])}
        missing = [name for name in names if name not in values]
        for start in range(0, len(missing), _BATCH):
            progress(len(missing) - start)
            batch = {
                name: Entry(now[name], compute(load_result(self.directory / name)))
                for name in missing[start : start + _BATCH]
            }
            self._index.write(derivation, batch)
            values |= {name: entry.value for name, entry in batch.items()}
        return tuple(values[name] for name in named)

    def _facts(self) -> Mapping[str, _Facts]:
        """By file name: the summary of a result, or why the file is none."""
        # The index is read before the directory: what it holds and the directory does not has gone since.
        known = self._index.read(_facts_derivation())
        facts: dict[str, _Facts] = {}
        changed: dict[str, Entry[_Facts]] = {}
        for name, seen in stamps(self.directory).items():
            if _is_fresh(known, name, seen):
                facts[name] = known[name].value
                continue
            facts[name], lasting = _read_facts(self.directory / name)
            if lasting:
                changed[name] = Entry(seen, facts[name])
        self._index.write(_facts_derivation(), changed)
        self._index.forget(known.keys() - facts.keys())
        return facts


@cache
def _facts_derivation() -> Derivation[_Facts]:
    return Derivation(key="facts", version=sources_digest("schema", "store"), type=_Facts)


def _is_fresh(known: Mapping[str, Entry[T]], name: str, now: Stamp | None) -> bool:
    return now is not None and name in known and known[name].stamp == now


def _name(summary: ResultSummary) -> str:
    return summary.path.rpartition(os.sep)[2]


def _read_facts(path: Path) -> tuple[_Facts, bool]:
    """What a file is, and whether it stays that until it is changed (permissions are no change)."""
    try:
        return summarise(parse_result(read_file(path))), True
    except DataFileError as error:
        return error.message, True
    except OSError as error:
        return f"cannot be read: {error.strerror}", False


def _without_copies(
    results: Iterable[ResultSummary],
) -> tuple[tuple[ResultSummary, ...], list[SkippedFile]]:
    """Each result once, newest last; a copy under another name is not a second measurement."""
    unique: dict[str, ResultSummary] = {}
    copies: list[SkippedFile] = []
    for summary in sorted(results, key=lambda one: (one.created, one.id, _is_copy(one), one.path)):
        if summary.id in unique:
            original = Path(unique[summary.id].path).name
            copies.append(SkippedFile(path=summary.path, reason=f"has the id of {original}"))
        else:
            unique[summary.id] = summary
    return tuple(unique.values()), copies


def _is_copy(summary: ResultSummary) -> bool:
    return _name(summary) != f"{summary.id}.json"
