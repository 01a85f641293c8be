"""``sebench table``: the papers' tables with today's figures beside the printed ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.cli import _options as options
from sebench.cli import _stored as stored
from sebench.cli._boundary import check_output, complain_of_unstored, guarded, present
from sebench.cli._measuring import progress_bar, run_context
from sebench.cli._pictures import check_plot, draw_plot
from sebench.errors import EXIT_ERROR, DataFileError, UsageError

if TYPE_CHECKING:
    from sebench.schema import Result


@guarded
def table(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="1, 2, 3, 7, section4, ..., or all; see 'sebench list tables'."),
    ],
    directory: stored.Directory = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time ResNet-50 for section4 now (20 s) and store the result.")
    ] = False,
    cache: options.Cache = True,
    plot: options.Plot = None,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Recompute a table of the SE papers.

    Prints the published value, the value here and the difference.
    """
    from sebench.paper.tables.registry import ALL, TIMED, table_names
    from sebench.reporting.cost_pictures import check_table_picture, tables_picture
    from sebench.reporting.paper_table import paper_tables_document, paper_tables_json
    from sebench.runner.counting.counter import default_cache
    from sebench.runner.tabulating import build_tables, measure_section4

    if measure and TIMED not in (wanted := table_names(name)):
        raise UsageError(
            f"--measure: table {wanted[0]} has no times", hint=f"those with times are {TIMED} and {ALL}"
        )
    check_output(output)
    check_plot(plot, output)
    names, counts = table_names(name), default_cache() if cache else None
    if plot is not None:
        check_table_picture(names)
    results = directory or options.RESULTS
    measured: Sequence[Result] = ()
    not_stored: list[DataFileError] = []
    if measure:
        with progress_bar(quiet=quiet) as observer:
            measured = measure_section4(
                results,
                run_context(context, observer, cache=cache, results=results),
                not_stored=not_stored.append,
            )
    tables = build_tables(names, cache=counts, results=results, measured=measured)
    present(
        output_format,
        output,
        json=lambda: paper_tables_json(tables),
        document=lambda: paper_tables_document(tables),
        measured=measure,
    )
    complain_of_unstored(not_stored)
    drawn = draw_plot(plot, lambda: tables_picture(tables))
    return EXIT_ERROR if not_stored else drawn
