"""``sebench calibrate``: how noisy this machine is, so that gates know which margins it can hold."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec.structs import replace

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, complain_of_unstored, guarded, present
from sebench.cli._measuring import progress_bar, run_context
from sebench.cli._options import given, takes_network, takes_workload
from sebench.errors import EXIT_ERROR, EXIT_OK, DataFileError
from sebench.schema import (
    ASIS,
    NO_OPTIONS,
    NOTHING_SAID,
    NetworkOptions,
    Pair,
    WorkloadRequest,
)
from sebench.store import check_directory


@guarded
@takes_network()
@takes_workload(phase_help="training = forward + backward.", phase_default="inference")
def calibrate(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", "-m", help="Network to compare with itself.")],
    variant: Annotated[
        str | None,
        typer.Option("--variant", "-v", help="Variant; default: se; of networks of others asis."),
    ] = None,
    workload: WorkloadRequest = NOTHING_SAID,
    network: NetworkOptions = NO_OPTIONS,
    processes: Annotated[
        int, typer.Option("--processes", min=5, max=1000, help="Least number of processes to measure.")
    ] = 12,
    budget: Annotated[
        float | None,
        typer.Option("--budget", help="Time limit of measuring; default: 14 s per process."),
    ] = None,
    seed: options.Seed = None,
    cache: options.Cache = True,
    calibrations: options.Calibrations = options.CALIBRATIONS,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Measure a network against itself, to know this machine's noise.

    Prints which margins `sebench check` can resolve here, and lets it judge quick runs.
    """
    from sebench.analysis.calibration import held_margins, noise
    from sebench.models import source_of
    from sebench.reporting.calibration import calibration_document, calibration_json
    from sebench.runner.measuring import calibrating
    from sebench.runner.measuring.calibrations import Calibrations
    from sebench.runner.planning.files import as_files_ask
    from sebench.runner.planning.plan import drawn_seed, resolve_spec, shape_said
    from sebench.runner.planning.workloads import on_this_machine, says_input, workloads

    check_output(output)
    check_directory(calibrations)
    request = on_this_machine(workload)
    own = not says_input(request)
    spec = resolve_spec(model, variant or source_of(model).default_variant or ASIS, network, own_inputs=own)
    if "runtime" not in given(context):  # a file has one of its own
        request = replace(request, runtime=None)
    request = as_files_ask(request, Pair(baseline=spec, candidate=spec))
    not_stored: list[DataFileError] = []
    with progress_bar(quiet=quiet) as observer:
        calibration = calibrating.calibrate(
            spec,
            workloads(request, shape_said(spec, request)[1:])[0],
            Calibrations(calibrations),
            policy=calibrating.calibration_policy(processes=processes, budget_s=budget),
            seed=drawn_seed(seed),
            context=run_context(context, observer, cache=cache),
            not_stored=not_stored.append,
        )
    found = noise(calibration)
    margins = held_margins(found)
    present(
        output_format,
        output,
        json=lambda: calibration_json(calibration, found, margins),
        document=lambda: calibration_document(calibration, found, margins),
        measured=True,
    )
    complain_of_unstored(not_stored)
    return EXIT_ERROR if not_stored else EXIT_OK
