"""What the builders of tables share: looking printed figures up, and putting ours beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction

from sebench.analysis.costs import totals
from sebench.paper.conventions import CONVENTIONS
from sebench.paper.figures import PublishedFigure
from sebench.paper.printing import decimals_of, prints, quantized
from sebench.paper.quantities import Count, compute
from sebench.paper.subjects import Subject, subject_of
from sebench.paper.tables.values import Entry, EntryColumn, PaperTable, TableRow
from sebench.schema import StaticCost

PAPER_MACS = (
    "GFLOPs and MFLOPs are the papers': multiply-adds, here MACs + 1 per residual add and squeezed element"
)
QUOTED = "error rates and AP are quoted from the papers, not measured"
MEBI = 2**20


class Sheet:
    """Printed figures by (source, model, variant, metric), and a way to count."""

    def __init__(self, figures: Iterable[PublishedFigure], count: Count, known: frozenset[str]) -> None:
        self.count = count
        self._known = known
        self._figures: dict[tuple[str, ...], PublishedFigure] = {}
        for figure in figures:
            self._figures.setdefault((figure.source, figure.model, figure.variant, figure.metric), figure)

    def find(self, source: str, model: str, variant: str, metric: str) -> PublishedFigure | None:
        """A printed figure, or None where the source has none."""
        return self._figures.get((source, model, variant, metric))

    def text(self, source: str, model: str, variant: str, metric: str) -> str:
        """A printed figure as printed; empty where there is none."""
        figure = self.find(source, model, variant, metric)
        return figure.value if figure else ""

    def entry(self, source: str, model: str, variant: str, metric: str, *, decimals: int = 3) -> Entry:
        """A printed figure beside ours.

        Args:
            source: as in the data file.
            model: as printed.
            variant: as printed.
            metric: what is printed, or what to compute where nothing is.
            decimals: of ours, where nothing is printed.
        """
        figure = self.find(source, model, variant, metric)
        stand_in = figure or PublishedFigure(
            line=0, source=source, model=model, variant=variant, metric=metric, value=""
        )
        subject = subject_of(stand_in, self._known)
        computed = subject and compute(stand_in, subject, CONVENTIONS["paper"], self.count)
        if not computed:
            return Entry(published=figure.value if figure else "")
        return beside(figure.value if figure else "", computed.value, decimals=decimals)


def beside(published: str, value: Fraction, *, decimals: int = 3) -> Entry:
    """`value` beside printed digits, with one decimal more than they have."""
    if not published:
        return Entry(here=float(value), here_text=f"{quantized(value, decimals)}")
    shown = decimals_of(published) + 1
    same = prints(value, published)
    difference = "=" if same else f"{quantized(value - Fraction(published), shown):+}"
    return Entry(
        published=published, here=float(value), here_text=f"{quantized(value, shown)}", difference=difference
    )


def own(value: float | Fraction, decimals: int) -> Entry:
    """A figure of ours that nobody prints."""
    return Entry(here=float(value), here_text=f"{quantized(Fraction(value), decimals)}")


def moved_mebibytes(cost: StaticCost) -> Fraction:
    """Bytes in and out of all ops, per image."""
    return Fraction(totals(cost).moved_bytes, MEBI)


def table(
    name: str,
    title: str,
    source: str,
    *,
    labels: Sequence[str],
    columns: Mapping[str, str],
    rows: Iterable[TableRow],
    quoted: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> PaperTable:
    """Put a table together; a column is compared where any of its rows has a printed figure.

    Args:
        name: as on the command line.
        title: as in the paper.
        source: where it is printed.
        labels: titles of the columns that say what a row is about.
        columns: titles of the quantities by key.
        rows: in order.
        quoted: titles of what is not recomputed.
        notes: on what a reader must know.
    """
    found = tuple(rows)
    compared = [any(row.entries[i].published for row in found) for i in range(len(columns))]
    return PaperTable(
        name=name,
        title=title,
        source=source,
        labels=tuple(labels),
        columns=tuple(
            EntryColumn(key=key, title=text, compared=is_compared)
            for (key, text), is_compared in zip(columns.items(), compared, strict=True)
        ),
        quoted=tuple(quoted),
        rows=found,
        notes=(*notes, *((QUOTED,) if quoted else ())),
    )


def subject(model: str, variant: str = "plain") -> Subject:
    """A network in sebench's names."""
    return Subject(model=model, variant=variant)


Builder = Callable[[Sheet], PaperTable]
