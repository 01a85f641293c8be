"""``sebench sweep``: a matrix of networks, variants and workloads, measured case by case."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sebench.cli import _options as options
from sebench.cli._boundary import check_output, complain, guarded, present, say
from sebench.cli._measuring import progress_bar, run_context
from sebench.cli._options import takes_network, takes_workload_axes
from sebench.cli._pictures import check_plot, draw_plot
from sebench.cli._tidy import TidyFormat, TidyFormatOption, present_tidy, tidy_format
from sebench.cli._usage import is_model
from sebench.errors import EXIT_ERROR, EXIT_INCONCLUSIVE, EXIT_OK, Interrupted, SebenchError, UsageError
from sebench.schema import NO_OPTIONS, Effort, NetworkOptions
from sebench.store import check_directory, write_atomic
from sebench.units import format_duration, number_of

if TYPE_CHECKING:
    from sebench.analysis.sweep import SweepRow
    from sebench.configuration.sweep import SweepSettings
    from sebench.runner.measuring.context import RunContext
    from sebench.runner.sweeping.execution import Executor
    from sebench.runner.sweeping.ray import RayExecutor
    from sebench.schema import Result
    from sebench.schema.sweep import Case, Sweep
    from sebench.store.sweeps import SweepBook

_NOTHING_SAID: Mapping[str, Any] = {}


@guarded
@takes_network()
@takes_workload_axes
def sweep(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Sweep file (TOML) with axes, include and exclude."),
    ] = None,
    model: options.Models = [],  # noqa: B006 - Typer reads it, nobody mutates it
    variant: Annotated[
        list[str], typer.Option("--variant", "-v", help=f"{options.VARIANT_HELP}; {options.USUAL_CANDIDATE}.")
    ] = [],  # noqa: B006
    baseline: Annotated[
        list[str],
        typer.Option("--baseline", help="Variant or network to compare with; repeatable; default: plain."),
    ] = [],  # noqa: B006
    axes: Mapping[str, Any] = _NOTHING_SAID,
    network: NetworkOptions = NO_OPTIONS,
    attention: options.Attention = [],  # noqa: B006
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the cases and what they will take; measure nothing.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on: what is done or skipped stays, what failed is tried again."),
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew although an earlier run is unfinished.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Only part I of N, each case in one part (job arrays)."),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option("--ray", metavar="ADDRESS", help="Measure on a Ray cluster: auto or HOST:PORT."),
    ] = None,
    on: Annotated[
        list[str],
        typer.Option("--on", metavar="LABEL=...", help="With --ray: only on such nodes; repeatable."),
    ] = [],  # noqa: B006
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the sweep; default: that of FILE."),
    ] = None,
    effort: Annotated[
        Effort | None,
        typer.Option("--effort", help="How long to measure each case; default: quick."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", help="Time limit of measuring each case.")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", help="After which a case fails; default: none."),
    ] = None,
    seed: options.Seed = None,
    cache: options.Cache = True,
    save: Annotated[Path, typer.Option("--save", help="Directory for raw results.")] = options.RESULTS,
    plot: options.Plot = None,
    output_format: TidyFormatOption = "table",
    output: options.Output = "-",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Measure a matrix of networks, variants and workloads.

    Each option of the workload may be given several times. Every case is stored as soon as it is over.
    """
    from sebench.configuration.sweep import said_measure
    from sebench.runner.planning.plan import drawn_seed
    from sebench.runner.sweeping.expansion import case_words, expand
    from sebench.runner.sweeping.sweep import open_run, require_one_way, run_sweep, usual_name
    from sebench.store.sweeps import SweepBook

    require_one_way(resume=resume, restart=restart)
    if dry_run and plot is not None:
        raise UsageError("--plot draws results, and --dry-run has none", hint="leave one of them out")
    check_output(output)
    check_plot(plot, output)
    output_format = tidy_format(context, output_format, output)
    measure = said_measure({"effort": effort, "budget": budget, "timeout": timeout, "seed": seed})
    said = {"model": model, "variant": options.with_attention(variant, attention), "baseline": baseline}
    settings = _settings(file, {**said, **axes}, network, measure)
    expanded = expand(
        settings,
        seed=drawn_seed(settings.measure.seed),
        usual_candidate=run_context(context, cache=cache).usual_candidate,
    )
    cases, part = _part(expanded.cases, shard)
    book = SweepBook(save, (usual_name(file, expanded.cases) if name is None else name) + part)
    for note in () if quiet else expanded.notes:
        say(note)
    cluster = _cluster(context, ray, on, cache=cache, quiet=quiet)
    if dry_run:
        return _show_plan(cases, book, output_format, output, here=cluster is None)
    check_directory(save)
    with nullcontext() if cluster is None else cluster, book.held():  # refused before a run is begun
        known = open_run(book, cases, resume=resume, restart=restart)
        try:
            # On a cluster there is a line for each case: several run at once.
            with progress_bar(quiet=quiet or cluster is not None) as observer:
                running = run_context(
                    context, observer, cache=cache, calibrations=options.CALIBRATIONS, results=save
                )
                executor = _executor(running, known, cluster, quiet=quiet)
                for ran in run_sweep(book, cases, executor):
                    if ran.outcome.status == "failed":
                        complain(f"{case_words(ran.case)}: {ran.outcome.reason}")
                    elif ran.outcome.status == "skipped" and not quiet:
                        say(f"skipped: {case_words(ran.case)}: {ran.outcome.reason}")
        except (KeyboardInterrupt, Interrupted):
            raise Interrupted("interrupted", hint=_how_to_go_on(book)) from None
        return _present(book, output_format, output, plot=plot, quiet=quiet)


def _settings(
    file: Path | None,
    said: Mapping[str, Sequence[object]],
    network: NetworkOptions,
    measure: Mapping[str, Any],
) -> SweepSettings:
    """What the file says, and what options say instead."""
    from sebench.configuration.sweep import SweepSettings, load_sweep, said_axis
    from sebench.schema import ASKED_OPTIONS

    if file is not None and not file.exists() and is_model(str(file)):
        raise UsageError(f"{file} is no sweep file", hint=f"did you mean -m {file}?")
    named = {option.parameter: str(option.option) for option in ASKED_OPTIONS}
    axes = {
        name: said_axis(name, values, named.get(name, f"--{name}")) for name, values in said.items() if values
    }
    return (SweepSettings() if file is None else load_sweep(file)).updated(axes, network, measure)


def _part(cases: tuple[Case, ...], asked: str | None) -> tuple[tuple[Case, ...], str]:
    """The cases of a shard, and what its name ends with."""
    from sebench.runner.sweeping.expansion import shard

    if asked is None:
        return cases, ""
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", asked, flags=re.ASCII)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"--shard {asked!r} is no part", hint="write I/N with I from 1 to N, e.g. 2/8")
    index, count = int(found[1]), int(found[2])
    return shard(cases, index, count), f".{index}-of-{count}"


def _cluster(
    context: typer.Context, address: str | None, on: Sequence[str], *, cache: bool, quiet: bool
) -> RayExecutor | None:
    """What runs the cases on other machines, if that is asked for."""
    from sebench.runner.sweeping.ray import RayExecutor, labels_of

    if address is None:
        if on:
            raise UsageError("--on picks nodes of a Ray cluster", hint="add --ray auto, or --ray HOST:PORT")
        return None
    return RayExecutor(
        address,
        labels=labels_of(on),
        tell=(lambda line: None) if quiet else say,
        argv=run_context(context, cache=cache).argv,
        cache=cache,
        calibrations=options.CALIBRATIONS,
    )


def _executor(running: RunContext, known: Sweep, cluster: RayExecutor | None, *, quiet: bool) -> Executor:
    """What runs the cases; says how many that are."""
    from sebench.runner.sweeping.estimate import Estimate
    from sebench.runner.sweeping.local import LocalExecutor

    status = {outcome.id: outcome.status for outcome in known.outcomes}
    left = [case for case in known.cases if status[case.id] in ("pending", "failed")]
    estimate = Estimate(known.cases, known.outcomes)
    if not quiet:
        failed = sum(each == "failed" for each in status.values())
        finished = len(known.cases) - len(left)
        say(
            f"sweep {known.name}: {number_of(len(left), 'case')} to measure, "
            f"about {format_duration(estimate.whole_s(left))}{' on one machine' if cluster else ''}"
            + (f"; {finished} finished before" if finished else "")
            + (f"; {failed} that failed tried again" if failed else "")
        )
    return LocalExecutor(running, estimate) if cluster is None else cluster


def _how_to_go_on(book: SweepBook) -> str:
    book.heal()  # it may have come between a result and its outcome
    outcomes = book.read().outcomes
    kept = sum(outcome.status != "pending" for outcome in outcomes)
    return f"{kept} of {number_of(len(outcomes), 'case')} kept; go on with the same command and --resume"


def _show_plan(
    cases: Sequence[Case], book: SweepBook, output_format: TidyFormat, output: str, *, here: bool
) -> int:
    """What would be measured and how long that would take.

    Args:
        cases: of the sweep.
        book: of the sweep.
        output_format: as asked for.
        output: likewise.
        here: whether this machine measures them, so that it says what cannot be meant.
    """
    if output_format == "parquet":
        raise UsageError("--dry-run has no results for --format parquet", hint="use --format csv")
    from sebench.reporting.sweep_plan import PlannedCase, plan_document, plan_json
    from sebench.runner.sweeping.estimate import Estimate
    from sebench.runner.sweeping.execution import why_skipped

    known = {each.id: each for each in book.healed()[1].outcomes} if book.exists else {}
    estimate = Estimate(cases, known.values())

    def plan(case: Case) -> PlannedCase:
        earlier, cannot = known.get(case.id), why_skipped(case) if here else ""
        status = "skipped" if cannot else earlier.status if earlier else "pending"
        reason = cannot or (earlier.reason if earlier else "")
        return PlannedCase(case=case, status=status, reason=reason, expected_s=estimate.case_s(case))

    planned = [plan(case) for case in cases]
    present(
        output_format,
        output,
        json=lambda: plan_json(book.name, planned),
        document=lambda: plan_document(book.name, planned),
    )
    return EXIT_OK


def _present(
    book: SweepBook, output_format: TidyFormat, output: str, *, plot: Path | None, quiet: bool
) -> int:
    """What became of all cases, on standard output and beside the book; the exit code."""
    from sebench.analysis.sweep import sweep_rows
    from sebench.models import as_published
    from sebench.reporting.sweep import sweep_document, sweep_json
    from sebench.reporting.sweep_pictures import sweep_picture

    sweep, published = book.read(), set[str]()

    def results() -> Iterator[Result]:
        for result in book.results(sweep):
            if as_published(result):
                published.add(result.id)
            yield result

    rows = sweep_rows(sweep, results())
    present_tidy(
        output_format,
        output,
        json=lambda: sweep_json(sweep.name, rows),
        document=lambda: sweep_document(sweep.name, rows, published=published),
    )
    unwritten = _write_beside(book, rows, published, quiet=quiet)
    if draw_plot(plot, lambda: sweep_picture(sweep.name, rows)):
        unwritten = True
    statuses = {outcome.status for outcome in sweep.outcomes}
    if unwritten or "failed" in statuses:
        return EXIT_ERROR
    return EXIT_INCONCLUSIVE if statuses == {"skipped"} else EXIT_OK  # a part of few cases may be empty


def _write_beside(
    book: SweepBook, rows: Sequence[SweepRow], published: Collection[str], *, quiet: bool
) -> bool:
    """Table and pictures in the folder of the book, named in one line; whether any could not be written."""
    from sebench.reporting.drawing import draw
    from sebench.reporting.sweep import sweep_csv
    from sebench.reporting.sweep_pictures import sweep_pictures

    try:
        for old in book.folder.glob("by-*.svg"):  # axes may be others than in the last run
            old.unlink()
        contents: dict[str, str | bytes] = {"cases.csv": sweep_csv(rows, published=published)}
        for axis, picture in sweep_pictures(book.name, rows).items():
            contents[f"by-{axis.replace('_', '-')}.svg"] = draw(picture, "svg")
        for file, content in contents.items():
            write_atomic(book.folder / file, content)
    except SebenchError as error:
        complain(f"table and pictures are not written: {error}")
        return True
    if not quiet:
        say(f"written to {book.folder}: {', '.join(contents)}")
    return False
