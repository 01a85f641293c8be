"""``sebench compare``: the main job. Builds the pairs, counts them, times them, says what it means."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import (
    check_output,
    complain,
    guarded,
    present,
    show_findings,
)
from sebench.cli._compare_stored import compare_stored, given, refuse_measuring_options
from sebench.cli._progress import progress_bar
from sebench.cli._published import as_published
from sebench.errors import EXIT_ERROR, EXIT_OK, SebenchError
from sebench.schema import Execution, Optimizer, Phase
from sebench.store import ResultStore, check_writable

if TYPE_CHECKING:
    from sebench.schema import Comparison, Finding, Result


@guarded
def compare(
    context: typer.Context,
    model: options.Models = [],  # noqa: B006 - Typer reads it, nobody mutates it
    variant: Annotated[
        list[str],
        typer.Option(
            "--variant", "-v", help="Variant, e.g. 'se(r=8,stages=2-4)'; repeatable.", show_default="se"
        ),
    ] = [],  # noqa: B006
    baseline: Annotated[
        str, typer.Option("--baseline", help="Variant or network (FILE.py:old) to compare with.")
    ] = "plain",
    candidate: Annotated[
        str | None,
        typer.Option("--candidate", help="Variant or network (FILE.py:new) to compare; instead of -v."),
    ] = None,
    device: options.Device = "auto",
    phase: Annotated[
        Phase | None,
        typer.Option(
            "--phase",
            help="training = forward + backward; default: inference, on a GPU both.",
        ),
    ] = None,
    batch_size: options.BatchSize = None,
    image_size: options.ImageSize = None,
    num_classes: options.NumClasses = None,
    stride_in: options.Stride = None,
    dtype: options.DtypeOption = "float32",
    memory_format: options.Layout = "contiguous",
    threads: options.Threads = None,
    execution: Annotated[
        Execution, typer.Option("--exec", help="How steps run; compile and capture times are kept apart.")
    ] = "eager",
    optimizer: Annotated[
        Optimizer, typer.Option("--optimizer", help="Include the update of the weights in the training step.")
    ] = "none",
    stored: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--from",
            metavar="OLD NEW",
            help="Compare stored results (files, directories or ids) instead of measuring.",
        ),
    ] = None,
    world_size: Annotated[
        int,
        typer.Option("--world-size", help="Train data-parallel over N processes; splits the batch (DDP)."),
    ] = 1,
    memory: Annotated[
        bool | None,
        typer.Option("--memory/--no-memory", help="Peak memory of training; default: unless quick."),
    ] = None,
    energy: Annotated[
        bool,
        typer.Option(
            "--energy",
            help="Energy per step (NVML, RAPL), beyond --budget: about 2.5 minutes per workload, rigorous 7.",
        ),
    ] = False,
    effort: options.EffortOption = "standard",
    budget: Annotated[
        float | None, typer.Option("--budget", help="Seconds for the whole command, shared by the pairs.")
    ] = None,
    seed: options.Seed = None,
    cache: options.Cache = True,
    save: Annotated[
        Path, typer.Option("--save", help="Directory for the raw results; with --from, of ids.")
    ] = options.RESULTS,
    no_save: Annotated[bool, typer.Option("--no-save", help="Do not store the raw results.")] = False,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Compare each network without and with attention: params, MACs, bytes and latency, side by side."""
    if stored is not None:
        refuse_measuring_options(context)
        return compare_stored(
            stored,
            save,
            models=model,
            variants=variant,
            baseline=baseline if "baseline" in given(context) else None,
            output_format=output_format,
            output=output,
            quiet=quiet,
        )
    started_s = time.monotonic()
    from sebench.runner.calibrations import Calibrations
    from sebench.runner.conditions import conditions_here
    from sebench.runner.counting import default_cache
    from sebench.runner.measuring import run
    from sebench.runner.plan import make_plan

    check_output(output)
    plan = make_plan(
        names=model,
        variants=variant,
        baseline=baseline,
        candidate=candidate,
        seed=seed,
        effort=effort,
        budget_s=budget,
        image_size=options.parse_image_size(image_size),
        num_classes=num_classes,
        stride_in=stride_in,
        memory=memory,
        energy=energy,
        conditions=conditions_here(
            device=device,
            phase=phase,
            batch_size=batch_size,
            dtype=dtype,
            memory_format=memory_format,
            threads=threads,
            execution=execution,
            optimizer=optimizer,
            world_size=world_size,
        ),
    )
    collector = _Collector(None if no_save else save, quiet=quiet)
    collector.check()
    try:
        with progress_bar(quiet=quiet) as observer:
            for result in run(
                plan,
                cache=default_cache() if cache else None,
                observer=observer,
                started_s=started_s,
                argv=("sebench", *sys.argv[1:]),
                calibrations=Calibrations(options.CALIBRATIONS),
            ):
                collector.add(result)
    except SebenchError:  # interrupted, or out of budget: what was measured is still worth showing
        if collector.comparisons:
            collector.present(output_format, output)
        raise
    return collector.present(output_format, output)


class _Collector:
    """Stores every result as soon as it exists, and presents what it has in the end."""

    def __init__(self, directory: Path | None, *, quiet: bool) -> None:
        self._store = ResultStore(directory) if directory else None
        self._quiet = quiet
        self.comparisons: list[Comparison] = []
        self._results: list[Result] = []

    def check(self) -> None:
        """Refuse a directory that cannot be written before measuring for it.

        Raises:
            DataFileError: it cannot.
        """
        if self._store:
            check_writable(self._store.directory / "result.json")

    def add(self, result: Result) -> None:
        from sebench.analysis.comparison import compare as conclude

        if self._store:
            self._store.add(result)
        self._results.append(result)
        self.comparisons.append(conclude(result))

    def present(self, output_format: options.Format, output: str) -> int:
        """Write the comparison; the status tells whether every pair was measured."""
        from sebench import reporting

        first = self._results[0]
        on_terminal = output_format == "table" and output == "-"
        present(
            output_format,
            output,
            json=lambda: reporting.comparison_json(self.comparisons, first.environment),
            document=lambda: reporting.comparison_document(
                self.comparisons,
                first.environment,
                as_published=[as_published(result) for result in self._results],
                measured_at=first.created_at,
                with_findings=not on_terminal,
            ),
        )
        show_findings(self._findings(), quiet=self._quiet)
        return self._status()

    def _findings(self) -> list[Finding]:
        of_machine = self._results[0].environment.findings
        of_pairs = [
            finding
            for comparison in self.comparisons
            for group in (comparison.findings, *(metric.findings for metric in comparison.metrics))
            for finding in group
        ]
        return [*of_machine, *of_pairs]

    def _status(self) -> int:
        missing = [
            (comparison, metric)
            for comparison in self.comparisons
            for metric in comparison.metrics
            if metric.status == "unavailable"
        ]
        for comparison, metric in missing:
            complain(f"{comparison.short_title}: no {metric.metric}: {metric.reason}")
        return EXIT_ERROR if missing else EXIT_OK
