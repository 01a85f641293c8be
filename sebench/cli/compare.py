"""``sebench compare``: the main job. Builds the pairs, counts them, times them, says what it means."""

from __future__ import annotations

import secrets
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
from sebench.cli._progress import progress_bar
from sebench.errors import EXIT_ERROR, EXIT_OK, SebenchError
from sebench.schema import Execution, Optimizer, Phase
from sebench.store import ResultStore, check_writable

if TYPE_CHECKING:
    from sebench.schema import Comparison, Finding, Result

_DEFAULT_STORE = Path(".sebench/results")


@guarded
def compare(
    model: options.Models,
    variant: options.Variants = ["se"],  # noqa: B006 - Typer reads it, nobody mutates it
    baseline: Annotated[str, typer.Option("--baseline", help="Variant to compare with.")] = "plain",
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
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
    world_size: Annotated[
        int,
        typer.Option("--world-size", help="Train data-parallel over N processes; splits the batch (DDP)."),
    ] = 1,
    memory: Annotated[
        bool | None,
        typer.Option("--memory/--no-memory", help="Peak memory of training; default: unless quick."),
    ] = None,
    effort: options.EffortOption = "standard",
    budget: Annotated[
        float | None, typer.Option("--budget", help="Seconds for the whole command, shared by the pairs.")
    ] = None,
    seed: options.Seed = None,
    cache: options.Cache = True,
    save: Annotated[Path, typer.Option("--save", help="Directory for the raw results.")] = _DEFAULT_STORE,
    no_save: Annotated[bool, typer.Option("--no-save", help="Do not store the raw results.")] = False,
    output_format: options.FormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Compare each network without and with attention: params, MACs, bytes and latency, side by side."""
    started_s = time.monotonic()
    from sebench.profilers.environment import usable_cores
    from sebench.profilers.selection import resolve_device
    from sebench.runner.conditions import Conditions
    from sebench.runner.counting import default_cache
    from sebench.runner.measuring import run
    from sebench.runner.plan import make_plan

    check_output(output)
    plan = make_plan(
        names=model,
        variants=variant,
        baseline=baseline,
        seed=secrets.randbits(31) if seed is None else seed,
        effort=effort,
        budget_s=budget,
        image_size=options.parse_image_size(image_size),
        num_classes=num_classes,
        stride_in=stride_in,
        memory=memory,
        conditions=Conditions(
            device=resolve_device(device, world_size=world_size),
            phase=phase,
            batch_size=batch_size,
            dtype=dtype,
            memory_format=memory_format,
            threads=max(1, usable_cores() // max(1, world_size)) if threads is None else threads,
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
            complain(f"{comparison.model} {comparison.candidate}: no {metric.metric}: {metric.reason}")
        return EXIT_ERROR if missing else EXIT_OK


def as_published(result: Result) -> bool:
    """Whether the paper's own figures are about this very network at this very input."""
    from sebench import models

    spec, shape = result.pair.candidate, result.baseline_cost.input_shape
    return (
        result.pair.baseline != spec
        and spec.num_classes is None
        and spec.stride_in is None
        and shape[-2:] == models.native_image_size(spec.model)
    )
