"""What gates do on images, as part of a report: as `sebench excite` shows it, and its picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sebench.reporting.chart import Chart, Series
from sebench.reporting.document import Content, Figure, Listing, Paragraph, Section, Table
from sebench.reporting.excitation import EXCITATION_FIELDS, excitation_document, excitation_records
from sebench.reporting.excitation_picture import excitation_picture
from sebench.reporting.records import Field, Records
from sebench.reporting.report.figures import figure_key
from sebench.reporting.report.values import ExcitationReport

_FIELDS = (
    Field("model", "text", "whose gates"),
    Field("variant", "text", "of its attention"),
    Field("weights", "text", "file"),
    Field("images", "text", "folder"),
    *EXCITATION_FIELDS,
)


def excitation_sections(reports: Sequence[ExcitationReport]) -> tuple[Section, ...]:
    """One per document; those of one network are told apart by the names of their files."""
    documents = [excitation_document(report.found) for report in reports]
    times = Counter(document.title for document in documents)
    return tuple(
        Section(
            document.title if times[document.title] == 1 else f"{document.title}: {report.name}",
            (*_flat(document.body), *_figures(report, position)),
            document.notes,
        )
        for position, (report, document) in enumerate(zip(reports, documents, strict=True), start=1)
    )


def excitation_rows(reports: Sequence[ExcitationReport]) -> Records:
    """What the CSV of `sebench excite` has, behind columns that say of which network and images."""
    rows = []
    for report in reports:
        excitation = report.found.excitation
        spec = excitation.spec
        about = (spec.model, spec.variant, spec.weights, excitation.folder)
        rows += [(*about, *row) for row in excitation_records(report.found).rows]
    return Records(_FIELDS, tuple(rows))


def _flat(body: Sequence[Content]) -> Iterator[Paragraph | Table | Listing]:
    """Without sections of its own, as these are parts of one."""
    for part in body:
        if isinstance(part, Section):
            yield Paragraph(part.title, strong=True)
            yield from _flat(part.body)
        elif isinstance(part, Paragraph | Table | Listing):
            yield part


def _figures(report: ExcitationReport, position: int) -> Iterator[Figure]:
    """A figure per panel of the picture; where there are no pictures, the table says what there is to say."""
    picture = excitation_picture(report.found)
    for place, panel in enumerate(picture.panels, start=1):
        about = (_ranges(panel.chart), *(picture.notes if place == 1 else ()))
        key = figure_key(f"gates-{position}", place, panel.title)
        yield Figure(key, panel.title, " ".join(about), panel.chart)


def _ranges(chart: Chart) -> str:
    """Between what the marks of each series lie, in words."""
    return f"{chart.y.title.capitalize()}, from lowest to highest: {', '.join(map(_range, chart.series))}."


def _range(series: Series) -> str:
    values = [point.y for point in series.points]
    if not values:
        return f"{series.name} unknown"
    return f"{series.name} {min(values):.3f} to {max(values):.3f}"
