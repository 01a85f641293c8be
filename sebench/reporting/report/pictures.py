"""The pictures of a report: the headline first, then what its page shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sebench.reporting.chart import Panel, Picture
from sebench.reporting.document import Figure, Section
from sebench.reporting.ratio_picture import machine_text
from sebench.reporting.report.accuracy import accuracy_section
from sebench.reporting.report.document import report_document
from sebench.reporting.report.figures import KEY, headline
from sebench.reporting.report.values import Report


def report_picture(report: Report) -> Picture:
    """Everything that the page of `report` shows, one below the other."""
    document = report_document(report)
    titles = Counter(figure.title for figure in document.figures)
    panels = [
        # A page says by its headings what a figure is of.
        Panel(
            figure.title if titles[figure.title] == 1 else f"{section.title}: {figure.title}",
            figure.chart,
            (figure.description,),
        )
        for section in document.body
        if isinstance(section, Section)
        for figure in section.body
        if isinstance(figure, Figure) and figure.key != KEY
    ]
    return _picture(report, document.title, panels)


def comparison_picture(report: Report) -> Picture:
    """The ratios with their intervals, then cost against the paper's accuracy where it prints one."""
    section = accuracy_section(report)
    figures = [figure for figure in section.body if isinstance(figure, Figure)]
    panels = [
        Panel(
            figure.title,
            figure.chart,
            (figure.description, *(section.notes if figure is figures[-1] else ())),
        )
        for figure in figures
    ]
    count = len(report.pairs)
    title = report.pairs[0].comparison.title if count == 1 else f"{count} comparisons"
    return _picture(report, title, panels)


def _picture(report: Report, title: str, panels: Sequence[Panel]) -> Picture:
    place, ratios = headline(report.pairs)
    machines = dict.fromkeys(machine_text(pair.environment) for pair in report.pairs)
    return Picture(
        title,
        "; ".join(part for part in (place, *machines) if part),
        (*((ratios,) if ratios else ()), *panels),
    )
