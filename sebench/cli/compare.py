"""``sebench compare``: builds the pairs, measures them, stores each result, presents all in the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from sebench.cli import _options as options
from sebench.cli import _stored as stored
from sebench.cli._boundary import (
    check_output,
    complain,
    complain_of_unstored,
    guarded,
    present,
    show_findings,
)
from sebench.cli._compare_across import compare_across, refuse_directories
from sebench.cli._compare_stored import compare_stored, refuse_measuring_options
from sebench.cli._measuring import progress_bar, run_context
from sebench.cli._options import given, takes_network, takes_workload
from sebench.cli._pictures import check_plot, draw_plot
from sebench.errors import EXIT_ERROR, EXIT_OK, DataFileError, Interrupted, UsageError
from sebench.schema import (
    NO_OPTIONS,
    NOTHING_SAID,
    Finding,
    NetworkOptions,
    WorkloadRequest,
    attributed,
    subject,
    subjects,
)
from sebench.store import ResultStore, check_directory, read_accuracy

if TYPE_CHECKING:
    from sebench.reporting.chart import Picture
    from sebench.schema import Accuracy, Comparison, MetricComparison, Plan, Result, Runtime


class Collector:
    """Stores every result as soon as it exists, and presents what it has in the end."""

    def __init__(
        self,
        store: ResultStore | None,
        *,
        quiet: bool,
        plot: Path | None = None,
        accuracy: Accuracy | None = None,
    ) -> None:
        self._accuracy = accuracy
        self._store = store
        self._plot = plot
        self._quiet = quiet
        self.comparisons: list[Comparison] = []
        self._results: list[Result] = []
        self._not_stored: list[DataFileError] = []

    def add(self, result: Result) -> None:
        """Store a result and draw its conclusions. That it cannot be stored is said after them."""
        from sebench.analysis.comparison import compare as conclude

        if self._store and result.has_samples:  # counts alone are counted again in no time
            try:
                self._store.add(result)
            except DataFileError as error:
                self._not_stored.append(error)
        self._results.append(result)
        self.comparisons.append(conclude(result))

    def present(self, output_format: options.Format, output: str) -> int:
        """Write the comparison; the status tells whether all was measured, stored and drawn."""
        self._write(output_format, output)
        show_findings(self._findings(), quiet=self._quiet)
        status = self._status()
        return draw_plot(self._plot, self._picture) or status

    def present_interrupted(self, output_format: options.Format, output: str) -> str | None:
        """Write the comparison as far as there is one.

        Nothing is said of what it lacks: somebody chose to have no more of it.

        Returns:
            What became of what was measured; None where nothing was.
        """
        if not self.comparisons:
            return None
        self._write(output_format, output)
        complain_of_unstored(self._not_stored)
        places = ["shown" if output == "-" else f"in {output}"]
        if self._store and not self._not_stored:
            places.append(f"stored in {self._store.directory}")
        return f"what was measured until then is {' and '.join(places)}"

    def _write(self, output_format: options.Format, output: str) -> None:
        from sebench.analysis.comparison import origin
        from sebench.models import as_published
        from sebench.reporting.accuracy_beside_cost import accuracy_records
        from sebench.reporting.comparison import comparison_document
        from sebench.reporting.contract import comparison_json

        first = self._results[0]
        on_terminal = output_format == "table" and output == "-"
        published = [as_published(result) for result in self._results]
        beside = None
        if self._accuracy is not None:
            pairs = zip(self.comparisons, published, strict=True)
            beside = [accuracy_records(each, self._accuracy, published=native) for each, native in pairs]
        present(
            output_format,
            output,
            json=lambda: comparison_json(self.comparisons, first.environment, accuracy=beside),
            document=lambda: comparison_document(
                self.comparisons,
                first.environment,
                as_published=published,
                measured_at=first.created_at,
                with_findings=not on_terminal,
                origins=[origin(result) for result in self._results],
                accuracy=self._accuracy,
            ),
            measured=True,
        )

    def _picture(self) -> Picture:
        from sebench.models import as_published
        from sebench.reporting.report import build_report, comparison_picture

        return comparison_picture(build_report(self._results, as_published=as_published))

    def _findings(self) -> list[Finding]:
        of_machine = self._results[0].environment.findings
        reasons = [metric.reason or "" for _, metric in self._missing()]
        told = [
            (about, [each for each in found if not any(each.message in reason for reason in reasons)])
            for about, found in subjects(self.comparisons)
        ]
        not_counted = [
            Finding(
                code="not-counted",
                severity="warning",
                message=f"{comparison.short_title}: not counted: {reason}",
            )
            for comparison in self.comparisons
            for reason in dict.fromkeys(m.reason for m in comparison.metrics if _is_not_counted(m))
        ]
        return [*of_machine, *attributed(told), *not_counted]

    def _status(self) -> int:
        missing = self._missing()
        for comparison, metric in missing:
            about = subject(comparison, metric.workload, alone=False)
            complain(f"{about}: no {metric.metric}: {metric.reason}")
        complain_of_unstored(self._not_stored)
        return EXIT_ERROR if missing or self._not_stored else EXIT_OK

    def _missing(self) -> list[tuple[Comparison, MetricComparison]]:
        return [
            (comparison, metric)
            for comparison in self.comparisons
            for metric in comparison.metrics
            if metric.status == "unavailable" and not _is_not_counted(metric)
        ]


def _accuracy_of(path: Path, plan: Plan) -> Accuracy:
    """What a file says of the networks of a plan.

    Raises:
        UsageError: nothing.
        DataFileError: it cannot be read.
    """
    from sebench.reporting.accuracy_beside_cost import missing

    found = read_accuracy(path)
    sides = {
        (spec.model, spec.variant): None
        for session in plan.sessions
        for spec in (session.pair.baseline, session.pair.candidate)
    }
    why = missing(found, sides)
    if why is not None:
        raise UsageError(f"--accuracy {path} says nothing of these networks", hint=why)
    return found


def _is_not_counted(metric: MetricComparison) -> bool:
    return metric.exact and metric.status == "unavailable"


@guarded
@takes_network()
@takes_workload(
    without=("runtime",), phase_help="training = forward + backward; default: inference, on a GPU both."
)
def compare(
    context: typer.Context,
    directories: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="With --across: directories of stored results."),
    ] = None,
    model: options.Models = [],  # noqa: B006 - Typer reads it, nobody mutates it
    variant: Annotated[
        list[str],
        typer.Option("--variant", "-v", help=f"{options.VARIANT_HELP}; {options.USUAL_CANDIDATE}."),
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
    runtime: options.Runtimes = [options.RuntimeName("eager")],  # noqa: B006, B008
    network: NetworkOptions = NO_OPTIONS,
    attention: options.Attention = [],  # noqa: B006
    sides: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--from",
            metavar="OLD NEW",
            help=f"Compare stored results ({stored.NAMES}) instead of measuring.",
        ),
    ] = None,
    across: Annotated[
        bool,
        typer.Option(
            "--across", help="Compare stored results of several machines: which pays most for attention."
        ),
    ] = False,
    directory: stored.Directory = None,
    accuracy: Annotated[
        Path | None,
        typer.Option(
            "--accuracy",
            metavar="FILE",
            help="Also show accuracy beside latency: JSON of sebench evaluate for the same networks.",
        ),
    ] = None,
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
        float | None,
        typer.Option(
            "--budget",
            help="Time limit of measuring, shared by pairs and runtimes; counting, memory, energy are extra.",
        ),
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
    if directories and not across:
        refuse_directories(directories)
    if across:
        return compare_across(
            context,
            directories or [],
            models=model,
            variants=variant,
            baseline=baseline if "baseline" in given(context) else None,
            workload=workload,
            runtimes=[cast("Runtime", each.value) for each in runtime],
            output_format=output_format,
            output=output,
            plot=plot,
            quiet=quiet,
        )
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
    from sebench.runner.measuring.run import run
    from sebench.runner.planning.plan import make_plan
    from sebench.runner.planning.workloads import on_this_machine

    check_output(output)
    check_plot(plot, output)
    plan = make_plan(
        names=model,
        variants=options.with_attention(variant, attention),
        baseline=baseline,
        candidate=candidate,
        seed=seed,
        effort=effort,
        budget_s=budget,
        options=network,
        memory=memory,
        energy=energy,
        workload=on_this_machine(workload),
        # A file has a runtime of its own where nobody says another.
        runtimes=[cast("Runtime", each.value) for each in runtime] if "runtime" in given(context) else (),
        usual_candidate=run_context(context, cache=cache).usual_candidate,
    )
    known = None if accuracy is None else _accuracy_of(accuracy, plan)
    if not no_save:
        check_directory(save)
    collector = Collector(None if no_save else ResultStore(save), quiet=quiet, plot=plot, accuracy=known)
    try:
        with progress_bar(quiet=quiet) as observer:
            for result in run(
                plan, run_context(context, observer, cache=cache, calibrations=options.CALIBRATIONS)
            ):
                collector.add(result)
    except (KeyboardInterrupt, Interrupted):
        hint = collector.present_interrupted(output_format, output)
        raise Interrupted("interrupted", hint=hint) from None
    except BaseException:  # an error or a fault: what was measured is still worth showing
        if collector.comparisons:
            collector.present(output_format, output)
        raise
    return collector.present(output_format, output)
