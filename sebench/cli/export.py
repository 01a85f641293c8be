"""``sebench export``: stored results in the formats of other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sebench.cli import _options as options
from sebench.cli import _stored as stored
from sebench.cli._boundary import check_output, emit, guarded, say
from sebench.errors import EXIT_OK, UsageError
from sebench.schema import Side

if TYPE_CHECKING:
    from sebench.schema import Result

ExportFormat = Literal["github-action-benchmark", "bencher", "pyperf", "pytest-benchmark"]


@guarded
def export(
    export_format: Annotated[ExportFormat, typer.Argument(metavar="FORMAT", help="Tool to write for.")],
    names: Annotated[
        list[str],
        typer.Argument(metavar="RESULTS", help=f"Stored results: {stored.NAMES}."),
    ],
    side: Annotated[
        Side | None,
        typer.Option("--side", help="For pyperf, pytest-benchmark: only this side, to compare two files."),
    ] = None,
    directory: stored.Directory = None,
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Convert stored results for other benchmark tools.

    Of several results of one pair and workload, only the latest is exported.
    """
    from sebench.analysis.comparison import compare
    from sebench.reporting.exports import EXPORTS

    chosen = EXPORTS[export_format]
    if side is not None and chosen.takes != "results":
        raise UsageError(f"--side does not apply to {export_format}: it exports ratios of both sides")
    check_output(output)
    results = _load(names, directory, quiet=quiet)
    comparisons = [compare(result) for result in results]
    text = chosen.render(results, side=side) if chosen.takes == "results" else chosen.render(comparisons)
    emit(text, output)
    if not quiet:
        for comparison in comparisons:
            for metric in comparison.metrics:
                if metric.ratio.estimate is None:
                    pair = f"{comparison.model} {comparison.candidate}"
                    say(f"left out: {pair}, {metric.metric}: {metric.reason}")
    return EXIT_OK


def _load(names: Sequence[str], directory: Path | None, *, quiet: bool) -> list[Result]:
    """The results, oldest first, without those measured again later."""
    from sebench.reporting.series import latest

    kept, superseded = latest(stored.named_results(names, directory, quiet=quiet))
    if not quiet:
        for result in superseded:
            say(f"left out: {result.id} was measured again later")
    return list(kept)
