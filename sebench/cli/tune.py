"""``sebench tune``: a variant within limits, the gate to drop first, or the fastest spelling of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import replace

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, complain_of_unstored, guarded, present, say
from sebench.cli._measuring import progress_bar, run_context
from sebench.cli._options import given, takes_axes, takes_network, takes_workload
from sebench.errors import (
    EXIT_ERROR,
    EXIT_GATE_FAILED,
    EXIT_INCONCLUSIVE,
    EXIT_OK,
    DataFileError,
    Interrupted,
)
from sebench.schema import NO_OPTIONS, NOTHING_SAID, Limit, NetworkOptions, Preference, WorkloadRequest
from sebench.store import ResultStore, check_directory
from sebench.units import number_of

if TYPE_CHECKING:
    from sebench.reporting.document import Document
    from sebench.runner.measuring.context import RunContext
    from sebench.runner.tuning.space import Axes
    from sebench.schema import ModelSpec, Result, Workload

_VERDICT_EXITS: Mapping[str | None, int] = {
    None: EXIT_OK,
    "met": EXIT_OK,
    "not met": EXIT_GATE_FAILED,
    "undecided": EXIT_INCONCLUSIVE,
}


@guarded
@takes_network()
@takes_workload(phase_default="inference")
@takes_axes
def tune(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", "-m", help="Network to tune.")],
    max_overhead: Annotated[
        list[str],
        typer.Option(
            "--max-overhead", help="Search variants within this ratio to the plain network; repeatable."
        ),
    ] = [],  # noqa: B006
    kind: Annotated[
        list[str], typer.Option("--kind", metavar="KIND", help="Kind of attention to try; repeatable.")
    ] = [],  # noqa: B006
    axes: Mapping[str, Sequence[str]] = {},
    prefer: Annotated[
        Preference,
        typer.Option("--prefer", help="Of what is within: as much attention as fits, or lowest latency."),
    ] = "attention",
    drop: Annotated[
        bool, typer.Option("--drop", help="Rank the gates of the network: which to drop first.")
    ] = False,
    top: Annotated[
        int | None,
        typer.Option("--top", help="Gates that --drop measures; default: 8, or what --budget has time for."),
    ] = None,
    forms: Annotated[
        bool,
        typer.Option(
            "--forms",
            help="Try other spellings of the same function; all but recomputed are for inference.",
        ),
    ] = False,
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print exact costs, and how long measuring takes.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="FILE", help="Write the best: FILE.onnx, or FILE.pt2 for torch's runtimes."
        ),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm/--no-confirm", help="Measure the best again in fresh processes.")
    ] = True,
    effort: options.EffortOption = "standard",
    budget: Annotated[
        float | None,
        typer.Option("--budget", help="Seconds of measuring, shared by all pairs; counting is extra."),
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
    """Find the variant, gates or spelling that fit a budget.

    With --max-overhead it searches variants: counts all, measures those that matter in rounds,
    and the best once more. With --drop it ranks the gates of a network by what they cost. With
    --forms it finds the fastest spelling.
    """
    from sebench.runner.planning.plan import drawn_seed
    from sebench.runner.planning.workloads import on_this_machine
    from sebench.runner.tuning.mode import tuning_mode
    from sebench.runner.tuning.space import Axes
    from sebench.runner.writing import check_written, write_network

    searched_for = bool(max_overhead or kind or axes)
    mode = tuning_mode(
        given(context), search=searched_for, drop=drop, forms=bool(forms or form), as_options=True
    )
    check_output(output)
    request = on_this_machine(workload)
    if export is not None:
        check_written(export, request.runtime or "eager")
    if not (no_save or dry_run):
        check_directory(save)
    asked: dict[str, Any] = {
        "model": model,
        "workload": request,
        "options": network,
        "effort": effort,
        "budget_s": budget,
        "seed": drawn_seed(seed),
        "confirm": confirm,
    }
    keeper = _Keeper(None if no_save else ResultStore(save))
    with keeper.told_of(), progress_bar(quiet=quiet) as observer:
        job = _Job(
            asked=asked,
            running=run_context(
                context, observer, cache=cache, calibrations=options.CALIBRATIONS, results=save
            ),
            keep=keeper.keep,
            tell=(lambda line: None) if quiet else say,
        )
        if mode == "search":
            searched = Axes(kinds=tuple(kind), options=axes, forms=tuple(form), all_forms=forms)
            outcome = _search(job, searched, max_overhead, prefer, dry_run=dry_run)
        elif mode == "drop":
            outcome = _drop(job, variant, top, dry_run=dry_run)
        else:
            outcome = _forms(job, variant, form)
    present(output_format, output, json=outcome.json, document=outcome.document, measured=not dry_run)
    complain_of_unstored(keeper.not_stored)
    if export is not None:
        if outcome.best is None:
            say(f"{outcome.nothing}: {export} is not written")
        else:
            write_network(outcome.best, outcome.workload, export, seed=asked["seed"])
            say(f"{outcome.best.variant} written to {export}{outcome.doubt}")
    return EXIT_ERROR if keeper.not_stored else outcome.status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What all questions have in common."""

    asked: dict[str, Any]
    """Fields of `sebench.runner.tuning.measuring.Asked`."""
    running: RunContext
    keep: Callable[[Result], None]
    tell: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """An answer, and what may be written of it."""

    json: Callable[[], str]
    document: Callable[[], Document]
    workload: Workload
    status: int = EXIT_OK
    best: ModelSpec | None = None
    """What ``--export`` writes."""
    doubt: str = ""
    """What has to be said of it."""
    nothing: str = ""
    """Why nothing is written."""


class _Keeper:
    """Stores results as they come, and remembers what could not be stored."""

    def __init__(self, store: ResultStore | None) -> None:
        self._store = store
        self.not_stored: list[DataFileError] = []
        self._kept = 0

    def keep(self, result: Result) -> None:
        """Store a result."""
        if self._store is None:
            return
        try:
            self._store.add(result)
            self._kept += 1
        except DataFileError as error:
            self.not_stored.append(error)

    @contextmanager
    def told_of(self) -> Iterator[None]:
        """An interruption says where to find what was measured until then."""
        try:
            yield
        except Interrupted as error:
            if self._store is None or not self._kept:
                raise
            pairs, folder = number_of(self._kept, "pair"), self._store.directory
            hint = f"{pairs} measured until then: `sebench list results --results {folder}`"
            raise Interrupted(error.message, hint=hint) from None


def _search(
    job: _Job, axes: Axes, max_overhead: Sequence[str], prefer: Preference, *, dry_run: bool
) -> _Outcome:
    from sebench.configuration.limits import parse_limit
    from sebench.reporting.search import search_document, search_json
    from sebench.runner.tuning.search import SEARCHED_METRICS, SearchRequest, search

    parsed = (parse_limit(text, taken=SEARCHED_METRICS) for text in max_overhead)
    limits = tuple(Limit(metric=metric, ratio=ratio) for metric, ratio in parsed)
    asked = SearchRequest(**job.asked, axes=axes, limits=limits, prefer=prefer, dry_run=dry_run)
    found = search(asked, job.running, job.keep, job.tell)
    status = EXIT_OK if dry_run else _VERDICT_EXITS[found.verdict]
    if found.winner is None:
        status = EXIT_OK if dry_run else EXIT_INCONCLUSIVE
    shown = "" if found.verdict in (None, "met") else f", though its limit is {found.verdict}"
    return _Outcome(
        json=lambda: search_json(found),
        document=lambda: search_document(found, dry_run=dry_run),
        workload=found.workload,
        status=status,
        best=None if found.winner is None else replace(found.spec, variant=found.winner),
        doubt=shown,
        nothing="there is no variant to write",
    )


def _drop(job: _Job, variant: str | None, top: int | None, *, dry_run: bool) -> _Outcome:
    from sebench.reporting.dropping import drop_document, drop_json
    from sebench.runner.tuning.dropping import DropRequest, rank_gates

    asked = DropRequest(**job.asked, variant=variant, top=top, dry_run=dry_run)
    found = rank_gates(asked, job.running, job.keep, job.tell)
    return _Outcome(
        json=lambda: drop_json(found),
        document=lambda: drop_document(found, dry_run=dry_run),
        workload=found.workload,
    )


def _forms(job: _Job, variant: str | None, form: Sequence[str]) -> _Outcome:
    from sebench.reporting.tuning import tuning_document, tuning_json
    from sebench.runner.tuning.forms import TuningRequest, tune_forms

    asked = TuningRequest(**job.asked, variant=variant, forms=tuple(form))
    found = tune_forms(asked, job.running, job.keep)
    return _Outcome(
        json=lambda: tuning_json(found),
        document=lambda: tuning_document(found),
        workload=found.workload,
        best=None if found.fastest is None else found.fastest_spec,
        doubt="" if found.is_faster else ", though it is not shown to be faster",
        nothing="no form is faster",
    )
