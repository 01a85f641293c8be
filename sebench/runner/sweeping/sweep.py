"""A sweep from its book: what is left is run, and kept as it comes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sebench.errors import DataFileError, UsageError
from sebench.runner.sweeping.execution import Executor, Ran
from sebench.schema.sweep import Case, Sweep
from sebench.store.sweeps import SweepBook


def usual_name(file: Path | None, cases: Sequence[Case]) -> str:
    """How a sweep is called that nobody has named: as its file, or by its networks and cases.

    Args:
        file: that it was read from; None where there is none.
        cases: all of it.
    """
    if file is not None:
        return re.sub(r"[^\w.+-]", "_", file.stem, flags=re.ASCII)
    digest = hashlib.sha256("".join(case.id for case in cases).encode()).hexdigest()[:6]
    models = dict.fromkeys(re.sub(r"\W+", "_", case.model, flags=re.ASCII).strip("_") for case in cases)
    return f"{'-'.join(models)[:60]}-{digest}"


def require_one_way(*, resume: bool, restart: bool) -> None:
    """Refuse to go on with a run and to begin anew at once.

    Raises:
        UsageError: both are asked for.
    """
    if resume and restart:
        raise UsageError("--resume and --restart cannot be combined", hint="leave one of them out")


def open_run(book: SweepBook, cases: Sequence[Case], *, resume: bool, restart: bool) -> Sweep:
    """Begin a run of a sweep, or go on with one.

    Args:
        book: of the sweep, held by this process.
        cases: of the matrix as it is today.
        resume: go on with the run that is in the book, if there is one.
        restart: begin a new run although one is unfinished.

    Returns:
        The sweep with what is known of it already.

    Raises:
        DataFileError: there is an unfinished run and neither was asked for, or the book cannot be read or
            written.
    """
    if book.exists and resume:
        return book.go_on(cases)
    if book.exists and not restart:
        pending = sum(outcome.status == "pending" for outcome in book.read().outcomes)
        if pending:
            raise DataFileError(
                f"sweep {book.name!r} was begun and has {pending} of its cases left",
                hint="go on with --resume, or begin anew with --restart",
            )
    return book.begin(cases)


def run_sweep(book: SweepBook, cases: Sequence[Case], executor: Executor) -> Iterator[Ran]:
    """Run what is left of a sweep.

    Args:
        book: of the sweep, opened by `open_run` and held by this process.
        cases: of the sweep.
        executor: runs them.

    Yields:
        Each case as soon as it is kept; its outcome has the id of the stored result.

    Raises:
        DataFileError: what became of a case cannot be stored.
        Interrupted: after Ctrl-C; what was yielded until then is kept.
    """
    left = book.left(cases)
    for ran in executor(left) if left else ():
        yield replace(ran, outcome=book.keep(ran.outcome, ran.result))
