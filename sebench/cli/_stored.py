"""What commands that read stored results share: the options that choose them, reading, and the warnings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def named_results(names: Sequence[str], directory: Path | None, *, quiet: bool) -> tuple[Result, ...]:
    """What names stand for, each result once, in the order they are named.

    Args:
        names: files, directories, or as much of an id as makes it unique.
        directory: where ids are looked up; None is the usual one.
        quiet: say nothing of files in a directory that are no results.

    Raises:
        DataFileError: there is no such result, several ids begin so, or the file cannot be read.
    """
    from sebench.store import ResultStore, load_result, resolve_results

    paths = resolve_results(
        names,
        ResultStore(directory or RESULTS),
        on_skip=lambda skipped: warn_skipped([skipped], quiet=quiet),
    )
    return tuple(map(load_result, paths))


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
    contents = store.contents()
    warn_skipped(contents.skipped, quiet=quiet)
    met = [found for found in contents.results if all(criterion.holds(found) for criterion in wanted)]
    if not met:
        raise NoResultsError(f"{directory}: {unmatched(contents.results, wanted)}")
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
