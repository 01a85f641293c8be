"""`sweep` for programs: the same cases, store and resumption as on the command line."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sebench.analysis.sweep import SweepRow, sweep_rows
from sebench.api.arguments import one_or_several, require_taken
from sebench.api.display import Display
from sebench.api.guard import guarded
from sebench.api.naming import network_name, variant_name
from sebench.configuration.sweep import AXES, SweepSettings, load_sweep, said_axis, said_measure
from sebench.errors import UsageError, near_matches
from sebench.reporting.sweep import sweep_document, sweep_records
from sebench.runner.counting.counter import default_cache
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.measuring.context import RunContext
from sebench.runner.planning.plan import drawn_seed
from sebench.runner.progress import Observer, unobserved
from sebench.runner.sweeping.estimate import Estimate
from sebench.runner.sweeping.expansion import expand
from sebench.runner.sweeping.local import LocalExecutor
from sebench.runner.sweeping.sweep import open_run, require_one_way, run_sweep, usual_name
from sebench.schema import NO_OPTIONS, Effort
from sebench.store import CALIBRATIONS, RESULTS, ResultStore, check_directory
from sebench.store.sweeps import SweepBook

if TYPE_CHECKING:
    import pandas as pd

    from sebench.reporting.document import Document


@dataclass(frozen=True, repr=False)
class SweepResult(Display):
    """What became of the cases of a sweep."""

    name: str
    rows: tuple[SweepRow, ...]
    """One per case, in the order of the matrix: status, reason, comparison."""

    def to_frame(self) -> pd.DataFrame:
        """One row per case and metric, values in base units: the rows and columns of the CSV."""
        return sweep_records(self.rows).to_frame()

    def document(self) -> Document:
        """What ``sebench sweep`` prints."""
        return sweep_document(self.name, self.rows)

    def __repr__(self) -> str:
        found = Counter(row.status for row in self.rows)
        return f"SweepResult({', '.join((repr(self.name), *(f'{found[key]} {key}' for key in found)))})"


def sweep(
    file: str | os.PathLike[str] | None = None,
    *,
    axes: Mapping[str, object] | None = None,
    name: str | None = None,
    effort: Effort | None = None,
    budget_s: float | None = None,
    timeout_s: float | None = None,
    seed: int | None = None,
    resume: bool = False,
    restart: bool = False,
    save: str | os.PathLike[str] = RESULTS,
    progress: Observer | None = None,
) -> SweepResult:
    """Measure a matrix of networks, variants and workloads, case by case (docs/sweeps.md).

    A case that fails is recorded with its reason, and the rest goes on. Each is stored as soon as it is over.

    Args:
        file: a sweep file.
        axes: values, or sequences of them, by the name of the axis: ``model``, ``variant``, ``baseline``, or
            a parameter of `compare` such as ``batch_size``. They replace axes of the file.
        name: of the sweep; None is that of the file, or of the networks.
        effort: how long to measure each case; None is ``quick``, or what the file says.
        budget_s: seconds of measuring of each case, a hard limit.
        timeout_s: seconds after which a case has failed.
        seed: fixes weights, orders and pauses; None draws one.
        resume: go on with what was begun; without a beginning, begin.
        restart: begin anew although an earlier run is unfinished.
        save: directory for raw results and the book of the sweep.
        progress: called in this thread whenever something happened, see `compare`.

    Raises:
        UsageError: names, axes or numbers that cannot be meant, `resume` with `restart`, or an empty matrix.
        ConfigurationError: the file cannot be read or says something that cannot be meant.
        DataFileError: an unfinished run of this name, one that another process runs, or `save` cannot be
            written.
        KeyboardInterrupt: Ctrl-C; what was done until then is kept.
    """
    require_taken(locals(), required=("save",))
    require_one_way(resume=resume, restart=restart)
    path, directory = None if file is None else Path(file), Path(save)
    measure = said_measure({"effort": effort, "budget": budget_s, "timeout": timeout_s, "seed": seed})
    said = {axis: said_axis(axis, _values(axis, given), axis) for axis, given in (axes or {}).items()}
    settings = (SweepSettings() if path is None else load_sweep(path)).updated(said, NO_OPTIONS, measure)
    context = RunContext(
        cache=default_cache(),
        observer=progress or unobserved,
        calibrations=Calibrations(CALIBRATIONS),
        results=ResultStore(directory),
    )
    cases = expand(
        settings, seed=drawn_seed(settings.measure.seed), usual_candidate=context.usual_candidate
    ).cases
    check_directory(directory)
    book = SweepBook(directory, usual_name(path, cases) if name is None else name)
    with guarded(), book.held():
        known = open_run(book, cases, resume=resume, restart=restart)
        for _ in run_sweep(book, cases, LocalExecutor(context, Estimate(cases, known.outcomes))):
            pass
        done = book.read()
        return SweepResult(done.name, sweep_rows(done, book.results(done)))


def _values(axis: str, given: object) -> list[object]:
    """The values of an axis as the command line has them."""
    if axis not in AXES:
        raise UsageError(f"there is no axis {axis!r}", hint=near_matches(axis, AXES) or f"choose from {AXES}")
    values = one_or_several(given)
    if not values:
        raise UsageError(f"axis {axis!r} is empty", hint="name a value, or leave it out")
    return [_named(axis, value) for value in values]


def _named(axis: str, value: object) -> object:
    named = {"model": network_name, "baseline": network_name, "variant": variant_name}
    return named[axis](value) if axis in named and callable(value) else value
