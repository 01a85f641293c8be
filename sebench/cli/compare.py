"""``sebench compare``: the main job. Builds the pairs, counts them, times them, says what it means."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from sebench.cli import _options as options
from sebench.cli import _stored as stored
from sebench.cli._boundary import check_output, guarded
from sebench.cli._collecting import Collector
from sebench.cli._compare_stored import compare_stored, given, refuse_measuring_options
from sebench.cli._measuring import run_context
from sebench.cli._pictures import check_plot
from sebench.cli._progress import progress_bar
from sebench.cli._workload import takes_workload
from sebench.errors import UsageError
from sebench.schema import NOTHING_SAID, WorkloadRequest
from sebench.store import ResultStore


@guarded
@takes_workload(phase_help="training = forward + backward; default: inference, on a GPU both.")
def compare(
    context: typer.Context,
    model: options.Models = [],  # noqa: B006 - Typer reads it, nobody mutates it
    variant: Annotated[
        list[str],
        typer.Option("--variant", "-v", help=f"{options.VARIANT_HELP}.", show_default="se"),
    ] = [],  # noqa: B006
    baseline: Annotated[
        str, typer.Option("--baseline", help="Variant or network (FILE.py:old) to compare with.")
    ] = "plain",
    candidate: Annotated[
        str | None,
        typer.Option(
            "--candidate", help="Variant or network (FILE.py:new) to compare, instead of --variant."
        ),
    ] = None,
    workload: WorkloadRequest = NOTHING_SAID,
    num_classes: options.NumClasses = None,
    stride_in: options.Stride = None,
    sides: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--from",
            metavar="OLD NEW",
            help=f"Compare stored results ({stored.NAMES}) instead of measuring.",
        ),
    ] = None,
    directory: stored.Directory = None,
    memory: Annotated[
        bool | None,
        typer.Option(
            "--memory/--no-memory",
            help="Measure peak memory of training; default: yes, unless --effort quick.",
        ),
    ] = None,
    energy: Annotated[
        bool,
        typer.Option(
            "--energy",
            help="Measure energy per step (NVML, RAPL); adds 2.5 minutes per workload, rigorous 7.",
        ),
    ] = False,
    effort: options.EffortOption = "standard",
    budget: Annotated[
        float | None, typer.Option("--budget", help="Time limit of the whole command, shared by the pairs.")
    ] = None,
    seed: options.Seed = None,
    cache: options.Cache = True,
    save: Annotated[Path, typer.Option("--save", help="Directory for raw results.")] = options.RESULTS,
    no_save: Annotated[bool, typer.Option("--no-save", help="Do not store raw results.")] = False,
    plot: options.Plot = None,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Compare the cost of networks without and with attention.

    Prints params, MACs, bytes and latency of both, and each ratio with its confidence interval.
    """
    if sides is not None:
        refuse_measuring_options(context)
        return compare_stored(
            sides,
            directory,
            models=model,
            variants=variant,
            baseline=baseline if "baseline" in given(context) else None,
            output_format=output_format,
            output=output,
            plot=plot,
            quiet=quiet,
        )
    if directory is not None:
        raise UsageError("--results needs --from", hint="use --save for the directory to write to")
    started_s = time.monotonic()
    from sebench.runner.measuring.run import run
    from sebench.runner.planning.plan import make_plan
    from sebench.runner.planning.workloads import on_this_machine

    check_output(output)
    check_plot(plot, output)
    plan = make_plan(
        names=model,
        variants=variant,
        baseline=baseline,
        candidate=candidate,
        seed=seed,
        effort=effort,
        budget_s=budget,
        num_classes=num_classes,
        stride_in=stride_in,
        memory=memory,
        energy=energy,
        workload=on_this_machine(workload),
        usual_candidate=run_context(context, cache=cache).usual_candidate,
    )
    collector = Collector(None if no_save else ResultStore(save), quiet=quiet, plot=plot)
    collector.check()
    try:
        with progress_bar(quiet=quiet) as observer:
            for result in run(
                plan,
                run_context(context, observer, cache=cache, calibrations=options.CALIBRATIONS),
                started_s=started_s,
            ):
                collector.add(result)
    except BaseException:  # Ctrl-C, an error or a fault: what was measured is still worth showing
        if collector.comparisons:
            collector.present(output_format, output)
        raise
    return collector.present(output_format, output)
