"""``sebench merge``: results of several machines or shards into one directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.cli import _options as options
from sebench.cli import _stored as stored
from sebench.cli._boundary import check_output, complain, guarded, present, say
from sebench.errors import EXIT_ERROR, EXIT_OK, Interrupted

if TYPE_CHECKING:
    from sebench.schema import Merge

_MANY = 1000
"""So many files take seconds to copy."""


@guarded
def merge(
    sources: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Directories of results; none is changed.")
    ],
    into: Annotated[
        Path, typer.Option("--into", metavar="DIR", help="Directory that gets their results.")
    ] = options.RESULTS,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be merged, and write nothing.")
    ] = False,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Merge directories of results into one.

    For the results of several machines, or of the shards of a sweep, which become one sweep. Each result is
    there once, and nothing is overwritten. The exit code is 1 if two results with different content have the
    same ID; all others are merged.
    """
    from sebench.reporting.merging import merge_document, merge_json
    from sebench.store.merging import merge as merge_stores

    def announce(source: Path, files: int) -> None:
        if files >= _MANY and not quiet:
            say(f"merging {files} files of {source}")

    check_output(output)
    try:
        merged = merge_stores(sources, into, dry_run=dry_run, on_source=announce)
    except KeyboardInterrupt:
        hint = "what was merged until then is complete; run it again for the rest"
        raise Interrupted("interrupted", hint=hint) from None
    present(
        output_format,
        output,
        json=lambda: merge_json(merged),
        document=lambda: merge_document(merged),
    )
    damaged = (file for source in merged.sources for file in source.damaged)
    stored.warn_skipped(damaged, quiet=quiet)
    for conflict in () if quiet else merged.conflicts:
        say(f"conflict: {conflict.path} was not merged: {conflict.existing} has its ID and other content")
    for note in () if quiet else _of_sweeps(merged):
        say(f"warning: {note}")
    return _status(merged)


def _of_sweeps(merged: Merge) -> Iterator[str]:
    for sweep in merged.sweeps:
        for repeated in sweep.repeated:
            yield f"sweep {sweep.name} has {repeated.kept}, not {repeated.dropped} of the same case"
        for missing in sweep.missing:
            yield f"sweep {sweep.name}: there is no result {missing}; its case is pending"


def _status(merged: Merge) -> int:
    conflicts = len(merged.conflicts)
    if conflicts:
        which = "a result was" if conflicts == 1 else f"{conflicts} results were"
        complain(f"{which} not merged: the IDs are taken; delete whichever file is wrong and run it again")
    if merged.reason:
        complain(f"not everything was merged: {merged.reason}; then run it again for the rest")
    return EXIT_ERROR if conflicts or merged.reason else EXIT_OK
