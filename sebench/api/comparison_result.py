"""What `compare` and `load` return: all that was concluded and measured, and overheads to assert on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, overload

from sebench.analysis.comparison import compare as conclude
from sebench.analysis.comparison import origin
from sebench.api.arguments import require_taken
from sebench.api.display import Display
from sebench.api.overhead import Overhead, Watch
from sebench.errors import NoResultsError, UnavailableError, UsageError, near_matches
from sebench.models import as_published
from sebench.reporting.answers import ratio_text
from sebench.reporting.comparison import comparison_document
from sebench.reporting.comparison_records import comparison_records
from sebench.schema import Comparison, MetricComparison, Result, SkippedFile, Workload
from sebench.store import RESULTS, ResultStore, load_result, resolve_results
from sebench.units import format_ratio

if TYPE_CHECKING:
    import pandas as pd

    from sebench.reporting.document import Document


_IN_REPR = ("latency", "params", "macs")
"""Metrics of the representation, where they were measured."""
_SHOWN = 10
"""Results of a representation; the others are only counted."""


@dataclass(frozen=True, repr=False)
class ComparisonResult(Display):
    """A measured pair."""

    comparison: Comparison
    """One row per metric, with intervals, grades and findings."""
    result: Result
    """Exact costs and raw samples, as they are stored."""
    watch: Watch | None = field(default=None, compare=False)
    """Told about every comparison of an overhead with a limit."""

    def overhead(self, metric: str, **workload: object) -> Overhead:
        """Candidate over baseline in one metric.

        Args:
            metric: as in the tables: ``params``, ``macs``, ``flops``, ``bytes``, ``latency`` ...
            workload: fields of `Workload` that tell several measurements apart, e.g. ``phase="training"``.
                Counted metrics have no workload.

        Raises:
            UsageError: no such metric or workload, or more than one of them.
            UnavailableError: it has no figure; says why.
        """
        __tracebackhide__ = True
        row = self._row(metric, workload)
        if row.status != "ok" or row.ratio.estimate is None:
            reason = row.reason or "no reason was given"
            raise UnavailableError(f"{self.comparison.title}: no {metric} overhead: {reason}")
        return Overhead(pair=self.comparison.title, metric=row, watch=self.watch)

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Store the raw result, as ``sebench compare --save`` does; returns the file.

        Raises:
            UsageError: `directory` is no path.
            DataFileError: the directory cannot be written.
        """
        require_taken({"directory": directory}, required=("directory",))
        return ResultStore(Path(directory)).add(self.result)

    def to_frame(self) -> pd.DataFrame:
        """One row per workload and metric, values in base units: the rows and columns of the CSV.

        Columns are typed (``string``, ``float64``, ``Int64``, ``boolean``) and listed in docs/exports.md.
        """
        return _frame([self])

    def document(self) -> Document:
        """What ``sebench compare`` prints."""
        return _document([self])

    def __repr__(self) -> str:
        rows = [row for name in _IN_REPR for row in self.comparison.metrics if row.metric == name]
        figures = [f"{row.metric} {_ratio_text(row)}" for row in rows]
        return f"ComparisonResult({', '.join((repr(self.comparison.title), *figures))})"

    def _row(self, metric: str, workload: dict[str, object]) -> MetricComparison:
        __tracebackhide__ = True
        unknown = next((name for name in workload if name not in Workload.__struct_fields__), None)
        if unknown is not None:
            hint = near_matches(unknown, Workload.__struct_fields__)
            raise UsageError(f"a workload has no {unknown!r}", hint=hint)
        rows = [row for row in self.comparison.metrics if row.metric == metric]
        if not rows:
            names = tuple(dict.fromkeys(row.metric for row in self.comparison.metrics))
            hint = near_matches(metric, names) or f"there are {', '.join(names)}"
            raise UsageError(f"no metric {metric!r} in {self.comparison.title}", hint=hint)
        matching = [row for row in rows if _fits(row.workload, workload)]
        if len(matching) == 1:
            return matching[0]
        asked = ", ".join(f"{name}={value!r}" for name, value in workload.items())
        if matching:
            raise UsageError(
                f"{metric} was measured under {len(matching)} workloads",
                hint="name one, e.g. phase='training'",
            )
        raise UsageError(f"{metric} was not measured with {asked}")


@dataclass(frozen=True, repr=False)
class ComparisonResults(Sequence[ComparisonResult], Display):
    """Stored results, concluded; a sequence of `ComparisonResult`, in the order in which they were named."""

    results: tuple[ComparisonResult, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per result, workload and metric, values in base units: the rows and columns of the CSV.

        Columns are typed (``string``, ``float64``, ``Int64``, ``boolean``) and listed in docs/exports.md.
        """
        return _frame(self.results)

    def document(self) -> Document:
        """What ``sebench compare`` would print of them together."""
        return _document(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @overload
    def __getitem__(self, index: int) -> ComparisonResult: ...
    @overload
    def __getitem__(self, index: slice) -> ComparisonResults: ...
    def __getitem__(self, index: int | slice) -> ComparisonResult | ComparisonResults:
        if isinstance(index, slice):
            return ComparisonResults(self.results[index])
        return self.results[index]

    def __iter__(self) -> Iterator[ComparisonResult]:
        return iter(self.results)

    def __repr__(self) -> str:
        shown = [repr(result) for result in self.results[:_SHOWN]]
        if len(self) > _SHOWN:
            shown.append(f"and {len(self) - _SHOWN} more")
        head = f"{len(self)} result{'s' * (len(self) != 1)}{':' * bool(shown)}"
        return "<" + "\n  ".join((head, *shown)) + ">"


def _document(results: Sequence[ComparisonResult]) -> Document:
    environments = [found.result.environment for found in results]
    # Results of several sessions have no machine and no moment in common.
    one_session = bool(results) and all(each == environments[0] for each in environments)
    return comparison_document(
        [found.comparison for found in results],
        environments[0] if one_session else None,
        as_published=[as_published(found.result) for found in results],
        measured_at=results[0].result.created_at if one_session else None,
        origins=[origin(found.result) for found in results],
    )


def _frame(results: Sequence[ComparisonResult]) -> pd.DataFrame:
    return comparison_records(
        [found.comparison for found in results],
        as_published=[as_published(found.result) for found in results],
        origins=[origin(found.result) for found in results],
    ).to_frame()


def _ratio_text(row: MetricComparison) -> str:
    if row.ratio.estimate is None:
        return "unavailable"
    if row.exact:
        return format_ratio(row.ratio.estimate)
    return " ".join(filter(None, ratio_text(row.ratio)))


def _fits(workload: Workload | None, wanted: dict[str, object]) -> bool:
    return workload is None or all(getattr(workload, name) == value for name, value in wanted.items())


def load(*names: str | os.PathLike[str], results: str | os.PathLike[str] = RESULTS) -> ComparisonResults:
    """Stored results, each once, with everything that follows from them; nothing is measured.

    Args:
        names: files, directories, ids or as much of an id as makes it unique; none means all of `results`. Of
            a directory the results come oldest first. A file in it that is no result is a warning.
        results: directory of stored results, where ids are looked up.

    Raises:
        NoResultsError: there are none in `results`, and nothing else was named.
        DataFileError: there is no such result, several ids begin so, or a file is damaged.
    """
    require_taken(locals(), required=("results",), several=("names",))
    store = ResultStore(Path(results))
    if not names and not store.paths():
        raise NoResultsError(f"there are no results in {results}", hint="`sebench compare` stores them")
    paths = resolve_results([os.fspath(name) for name in names] or [str(results)], store, on_skip=_warn)
    found = tuple(map(load_result, paths))
    return ComparisonResults(
        tuple(ComparisonResult(comparison=conclude(result), result=result) for result in found)
    )


def _warn(skipped: SkippedFile) -> None:
    warnings.warn(f"{skipped.path} {skipped.reason}; skipped", stacklevel=4)
