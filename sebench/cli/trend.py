"""``sebench trend``: a metric over the commits at which it was measured. Reads results, needs no torch."""

from __future__ import annotations

from typing import Annotated

import typer

from sebench.cli import _options as options
from sebench.cli import _stored as stored
from sebench.cli._boundary import check_output, complain, guarded, present
from sebench.cli._options import takes_filters
from sebench.cli._pictures import check_plot, draw_plot
from sebench.errors import EXIT_INCONCLUSIVE
from sebench.schema import ASIS, NOTHING_SAID, WorkloadRequest


@guarded
@takes_filters
def trend(
    metric: Annotated[
        str, typer.Argument(metavar="METRIC", help="latency, params, macs, bytes, peak_memory, ...")
    ],
    model: Annotated[str, typer.Option("--model", "-m", help="Only results of this network.")],
    variant: Annotated[
        str | None,
        typer.Option(
            "--variant",
            "-v",
            help="Candidate variant; default: se; of networks of others asis.",
        ),
    ] = None,
    baseline: Annotated[str, typer.Option("--baseline", help="Baseline variant.")] = "plain",
    workload: WorkloadRequest = NOTHING_SAID,
    since: stored.SinceFilter = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(
            "--fingerprint", help="First digits of the fingerprint (set-up); default: of the newest result."
        ),
    ] = None,
    directory: stored.Directory = None,
    plot: options.Plot = None,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Follow a metric over commits and find where it changed.

    Compares results of one set-up: the same machine, software and workload.
    """
    from sebench.analysis.series import check_metric, select_series
    from sebench.analysis.trend import trend as follow
    from sebench.models import source_of
    from sebench.reporting.pictures import trend_picture
    from sebench.reporting.trend import trend_document, trend_json

    check_output(output)
    check_metric(metric)
    variant = variant or source_of(model).default_variant or ASIS
    check_plot(plot, output)
    results = directory or options.RESULTS
    found = stored.results_of(
        results, model=model, variant=variant, baseline=baseline, since=since, quiet=quiet
    )
    series = select_series(
        found,
        metric,
        workloads=workload,
        fingerprint_prefix=fingerprint,
    )
    if series is None:
        complain(
            f"no result in {results} has {metric} of {model}: {baseline} -> {variant} with these options"
        )
        return EXIT_INCONCLUSIVE
    followed = follow(series)
    if not followed.points:
        complain(f"no result of {model}: {baseline} -> {variant} records the commit it was measured at")
        return EXIT_INCONCLUSIVE
    present(
        output_format,
        output,
        json=lambda: trend_json(followed),
        document=lambda: trend_document(followed),
    )
    return draw_plot(plot, lambda: trend_picture(followed))
