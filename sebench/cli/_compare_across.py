"""``sebench compare --across``: stored results of several machines side by side; measures nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sebench.cli import _options as options
from sebench.cli import _stored as stored
from sebench.cli._boundary import check_output, present, say
from sebench.cli._compare_stored import refuse_measuring_options
from sebench.cli._options import given
from sebench.cli._pictures import check_plot, draw_plot
from sebench.cli._usage import is_model
from sebench.errors import DataFileError, NoResultsError, UsageError
from sebench.schema import ASKED_OPTIONS, WorkloadRequest

if TYPE_CHECKING:
    from sebench.schema import Result, Runtime
    from sebench.store import Criterion

_FILTERS = frozenset(option.parameter for option in ASKED_OPTIONS)
_ALLOWED = _FILTERS | {
    *("across", "directories", "model", "variant", "baseline"),
    *("output_format", "output", "plot", "quiet", "debug"),
}


def refuse_directories(directories: Sequence[Path]) -> None:
    """Without ``--across`` there are no arguments; a bare one is often the name of a network.

    Raises:
        UsageError: always.
    """
    name = str(directories[0])
    hint = f"did you mean -m {name}?" if is_model(name) else "directories of results need --across"
    raise UsageError(f"got unexpected extra argument(s) ({name})", hint=hint)


def compare_across(
    context: typer.Context,
    directories: Sequence[Path],
    *,
    models: Sequence[str],
    variants: Sequence[str],
    baseline: str | None,
    workload: WorkloadRequest,
    runtimes: Sequence[Runtime],
    output_format: options.Format,
    output: str,
    plot: Path | None,
    quiet: bool,
) -> int:
    """Present each pair that was measured on several machines.

    Args:
        context: of the command: what was said on the command line narrows the choice.
        directories: of results; the usual one, if empty.
        models: only results of these; all, if empty.
        variants: only these candidates; all, if empty.
        baseline: only results against this one; any, if None.
        workload: as the command has it, defaults included.
        runtimes: likewise.
        output_format: of the output.
        output: where to.
        plot: file for the picture; None for none.
        quiet: errors only on standard error.

    Raises:
        NoResultsError: nothing was measured on two machines.
        UsageError: an option that is about measuring.
    """
    from sebench.analysis.across import across
    from sebench.reporting.across import across_document, across_json, across_picture

    refuse_measuring_options(context, "--across", _ALLOWED)
    check_output(output)
    check_plot(plot, output)
    asked = _said(context, workload, runtimes)
    where = directories or [options.RESULTS]
    wanted = stored.chosen(model=models, variant=variants, workload=asked)
    results = [
        result
        for result in _results(where, wanted, quiet=quiet)
        if baseline is None or result.pair.baseline.variant == stored.canonical(baseline)
    ]
    found = across(results, workloads=asked)
    tables = [table for table in found if len({row.origin.fingerprint for row in table.rows}) > 1]
    if not tables:
        raise NoResultsError(_nothing(where, results), hint="give the directories of other machines too")
    if len(tables) < len(found) and not quiet:
        say(f"left out: {len(found) - len(tables)} of {len(found)} comparisons, measured on one machine only")
    present(
        output_format,
        output,
        json=lambda: across_json(tables),
        document=lambda: across_document(tables),
    )
    return draw_plot(plot, lambda: across_picture(tables))


def _said(context: typer.Context, workload: WorkloadRequest, runtimes: Sequence[Runtime]) -> WorkloadRequest:
    """What was said of the workload, without the defaults of the command."""
    said = given(context)
    values = {name: getattr(workload, name) for name in _FILTERS if name in said and name != "runtime"}
    if "runtime" in said:
        if len(runtimes) > 1:
            raise UsageError("--runtime takes one value with --across", hint="leave the others out")
        values["runtime"] = runtimes[0]
    return WorkloadRequest(**values)


def _results(directories: Sequence[Path], wanted: Sequence[Criterion], *, quiet: bool) -> Iterator[Result]:
    """Those that meet all conditions, each once; others are not opened."""
    from sebench.store import ResultStore, unmatched

    seen: set[str] = set()
    unmet = []
    for directory in directories:
        if not directory.is_dir() and directory != options.RESULTS:
            raise DataFileError(f"cannot read {directory}: there is no such directory")
        store = ResultStore(directory)
        with stored.no_garbage():
            contents = store.contents(progress=stored.announcing("reading {} results", quiet=quiet))
        stored.warn_skipped(contents.skipped, quiet=quiet)
        met = contents.select(wanted)
        if not met:
            unmet.append(f"{directory}: {unmatched(contents.examples(), wanted)}")
        for summary in met:
            if summary.id not in seen:
                seen.add(summary.id)
                yield store.load(summary)
    if not seen:
        raise NoResultsError("; ".join(unmet))


def _nothing(directories: Sequence[Path], results: Sequence[Result]) -> str:
    where = ", ".join(map(str, directories))
    if not results:
        return f"{where}: no such result has this baseline"
    return f"{where}: nothing was measured alike on two machines"
