"""``sebench report``: what stored results say, as a page for a pull request, a wiki or a paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sebench.cli import _options as options
from sebench.cli import _stored as stored
from sebench.cli._boundary import (
    FORMAT_OF_SUFFIX,
    check_output,
    complain,
    display_width,
    emit,
    guarded,
    use_color,
)
from sebench.cli._pictures import check_plot, draw_plot
from sebench.errors import EXIT_INCONCLUSIVE, UsageError
from sebench.store import ResultStore, load_result, read_excitation, write_atomic

if TYPE_CHECKING:
    from sebench.reporting.report import ExcitationReport, SweepReport
    from sebench.schema import Change, Result
    from sebench.store.sweeps import SweepBook


@guarded
def report(
    results: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RESULTS",
            help=f"Stored results: {stored.NAMES}; or JSON files of sebench excite. Default: all results.",
        ),
    ] = None,
    against: Annotated[
        list[str],
        typer.Option("--against", help="Older results to compare with; repeatable."),
    ] = [],  # noqa: B006 - Typer reads it, nobody mutates it
    directory: stored.Directory = None,
    output_format: Annotated[
        options.Format | None,
        typer.Option("--format", "-f", help="Output format; default: by the extension of FILE, else table."),
    ] = None,
    output: options.Output = "-",
    plot: options.Plot = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Write a report of stored results.

    It has the answer, tables, pictures, machine, method and commands; of a sweep what became of each case; of
    JSON of sebench excite its table and picture.
    """
    from sebench.models import as_published
    from sebench.reporting.report import build_report, render_report, report_picture

    check_output(output)
    check_plot(plot, output)
    output_format = output_format or _format_of(output)
    store = directory or options.RESULTS
    excitations, named = _excitations(results or [])
    is_alone = bool(excitations) and not named
    books = [] if is_alone else _books(list(map(Path, named)) or [store])
    found = () if is_alone else _results(named, store, quiet=quiet)
    if not (found or books or excitations):
        complain(f"nothing to report: there are no results in {store}; `sebench compare` stores them")
        return EXIT_INCONCLUSIVE
    with stored.no_garbage():
        sweeps = list(map(_sweep, books))
        of_sweeps = {row.result for sweep in sweeps for row in sweep.rows}
        alone = [path for path in found if path.stem not in of_sweeps]
        built = build_report(
            map(load_result, alone),
            as_published=as_published,
            sweeps=sweeps,
            excitations=excitations,
        )
        rendered = render_report(
            built,
            output_format,
            file=None if output == "-" else Path(output).name,
            changes=_changes(stored.named_results(against, store, quiet=quiet), found) if against else (),
            width=display_width(output),
            color=use_color(output),
        )
    for name, content in rendered.files.items():
        write_atomic(Path(output).parent / name, content)
    emit(rendered.text, output)
    return draw_plot(plot, lambda: report_picture(built))


def _format_of(output: str) -> options.Format:
    """What a file's ending says.

    Raises:
        UsageError: nothing.
    """
    suffix = Path(output).suffix.lower()
    if output != "-" and suffix not in (*FORMAT_OF_SUFFIX, "", ".txt"):
        known = ", ".join(FORMAT_OF_SUFFIX)
        raise UsageError(
            f"-o {output}: unknown file extension {suffix}", hint=f"use {known}, or give --format"
        )
    return FORMAT_OF_SUFFIX.get(suffix, "table")


def _excitations(names: Sequence[str]) -> tuple[tuple[ExcitationReport, ...], list[str]]:
    """What the files say that are of `sebench excite`, each once; and the other names.

    Raises:
        DataFileError: one of them is damaged.
    """
    from sebench.analysis.excitation import excitation_found
    from sebench.reporting.report import ExcitationReport

    found: dict[Path, ExcitationReport] = {}
    others = []
    for name in names:
        document = read_excitation(Path(name))
        if document is None:
            others.append(name)
        else:
            report = ExcitationReport(name=name, found=excitation_found(document))
            found.setdefault(Path(name).resolve(), report)
    return tuple(found.values()), others


def _results(names: Sequence[str], directory: Path, *, quiet: bool) -> tuple[Path, ...]:
    """The files of the named results, or of all that are stored; none of a directory of failed sweeps."""
    if not names:
        names = [str(directory)] if ResultStore(directory).paths() else []
    with_results = [name for name in names if not _books([Path(name)]) or ResultStore(Path(name)).paths()]
    return stored.named_files(with_results, directory, quiet=quiet) if with_results else ()


def _books(directories: Sequence[Path]) -> list[SweepBook]:
    """Of all sweeps in directories of results; what is no directory has none."""
    from sebench.store.sweeps import SweepBook, sweep_names

    return [SweepBook(directory, name) for directory in directories for name in sweep_names(directory)]


def _sweep(book: SweepBook) -> SweepReport:
    from sebench.analysis.sweep import sweep_rows
    from sebench.models import as_published
    from sebench.reporting.report import SweepReport

    sweep, published = book.read(), set[str]()

    def results() -> Iterator[Result]:
        for result in book.results(sweep):
            if as_published(result):
                published.add(result.id)
            yield result

    rows = sweep_rows(sweep, results())
    return SweepReport(name=sweep.name, rows=rows, published=frozenset(published))


def _changes(before: Sequence[Result], after: Sequence[Path]) -> tuple[Change, ...]:
    from sebench.analysis.change import changes

    return changes(before, tuple(map(load_result, after)))
