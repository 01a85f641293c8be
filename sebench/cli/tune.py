"""``sebench tune``: which spelling of a network is fastest here, and that one as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, complain_of_unstored, guarded, present, say
from sebench.cli._measuring import progress_bar, run_context
from sebench.cli._options import takes_network, takes_workload
from sebench.errors import EXIT_ERROR, EXIT_OK, DataFileError, UsageError
from sebench.schema import NO_OPTIONS, NOTHING_SAID, NetworkOptions, WorkloadRequest
from sebench.store import ResultStore, check_directory

if TYPE_CHECKING:
    from sebench.schema import Result


@guarded
@takes_network()
@takes_workload(phase_help="All forms but recomputed are for inference.", phase_default="inference")
def tune(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", "-m", help="Network to tune.")],
    forms: Annotated[bool, typer.Option("--forms", help="Try other spellings of the same function.")] = False,
    form: Annotated[
        list[str],
        typer.Option(
            "--form",
            metavar="FORM",
            help="Only these, e.g. pooled+fused; repeatable; default: all for the runtime.",
        ),
    ] = [],  # noqa: B006
    variant: Annotated[
        str | None,
        typer.Option(
            "--variant", "-v", help="Network as written; default: asis if it has attention, else se."
        ),
    ] = None,
    workload: WorkloadRequest = NOTHING_SAID,
    network: NetworkOptions = NO_OPTIONS,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="FILE", help="Write the fastest: FILE.onnx, or FILE.pt2 for torch's runtimes."
        ),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm/--no-confirm", help="Measure the fastest again in fresh processes.")
    ] = True,
    effort: options.EffortOption = "standard",
    budget: Annotated[
        float | None, typer.Option("--budget", help="Time limit of measuring, shared by the forms.")
    ] = None,
    seed: options.Seed = None,
    cache: options.Cache = True,
    save: Annotated[Path, typer.Option("--save", help="Directory for raw results.")] = options.RESULTS,
    no_save: Annotated[bool, typer.Option("--no-save", help="Do not store raw results.")] = False,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Find the fastest spelling of a network's attention.

    Its values stay the same. Each form is measured as a pair with the network as written; the
    fastest is measured again.
    """
    from sebench.reporting.tuning import tuning_document, tuning_json
    from sebench.runner.planning.plan import drawn_seed
    from sebench.runner.planning.workloads import on_this_machine
    from sebench.runner.tuning import TuningRequest, tune_forms
    from sebench.runner.writing import check_written, write_network

    if not (forms or form):
        raise UsageError("tune needs to know what to try", hint="add --forms")
    check_output(output)
    request = on_this_machine(workload)
    if export is not None:
        check_written(export, request.runtime or "eager")
    if not no_save:
        check_directory(save)
    store, not_stored = None if no_save else ResultStore(save), list[DataFileError]()

    def keep(result: Result) -> None:
        if store is None:
            return
        try:
            store.add(result)
        except DataFileError as error:
            not_stored.append(error)

    seed = drawn_seed(seed)
    with progress_bar(quiet=quiet) as observer:
        tuning = tune_forms(
            TuningRequest(
                model=model,
                variant=variant,
                forms=tuple(form),
                workload=request,
                options=network,
                effort=effort,
                budget_s=budget,
                seed=seed,
                confirm=confirm,
            ),
            run_context(context, observer, cache=cache, calibrations=options.CALIBRATIONS),
            keep,
        )
    present(
        output_format,
        output,
        json=lambda: tuning_json(tuning),
        document=lambda: tuning_document(tuning),
        measured=True,
    )
    complain_of_unstored(not_stored)
    if export is not None:
        if tuning.fastest is None:
            say(f"no form is faster: {export} is not written")
        else:
            write_network(tuning.fastest_spec, tuning.workload, export, seed=seed)
            doubt = "" if tuning.is_faster else ", though it is not shown to be faster"
            say(f"{tuning.fastest.variant} written to {export}{doubt}")
    return EXIT_ERROR if not_stored else EXIT_OK
