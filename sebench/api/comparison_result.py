"""What `compare` returns: everything concluded, everything measured, and overheads to assert on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sebench import reporting
from sebench.api.overhead import Overhead, Watch
from sebench.errors import UnavailableError, UsageError, near_matches
from sebench.schema import Comparison, MetricComparison, Result, Workload
from sebench.store import ResultStore


@dataclass(frozen=True, repr=False)
class ComparisonResult:
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

    def save(self, directory: Path) -> Path:
        """Store the raw result, as ``sebench compare --save`` does; returns the file.

        Raises:
            DataFileError: the directory cannot be written.
        """
        return ResultStore(directory).add(self.result)

    def __repr__(self) -> str:
        return f"ComparisonResult({self.comparison.title!r})"

    def __str__(self) -> str:
        """The document that ``sebench compare`` prints."""
        document = reporting.comparison_document(
            [self.comparison], self.result.environment, measured_at=self.result.created_at
        )
        return reporting.render(document, "table")

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


def _fits(workload: Workload | None, wanted: dict[str, object]) -> bool:
    return workload is None or all(getattr(workload, name) == value for name, value in wanted.items())
