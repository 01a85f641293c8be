"""``sebench list``: what can be named on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sebench.cli import _options as options
from sebench.cli import _stored as stored
from sebench.cli._boundary import check_output, guarded, present, say
from sebench.cli._options import takes_filters
from sebench.errors import DataFileError, UsageError
from sebench.schema import NOTHING_SAID, WorkloadRequest, said

if TYPE_CHECKING:
    from sebench.store import Criterion

Subject = Literal["all", "models", "attention", "variants", "tables", "results"]


@guarded
@takes_filters
def list_(
    subject: Annotated[
        Subject, typer.Argument(metavar="SUBJECT", help="What to list; all is everything except results.")
    ] = "all",
    model: stored.ModelFilter = [],  # noqa: B006 - Typer reads it, nobody mutates it
    variant: stored.VariantFilter = [],  # noqa: B006
    workload: WorkloadRequest = NOTHING_SAID,
    commit: stored.CommitFilter = None,
    since: stored.SinceFilter = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only the newest N results; default: all.")
    ] = None,
    directory: stored.Directory = None,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """List models, attention, variants and tables, or stored results.

    The options other than -f and -o select among stored results.
    """
    check_output(output)
    of_results = {
        "--model": model,
        "--variant": variant,
        **{str(option.option): value for option, value in said(workload)},
        "--commit": commit,
        "--since": since,
        "--limit": limit,
        "--results": directory,
    }
    given = [name for name, value in of_results.items() if value not in (None, [])]
    if subject == "results":
        wanted = stored.chosen(model=model, variant=variant, workload=workload, commit=commit, since=since)
        _list_results(directory, wanted, limit, output_format=output_format, output=output, quiet=quiet)
    elif given:
        raise UsageError(f"{given[0]} does not apply to 'list {subject}'", hint="it filters `list results`")
    else:
        _list_catalog(subject, output_format=output_format, output=output)


def _list_catalog(subject: Subject, *, output_format: options.Format, output: str) -> None:
    from sebench import models
    from sebench.paper.tables.registry import TABLES
    from sebench.reporting.catalog import catalog_document
    from sebench.reporting.contract import catalog_json
    from sebench.schema import ATTENTION_KINDS

    networks = models.list_models() if subject in ("all", "models") else ()
    sources = models.list_sources() if subject in ("all", "models") else ()
    attention = tuple(ATTENTION_KINDS.values()) if subject in ("all", "attention") else ()
    variants = models.grammar() if subject in ("all", "variants") else ()
    tables = tuple(TABLES.values()) if subject in ("all", "tables") else ()
    present(
        output_format,
        output,
        json=lambda: catalog_json(
            models=networks, attention=attention, variants=variants, tables=tables, sources=sources
        ),
        document=lambda: catalog_document(
            models=networks, attention=attention, variants=variants, tables=tables, sources=sources
        ),
    )


def _list_results(
    directory: Path | None,
    wanted: Sequence[Criterion],
    limit: int | None,
    *,
    output_format: options.Format,
    output: str,
    quiet: bool,
) -> None:
    from sebench.reporting.results import results_document, results_json
    from sebench.runner.stored import list_results
    from sebench.store import ResultStore, unmatched

    if directory and not directory.is_dir():
        raise DataFileError(f"cannot read {directory}: there is no such directory", hint="check --results")
    store = ResultStore(directory or options.RESULTS)
    with stored.no_garbage():
        contents = store.contents(progress=stored.announcing("reading {} results", quiet=quiet))
        listing = list_results(
            store,
            contents,
            wanted,
            limit=limit,
            progress=stored.announcing("computing {} ratios", quiet=quiet),
        )
        present(
            output_format,
            output,
            json=lambda: results_json(listing),
            document=lambda: results_document(listing),
        )
    stored.warn_skipped(listing.skipped, quiet=quiet)
    if not listing.results:
        say(f"{store.directory}: {unmatched(contents.examples(), wanted)}")
