"""What commands that read stored results share: the options that choose them, reading, and the warnings."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.cli._boundary import say
from sebench.cli._options import RESULTS
from sebench.errors import NoResultsError, VariantError
from sebench.schema import NOTHING_SAID, WorkloadRequest

if TYPE_CHECKING:
    from sebench.schema import Pair, Result, SkippedFile
    from sebench.store import Criterion

_LONG = 200
"""So many results take a second or more to read, and so many ratios to work out."""
NAMES = "files, directories, or result IDs or their first characters"
"""What stands for stored results on the command line."""

ModelFilter = Annotated[
    list[str], typer.Option("--model", "-m", help="Only results of this network; repeatable.")
]
VariantFilter = Annotated[
    list[str], typer.Option("--variant", "-v", help="Only results with this candidate variant; repeatable.")
]
CommitFilter = Annotated[
    str | None, typer.Option("--commit", help="Only results at this commit, or its first characters.")
]
SinceFilter = Annotated[
    str | None,
    typer.Option("--since", help="Only results since a date (2026-11-01, UTC) or of the last 12h, 7d."),
]
Directory = Annotated[
    Path | None, typer.Option("--results", help="Directory of stored results; default: .sebench/results.")
]


def chosen(
    *,
    model: Sequence[str] = (),
    variant: Sequence[str] = (),
    workload: WorkloadRequest = NOTHING_SAID,
    commit: str | None = None,
    since: str | None = None,
) -> tuple[Criterion, ...]:
    """The conditions that the values of these options amount to.

    Raises:
        UsageError: `since` is neither a date nor a duration.
    """
    from sebench.store import criteria, parse_since

    return criteria(
        model=model,
        variant=[canonical(text) for text in variant],
        workload=workload,
        commit=commit,
        since=None if since is None else parse_since(since),
    )


def announcing(what: str, *, quiet: bool) -> Callable[[int], None]:
    """Told how much is left to do, one that says so once where that takes long enough to be noticed.

    Args:
        what: is done, with a place for how many.
        quiet: say nothing.
    """
    told: list[int] = []

    def announce(left: int) -> None:
        if left >= _LONG and not told and not quiet:
            say(f"{what.format(left)}; they are remembered for next time")
        told.append(left)

    return announce


@contextmanager
def no_garbage() -> Iterator[None]:
    """Spare the collector looking through a hundred thousand values all of which are needed."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def warn_skipped(skipped: Iterable[SkippedFile], *, quiet: bool) -> None:
    """A line for every file among results that is none."""
    if quiet:
        return
    for file in skipped:
        say(f"warning: {file.path} {file.reason}; skipped")


def canonical(variant: str) -> str:
    """A variant as results name it."""
    from sebench.schema import parse_variant

    try:
        return str(parse_variant(variant))
    except VariantError:  # results may name what this version does not build
        return variant


def named_files(names: Sequence[str], directory: Path | None, *, quiet: bool) -> tuple[Path, ...]:
    """The files of the results that names stand for, each once, in the order they are named.

    Args:
        names: files, directories, or as much of an id as makes it unique.
        directory: where ids are looked up; None is the usual one.
        quiet: say nothing of files in a directory that are no results.

    Raises:
        DataFileError: there is no such result, or several ids begin so.
    """
    from sebench.store import ResultStore, resolve_results

    with no_garbage():
        return resolve_results(
            names,
            ResultStore(directory or RESULTS),
            on_skip=lambda skipped: warn_skipped([skipped], quiet=quiet),
            progress=announcing("reading {} results", quiet=quiet),
        )


def named_results(names: Sequence[str], directory: Path | None, *, quiet: bool) -> tuple[Result, ...]:
    """What `named_files` finds, read.

    Raises:
        DataFileError: likewise, or a file cannot be read.
    """
    from sebench.store import load_result

    return tuple(map(load_result, named_files(names, directory, quiet=quiet)))


def results_of(
    directory: Path, *, model: str, variant: str, baseline: str, since: str | None, quiet: bool
) -> tuple[Result, ...]:
    """All results of one pair of networks in a directory; others are not opened.

    Raises:
        NoResultsError: there are none; says which condition none meets.
        UsageError: `since` is neither a date nor a duration.
    """
    from sebench.store import ResultStore, unmatched

    wanted = chosen(model=[model], variant=[variant], since=since)
    store = ResultStore(directory)
    with no_garbage():
        contents = store.contents(progress=announcing("reading {} results", quiet=quiet))
        met = contents.select(wanted)
    warn_skipped(contents.skipped, quiet=quiet)
    if not met:
        raise NoResultsError(f"{directory}: {unmatched(contents.examples(), wanted)}")
    against = canonical(baseline)
    summaries = [found for found in met if found.pair.baseline.variant == against]
    if not summaries:
        raise NoResultsError(f"{directory}: no such result has baseline {baseline!r}")
    return tuple(map(store.load, summaries))


def is_about(pair: Pair, *, models: Sequence[str], variants: Sequence[str], baseline: str | None) -> bool:
    """Whether a pair is of the named networks; an empty condition takes everything.

    Args:
        pair: of a result.
        models: names.
        variants: of the candidate, in any spelling.
        baseline: variant of the baseline, in any spelling.
    """
    return (
        (not models or pair.candidate.model in models)
        and (not variants or pair.candidate.variant in map(canonical, variants))
        and (baseline is None or pair.baseline.variant == canonical(baseline))
    )
