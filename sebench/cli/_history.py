"""Stored results for the commands that look back: by name, and by the networks they are about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sebench.cli._stored import canonical, chosen, warn_skipped
from sebench.errors import NoResultsError

if TYPE_CHECKING:
    from sebench.schema import Pair, Result


def named_results(names: Sequence[str], directory: Path, *, quiet: bool) -> tuple[Result, ...]:
    """What names stand for, each result once, in the order they are named.

    Args:
        names: files, directories, or as much of an id as makes it unique.
        directory: where ids are looked up.
        quiet: say nothing of files in a directory that are no results.

    Raises:
        DataFileError: there is no such result, several ids begin so, or the file cannot be read.
    """
    from sebench.store import ResultStore, load_result, resolve_results

    paths = resolve_results(
        names,
        ResultStore(directory),
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
