"""A directory of results at one moment: a table by column, in which few of many rows are found fast."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from sebench.schema import Pair, ResultSummary, SkippedFile, Workload
from sebench.store.reading import Stamp
from sebench.store.selection import Criterion

T = TypeVar("T")
Facts = ResultSummary | str
"""What a file is: a result, or the reason why it is none."""
Subject = tuple[Pair, tuple[Workload, ...]]
Circumstances = tuple[str, str | None, bool | None, str | None, bool]
"""Version of sebench, machine, dirty, branch, interrupted."""


class Few(msgspec.Struct, Generic[T]):
    """A column of few different values: each of them once, and which of them each row has."""

    values: list[T] = msgspec.field(default_factory=list)
    rows: list[int] = msgspec.field(default_factory=list)

    def __getitem__(self, row: int) -> T:
        return self.values[self.rows[row]]


class Table(msgspec.Struct):
    """What is known of the files of a directory, in the order of their results' times, newest last.

    By column, as a few long lists are decoded in a fraction of the time that as many summaries take, and
    filters look at each value of a column once.
    """

    created: list[int] = msgspec.field(default_factory=list)
    """Microseconds since 1970."""
    ids: list[str] = msgspec.field(default_factory=list)
    renamed: list[bool] = msgspec.field(default_factory=list)
    """Whether the file is not called after its id; then it may be a copy of the one that is."""
    names: list[str] = msgspec.field(default_factory=list)
    sizes: list[int] = msgspec.field(default_factory=list)
    mtimes_ns: list[int] = msgspec.field(default_factory=list)
    created_at: list[str] = msgspec.field(default_factory=list)
    subject: Few[Subject] = msgspec.field(default_factory=Few[Subject])
    commit: Few[str | None] = msgspec.field(default_factory=Few[str | None])
    fingerprint: Few[str] = msgspec.field(default_factory=Few[str])
    circumstances: Few[Circumstances] = msgspec.field(default_factory=Few[Circumstances])
    no_results: dict[str, tuple[Stamp, str]] = msgspec.field(default_factory=dict)
    """The files that are none: their state, and the reason."""

    scan: bytes = b""
    """`Scan.digest` of the directory where it holds just these files in just this state; else empty."""

    def stamps(self) -> dict[str, Stamp]:
        """The state in which each file was read."""
        states = zip(self.sizes, self.mtimes_ns, strict=True)
        return dict(zip(self.names, states, strict=True)) | {
            name: seen for name, (seen, _) in self.no_results.items()
        }

    def updated(self, without: Collection[str], facts: Mapping[str, tuple[Stamp, Facts]]) -> Table:
        """The table after files have come, gone or changed.

        Args:
            without: names of files to forget, those among `facts` included.
            facts: state and facts of files that have been read.
        """
        forgotten = frozenset(without)
        few = [{value: place for place, value in enumerate(column.values)} for column in self._few]
        added = (
            _row(name, seen, one, few) for name, (seen, one) in facts.items() if not isinstance(one, str)
        )
        # Names differ, so no more than the first four columns are compared.
        rows = sorted(chain((row for row in self._rows if row[3] not in forgotten), added))
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(_COLUMNS)]
        created, ids, renamed, names, sizes, mtimes_ns, created_at, *places = columns
        subject, commit, fingerprint, circumstances = map(_in_use, map(list, few), places)
        no_results = {name: why for name, why in self.no_results.items() if name not in forgotten}
        no_results |= {name: (seen, one) for name, (seen, one) in facts.items() if isinstance(one, str)}
        return Table(
            created=created,
            ids=ids,
            renamed=renamed,
            names=names,
            sizes=sizes,
            mtimes_ns=mtimes_ns,
            created_at=created_at,
            subject=subject,
            commit=commit,
            fingerprint=fingerprint,
            circumstances=circumstances,
            no_results=no_results,
        )

    @property
    def _few(self) -> tuple[Few[Any], ...]:
        return self.subject, self.commit, self.fingerprint, self.circumstances

    @property
    def _rows(self) -> Iterator[tuple[Any, ...]]:
        plain = (
            self.created,
            self.ids,
            self.renamed,
            self.names,
            self.sizes,
            self.mtimes_ns,
            self.created_at,
        )
        return zip(*plain, *(column.rows for column in self._few), strict=True)


_COLUMNS = 11


def _row(name: str, seen: Stamp, one: ResultSummary, few: Sequence[dict[Any, int]]) -> tuple[Any, ...]:
    """A row of the table; values that its columns do not have yet are added to `few`."""
    values = (
        (one.pair, one.workloads),
        one.commit,
        one.fingerprint,
        (one.sebench, one.machine, one.dirty, one.branch, one.interrupted),
    )
    places = (known.setdefault(value, len(known)) for known, value in zip(few, values, strict=True))
    created = round(one.created.timestamp() * 1e6)
    return (created, one.id, name != f"{one.id}.json", name, *seen, one.created_at, *places)


def _in_use(values: Sequence[T], rows: list[int]) -> Few[T]:
    """A column without the values that no row has any more."""
    used = sorted(set(rows))
    if len(used) == len(values):
        return Few(list(values), rows)
    places = {former: place for place, former in enumerate(used)}
    return Few([values[former] for former in used], [places[former] for former in rows])


class Contents:
    """All results of a directory and the files that are none, as they were found.

    Only what is asked for becomes a summary: of a hundred thousand results that takes a second.
    """

    def __init__(self, directory: Path, table: Table) -> None:
        self._beside = str(directory / "_")[:-1]  # joining paths takes longer than reading the table
        self._table = table

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def results(self) -> tuple[ResultSummary, ...]:
        """Newest last; each once, as a copy under another name is not a second measurement."""
        return tuple(map(self._summary, self._rows))

    @cached_property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """Files that are no results, or copies of others, by name."""
        reasons = {name: reason for name, (_, reason) in self._table.no_results.items()}
        for copy, original in self._copies.items():
            reasons[self._table.names[copy]] = f"has the id of {self._table.names[original]}"
        return tuple(
            SkippedFile(path=self._beside + name, reason=reason) for name, reason in sorted(reasons.items())
        )

    @cached_property
    def paths(self) -> Mapping[str, Path]:
        """The file of each result by its id, newest last."""
        ids, names = self._table.ids, self._table.names
        return {ids[row]: Path(self._beside + names[row]) for row in self._rows}

    def select(
        self, wanted: Iterable[Criterion] = (), *, newest: int | None = None
    ) -> tuple[ResultSummary, ...]:
        """The results that meet all conditions, newest last.

        Args:
            wanted: conditions.
            newest: how many at most, of the newest; None for all.
        """
        rows = self._rows
        for criterion in wanted:
            rows = self._holding(criterion, rows)
        return tuple(map(self._summary, rows if newest is None else rows[max(0, len(rows) - newest) :]))

    def examples(self) -> tuple[ResultSummary, ...]:
        """So many of the results that a condition which none of these meets is met by no result at all."""
        rows = set(self._rows[-1:])  # no other has been measured since
        for about in ("subject", "commit", "fingerprint"):
            values = getattr(self._table, about).rows
            rows.update({values[row]: row for row in self._rows}.values())
        return tuple(map(self._summary, sorted(rows)))

    def _holding(self, criterion: Criterion, rows: Sequence[int]) -> Sequence[int]:
        def holds(row: int) -> bool:
            return criterion.holds(self._summary(row))

        if criterion.about == "created":  # rows are in the order of time
            return rows[bisect_left(rows, True, key=holds) :]
        values = getattr(self._table, criterion.about).rows
        examples = {values[row]: row for row in rows}
        verdicts = {value: holds(row) for value, row in examples.items()}
        return [row for row in rows if verdicts[values[row]]]

    @cached_property
    def _rows(self) -> Sequence[int]:
        """Those of results, without copies."""
        everything = range(len(self._table.ids))
        return [row for row in everything if row not in self._copies] if self._copies else everything

    @cached_property
    def _copies(self) -> Mapping[int, int]:
        """Rows of copies, and which row each is a copy of."""
        if not any(self._table.renamed):
            return {}
        first: dict[str, int] = {}
        copies = {}
        for row, name in enumerate(self._table.ids):
            original = first.setdefault(name, row)
            if original != row:
                copies[row] = original
        return copies

    def _summary(self, row: int) -> ResultSummary:
        table = self._table
        pair, workloads = table.subject[row]
        sebench, machine, dirty, branch, interrupted = table.circumstances[row]
        return ResultSummary(
            path=self._beside + table.names[row],
            id=table.ids[row],
            created_at=table.created_at[row],
            sebench=sebench,
            pair=pair,
            workloads=workloads,
            fingerprint=table.fingerprint[row],
            machine=machine,
            commit=table.commit[row],
            dirty=dirty,
            branch=branch,
            interrupted=interrupted,
        )
