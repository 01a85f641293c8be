"""What `sebench compare` does with its results: store each at once, present them all in the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sebench.cli import _options as options
from sebench.cli._boundary import complain, complain_of_unstored, present, show_findings
from sebench.cli._pictures import draw_plot
from sebench.errors import EXIT_ERROR, EXIT_OK, DataFileError
from sebench.schema import Finding
from sebench.store import ResultStore, check_directory

if TYPE_CHECKING:
    from sebench.reporting.chart import Picture
    from sebench.schema import Comparison, MetricComparison, Result


class Collector:
    """Stores every result as soon as it exists, and presents what it has in the end."""

    def __init__(self, store: ResultStore | None, *, quiet: bool, plot: Path | None = None) -> None:
        self._store = store
        self._plot = plot
        self._quiet = quiet
        self.comparisons: list[Comparison] = []
        self._results: list[Result] = []
        self._not_stored: list[DataFileError] = []

    def check(self) -> None:
        """Refuse a directory that cannot be written before measuring for it.

        Raises:
            DataFileError: it cannot.
        """
        if self._store:
            check_directory(self._store.directory)

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
        from sebench import reporting
        from sebench.analysis.readings import origin
        from sebench.models import as_published

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
                origins=[origin(result) for result in self._results],
            ),
            measured=True,
        )
        show_findings(self._findings(), quiet=self._quiet)
        status = self._status()
        return draw_plot(self._plot, self._picture) or status

    def _picture(self) -> Picture:
        from sebench.models import as_published
        from sebench.reporting.report import build_report, comparison_picture

        published = [as_published(result) for result in self._results]
        return comparison_picture(build_report(self._results, as_published=published))

    def _findings(self) -> list[Finding]:
        of_machine = self._results[0].environment.findings
        of_pairs = [
            finding
            for comparison in self.comparisons
            for group in (comparison.findings, *(metric.findings for metric in comparison.metrics))
            for finding in group
        ]
        of_pairs += [
            Finding(
                code="not-counted",
                severity="warning",
                message=f"{comparison.short_title}: not counted: {reason}",
            )
            for comparison in self.comparisons
            for reason in dict.fromkeys(m.reason for m in comparison.metrics if _is_not_counted(m))
        ]
        reasons = [metric.reason or "" for _, metric in self._missing()]
        told = [finding for finding in of_pairs if any(finding.message in reason for reason in reasons)]
        return [finding for finding in (*of_machine, *of_pairs) if finding not in told]

    def _status(self) -> int:
        missing = self._missing()
        for comparison, metric in missing:
            complain(f"{comparison.short_title}: no {metric.metric}: {metric.reason}")
        complain_of_unstored(self._not_stored)
        return EXIT_ERROR if missing or self._not_stored else EXIT_OK

    def _missing(self) -> list[tuple[Comparison, MetricComparison]]:
        return [
            (comparison, metric)
            for comparison in self.comparisons
            for metric in comparison.metrics
            if metric.status == "unavailable" and not _is_not_counted(metric)
        ]


def _is_not_counted(metric: MetricComparison) -> bool:
    return metric.exact and metric.status == "unavailable"
