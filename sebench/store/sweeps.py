"""The book of a sweep: its cases, and what became of each; a kill at any moment loses and repeats nothing.

``DIR/sweeps/NAME/sweep.json`` has the name, the token of the run and the cases; ``outcomes/ID.json`` beside
it has one outcome. First the result of a case is stored, in ``DIR`` under an id that ends with the token and
the case, then the outcome: what a kill leaves between the two is found by its name.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from filelock import FileLock, Timeout
from msgspec.structs import replace

from sebench.errors import DataFileError, UsageError
from sebench.files import Unreadable, describe_damage, read_file
from sebench.schema import SCHEMA, Result, Value
from sebench.schema.sweep import Case, CaseOutcome, Sweep
from sebench.store.files import write_atomic
from sebench.store.reading import load_result, names_in
from sebench.store.results import ResultStore

SWEEPS = "sweeps"
"""Folder of the books, in the directory of the results."""
FINAL = ("done", "skipped")
"""What is not tried again."""

_NAME = re.compile(r"\w[\w.+-]{0,99}", re.ASCII)
T = TypeVar("T", bound=Value)


class _Book(Value, frozen=True, kw_only=True):
    """``sweep.json``."""

    schema: str = SCHEMA
    kind: str = "sweep"
    name: str
    token: str
    """Of the run: ends the ids of its results, before the id of the case."""
    cases: tuple[Case, ...]


class SweepBook:
    """The book of one sweep in a directory of results.

    One process at a time writes it (`held`); any number may read.

    Args:
        directory: of the results.
        name: of the sweep.

    Raises:
        UsageError: a name that is no name of a folder.
    """

    def __init__(self, directory: Path, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is not a name of a sweep",
                hint="use letters, digits, '_', '-', '.' and '+': --name",
            )
        self.directory, self.name = directory, name
        self.folder = directory / SWEEPS / name
        self._store = ResultStore(directory)
        self._token = ""
        self._known: dict[str, CaseOutcome] = {}
        self._stored: dict[str, str] = {}
        """Ids of results of this run, by case."""

    @property
    def exists(self) -> bool:
        """Whether a run of the sweep was begun."""
        return self._file.is_file()

    def read(self) -> Sweep:
        """All cases in the order of the matrix, each with its outcome; those without one are ``pending``.

        Raises:
            DataFileError: there is no book, or a file of it cannot be read.
        """
        book = self._load()
        known = self._outcomes()
        return Sweep(
            name=book.name,
            cases=book.cases,
            outcomes=tuple(known.get(case.id, CaseOutcome(id=case.id)) for case in book.cases),
        )

    def healed(self) -> tuple[str, Sweep]:
        """The token, and the sweep as `go_on` would have it.

        A result whose outcome was not written is done; a case whose result was removed is pending.

        Raises:
            DataFileError: there is no book, or a file of it cannot be read.
        """
        book = self._load()
        known = {case_id: each for case_id, each in self._outcomes().items() if not self._is_removed(each)}
        known |= _unwritten(known, self._results(book.token))
        outcomes = tuple(known.get(case.id, CaseOutcome(id=case.id)) for case in book.cases)
        return book.token, Sweep(name=book.name, cases=book.cases, outcomes=outcomes)

    def rewrite(self, token: str, cases: Sequence[Case], outcomes: Sequence[CaseOutcome]) -> None:
        """All of a book at once, as of one that was put together from others. May be repeated after a kill.

        Args:
            token: of the run that a resumption goes on with.
            cases: of the sweep.
            outcomes: of its cases; those that are pending have no file.

        Raises:
            DataFileError: a file cannot be read or written.
        """
        self._token, self._known = token, self._outcomes()
        for outcome in outcomes:
            if outcome.status != "pending" and self._known.get(outcome.id) != outcome:
                self._record(outcome)
        self._write(cases)

    def results(self, sweep: Sweep) -> Iterator[Result]:
        """The stored results of a sweep, one by one; those that somebody has removed since are passed over.

        Raises:
            DataFileError: one cannot be read.
        """
        for outcome in sweep.outcomes:
            path = self.directory / f"{outcome.result}.json"
            if outcome.result is not None and path.exists():
                yield load_result(path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only process that writes the book; the lock of a process that is gone holds nobody up.

        Raises:
            DataFileError: another process runs the sweep, or the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise DataFileError(
                f"sweep {self.name!r} is running already in another process",
                hint="wait for its end, or give this one another --name",
            ) from None
        except OSError as error:
            raise DataFileError(
                f"cannot write {self.folder}: {error.strerror}", hint="choose another --save"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def begin(self, cases: Sequence[Case]) -> Sweep:
        """A new run: what an earlier one stored stays among the results, and is no longer of this sweep.

        Raises:
            DataFileError: the folder cannot be written.
        """
        # In this order: without its first file there is no book, so no outcome is taken for one of this run.
        with suppress(FileNotFoundError):
            self._file.unlink()
        shutil.rmtree(self._outcomes_folder, ignore_errors=True)
        self._token, self._known, self._stored = secrets.token_hex(3), {}, {}
        self._write(cases)
        return self.read()

    def go_on(self, cases: Sequence[Case]) -> Sweep:
        """Go on with a run that was begun, whose cases may have changed since.

        A result whose outcome was not written any more gets it now (`heal`). A case whose result somebody has
        removed is pending again.

        Args:
            cases: of the matrix as it is today; outcomes of others are kept, but are not of the sweep.

        Raises:
            DataFileError: there is no book, or a file of it cannot be read or written.
        """
        self._token, self._known = self._load().token, self._outcomes()
        for left in (*self.folder.glob(".*.tmp"), *self._outcomes_folder.glob(".*.tmp")):
            left.unlink(missing_ok=True)  # by a writer that was killed: there is no other
        self._forget_removed()
        self.heal()
        self._write(cases)
        return self.read()

    def heal(self) -> None:
        """Write the outcomes of results that were stored when the process was ended or interrupted.

        Raises:
            DataFileError: the results cannot be listed, or an outcome cannot be written.
        """
        self._stored = self._results(self._token)
        for outcome in _unwritten(self._known, self._stored).values():
            self._record(outcome)

    def left(self, cases: Sequence[Case]) -> tuple[Case, ...]:
        """Those that have to be measured: without an outcome, or failed."""
        return tuple(
            case for case in cases if (known := self._known.get(case.id)) is None or known.status not in FINAL
        )

    def keep(self, outcome: CaseOutcome, result: Result | None = None) -> CaseOutcome:
        """Store what became of a case: first its result, then the outcome. What is done stays as it is.

        Args:
            outcome: of a case of this sweep.
            result: of the case, where it is done.

        Returns:
            The outcome as it is in the book, with the id of the stored result.

        Raises:
            DataFileError: they cannot be written.
        """
        known = self._known.get(outcome.id)
        if known is not None and known.status == "done":  # a second result of a case is none
            return known
        if result is not None:
            if outcome.id not in self._stored:
                stored = replace(result, id=f"{result.id.rpartition('-')[0]}-{self._token}{outcome.id}")
                self._store.add(stored)
                self._stored[outcome.id] = stored.id
            outcome = replace(outcome, result=self._stored[outcome.id])
        self._record(outcome)
        return outcome

    # --- files ------------------------------------------------------------------------------------------

    @property
    def _file(self) -> Path:
        return self.folder / "sweep.json"

    @property
    def _outcomes_folder(self) -> Path:
        return self.folder / "outcomes"

    def _forget_removed(self) -> None:
        for outcome in tuple(self._known.values()):
            if self._is_removed(outcome):
                (self._outcomes_folder / f"{outcome.id}.json").unlink(missing_ok=True)
                del self._known[outcome.id]

    def _is_removed(self, outcome: CaseOutcome) -> bool:
        return outcome.result is not None and not (self.directory / f"{outcome.result}.json").exists()

    def _write(self, cases: Sequence[Case]) -> None:
        book = _Book(name=self.name, token=self._token, cases=tuple(cases))
        write_atomic(self._file, msgspec.json.format(msgspec.json.encode(book), indent=1) + b"\n")

    def _record(self, outcome: CaseOutcome) -> None:
        write_atomic(self._outcomes_folder / f"{outcome.id}.json", msgspec.json.encode(outcome) + b"\n")
        self._known[outcome.id] = outcome

    def _load(self) -> _Book:
        book = _read(self._file, _Book, missing=f"there is no sweep {self.name!r} in {self.directory}")
        if book.schema != SCHEMA or book.kind != "sweep":
            raise DataFileError(f"{self._file} is a {book.schema} {book.kind}, not a sweep of this version")
        return book

    def _outcomes(self) -> dict[str, CaseOutcome]:
        try:
            paths = sorted(self._outcomes_folder.iterdir())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise DataFileError(f"cannot read {self._outcomes_folder}: {error.strerror}") from error
        return {
            path.stem: _read(path, CaseOutcome, missing=f"{path} has gone")
            for path in paths
            if not path.name.startswith(".")  # what killed writers left behind
        }

    def _results(self, token: str) -> dict[str, str]:
        """Ids of stored results of a run, by case: their names say whose they are."""
        ending = re.compile(rf"-{re.escape(token)}([0-9a-f]{{12}})\Z")
        ids = (name.removesuffix(".json") for name in names_in(self.directory))
        return {found[1]: each for each in ids if (found := ending.search(each))}


def _unwritten(known: Mapping[str, CaseOutcome], stored: Mapping[str, str]) -> dict[str, CaseOutcome]:
    """Outcomes of cases whose result is stored and that are not known to be done."""
    return {
        case_id: CaseOutcome(id=case_id, status="done", result=result)
        for case_id, result in stored.items()
        if case_id not in known or known[case_id].status != "done"
    }


def _read(path: Path, kind: type[T], *, missing: str) -> T:
    try:
        return msgspec.json.decode(read_file(path), type=kind)
    except FileNotFoundError as error:
        raise DataFileError(missing) from error
    except OSError as error:
        raise DataFileError(f"cannot read {path}: {error.strerror}") from error
    except Unreadable as error:
        raise DataFileError(
            f"{path} is damaged: {describe_damage(error)}", hint="delete it, and what it was about runs again"
        ) from error


def sweep_names(directory: Path) -> tuple[str, ...]:
    """The sweeps that have a book in a directory of results, by name; none where it is no directory."""
    try:
        folders = sorted((directory / SWEEPS).iterdir())
    except OSError:
        return ()
    return tuple(folder.name for folder in folders if (folder / "sweep.json").is_file())
