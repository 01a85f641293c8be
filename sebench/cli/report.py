"""``sebench report``: what stored results say, as a page for a pull request, a wiki or a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, complain, display_width, emit, guarded, use_color
from sebench.cli._published import as_published
from sebench.cli._results import DEFAULT_RESULTS, ResultsDirectory, named_results
from sebench.errors import EXIT_INCONCLUSIVE, EXIT_OK
from sebench.store import write_atomic

_BY_SUFFIX: dict[str, options.Format] = {
    ".md": "markdown",
    ".html": "html",
    ".htm": "html",
    ".tex": "latex",
    ".csv": "csv",
    ".json": "json",
}


@guarded
def report(
    results: Annotated[
        list[str] | None,
        typer.Argument(help="Files, directories, ids or beginnings of ids; default: all stored results."),
    ] = None,
    directory: ResultsDirectory = DEFAULT_RESULTS,
    output_format: Annotated[
        options.Format | None,
        typer.Option("--format", "-f", help="Output format; default: what FILE ends in, else table."),
    ] = None,
    output: options.Output = "-",
    debug: options.Debug = False,
) -> int:
    """Write the cost report of stored results: answer, tables, plots, machine, method and command."""
    from sebench.reporting.report import build_report, render_report

    check_output(output)
    found = named_results(results or [], directory)
    if not found:
        complain(f"nothing to report: there are no results in {directory}; `sebench compare` stores them")
        return EXIT_INCONCLUSIVE
    rendered = render_report(
        build_report(found, as_published=[as_published(result) for result in found]),
        output_format or _BY_SUFFIX.get(Path(output).suffix.lower(), "table"),
        file=None if output == "-" else Path(output).name,
        width=display_width(output),
        color=use_color(output),
    )
    for name, content in rendered.files.items():
        write_atomic(Path(output).parent / name, content)
    emit(rendered.text, output)
    return EXIT_OK
