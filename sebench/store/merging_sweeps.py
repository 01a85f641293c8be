"""The books of a sweep's shards, ``NAME.1-of-3`` and so on, into one book ``NAME``."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from sebench.errors import DataFileError, UsageError
from sebench.schema import MergedSweep, RepeatedCase, SkippedFile
from sebench.schema.sweep import Case, CaseOutcome, Sweep
from sebench.store.sweeps import SWEEPS, SweepBook

_SHARD = re.compile(r"\.\d{1,6}-of-\d{1,6}\Z", re.ASCII)
_RANKS = ("pending", "skipped", "failed", "done")
"""Of two outcomes of a case the one that stands later here is taken."""


def books(source: Path) -> tuple[str, ...]:
    """Names of the books in a directory of results.

    Raises:
        DataFileError: their folder cannot be read.
    """
    try:
        return tuple(sorted(entry.name for entry in os.scandir(source / SWEEPS) if _is_book(entry.path)))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise DataFileError(f"cannot read {source / SWEEPS}: {error.strerror}") from error


def merge_sweeps(
    sources: Iterable[Path],
    into: Path,
    *,
    is_stored: Callable[[str], bool],
    on_damage: Callable[[Path, SkippedFile], None],
    dry_run: bool = False,
) -> Iterator[MergedSweep]:
    """Put the books of each sweep together; their results have been merged before.

    Args:
        sources: directories of results.
        into: gets the books.
        is_stored: whether it has a result of an id.
        on_damage: told about a source and a book in it that cannot be read.
        dry_run: write nothing.

    Yields:
        What each has become.

    Raises:
        DataFileError: a book cannot be written, or is being written by another process.
    """
    found: dict[str, list[tuple[Path, str]]] = {}
    for source in sources:
        for name in books(source):
            found.setdefault(_SHARD.sub("", name), []).append((source, name))
    for name, parts in sorted(found.items()):
        read = [part for each in parts if (part := _read(*each, on_damage))]
        if not read:
            continue
        book = SweepBook(into, name)
        with nullcontext() if dry_run else book.held():
            united = _United()
            for token, sweep in (*((book.healed(),) if book.exists else ()), *read):
                united.add(token, sweep)
            outcomes, missing = united.outcomes(is_stored)
            if not dry_run:
                book.rewrite(united.token, tuple(united.cases.values()), outcomes)
        counts = Counter(outcome.status for outcome in outcomes)
        yield MergedSweep(
            name=name,
            books=len(read),
            done=counts["done"],
            failed=counts["failed"],
            skipped=counts["skipped"],
            pending=counts["pending"],
            repeated=tuple(united.repeated),
            missing=missing,
        )


def _is_book(folder: str) -> bool:
    return (Path(folder) / "sweep.json").is_file()


def _read(
    source: Path, name: str, on_damage: Callable[[Path, SkippedFile], None]
) -> tuple[str, Sweep] | None:
    """What is in a book; None where it cannot be read."""
    try:
        return SweepBook(source, name).healed()
    except (DataFileError, UsageError) as error:
        on_damage(
            source, SkippedFile(path=str(source / SWEEPS / name), reason=f"is no book: {error.message}")
        )
        return None


@dataclass(slots=True)
class _United:
    """The cases of several books, with the best outcome of each."""

    token: str = ""
    cases: dict[str, Case] = field(default_factory=dict)
    repeated: list[RepeatedCase] = field(default_factory=list)
    _best: dict[str, CaseOutcome] = field(default_factory=dict)

    def add(self, token: str, sweep: Sweep) -> None:
        """Those of one more book; what is known of a case is what an earlier one says."""
        self.token = self.token or token
        for case in sweep.cases:
            self.cases.setdefault(case.id, case)
        for outcome in sweep.outcomes:
            known = self._best.get(outcome.id)
            self._best[outcome.id] = outcome if known is None else self._better(known, outcome)

    def outcomes(self, is_stored: Callable[[str], bool]) -> tuple[tuple[CaseOutcome, ...], tuple[str, ...]]:
        """One per case, and the results that there should be: their cases have to be measured again."""
        missing = {
            name: each.result
            for name, each in self._best.items()
            if each.result is not None and not is_stored(each.result)
        }
        return (
            tuple(CaseOutcome(id=name) if name in missing else self._best[name] for name in self.cases),
            tuple(missing.values()),
        )

    def _better(self, one: CaseOutcome, other: CaseOutcome) -> CaseOutcome:
        if one.status != other.status:
            return max(one, other, key=lambda outcome: _RANKS.index(outcome.status))
        if one.result is None or other.result is None or one.result == other.result:
            return one
        kept, dropped = sorted((one, other), key=lambda outcome: outcome.result or "")  # ids begin with times
        self.repeated.append(RepeatedCase(case=one.id, kept=str(kept.result), dropped=str(dropped.result)))
        return kept
