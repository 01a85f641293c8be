"""A table of the papers as a picture: cost as counted here against the errors that they print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sebench.analysis.pareto import pareto_front
from sebench.errors import UsageError
from sebench.paper.tables.values import PaperTable, TableRow
from sebench.reporting.chart import Axis, Chart, Mark, Panel, Picture, Point, Series

NOTES = (
    "Costs are counted here. Errors are quoted from the papers, not measured. Lower left is better; the line "
    "joins the networks that no other one shown beats in both."
)

_MARKS: tuple[Mark, Mark] = ("dot", "diamond")


@dataclass(frozen=True, slots=True)
class _Marks:
    """Where one set of marks is in a table."""

    cost: str
    """Key of its column."""
    error: str
    """Title of its column among what is quoted; of ``24.80/7.48`` the first figure is taken."""
    suffix: str = ""
    """What the name of a mark has beyond the labels of its row."""
    axis: str = "top-1 error (%)"
    """What the errors are."""


# What is to be seen in a table: the cost for which its authors argue. Tables without errors of networks that
# can be counted have no entry.
_PICTURES: Mapping[str, tuple[_Marks, ...]] = {
    "2": (_Marks("plain", "plain err"), _Marks("se", "SE err", " SE")),
    "3": (_Marks("mflops", "top-1 err %"),),
    "7": (_Marks("stored", "top-1"),),
    **{
        name: (_Marks("params", "top-1 err %"),)
        for name in ("squeeze", "excitation", "stages", "placement", "nosqueeze")
    },
    "cifar": (_Marks("params", "CIFAR-10 err %", axis="CIFAR-10 error (%)"),),
    "places": (_Marks("params", "top-1 err %"),),
}


def check_table_picture(names: Sequence[str]) -> None:
    """Refuse before anything is counted.

    Raises:
        UsageError: none of these tables has a picture.
    """
    if not any(name in _PICTURES for name in names):
        raise UsageError(
            f"--plot: table {names[0]} has no errors to draw costs against",
            hint=f"those with a picture are {', '.join(_PICTURES)}",
        )


def tables_picture(tables: Sequence[PaperTable]) -> Picture:
    """One panel per table that has one."""
    panels = tuple(panel for table in tables if (panel := _panel(table, titled=len(tables) > 1)))
    title = tables[0].title if len(tables) == 1 else "The papers' tables: cost against error"
    return Picture(title, tables[0].source if len(tables) == 1 else "CVPR 2018 and TPAMI 2020", panels)


def _panel(table: PaperTable, *, titled: bool) -> Panel | None:
    groups = _PICTURES.get(table.name, ())
    drawn = [tuple(_points(table, marks)) for marks in groups]
    points = [point for found in drawn for point in found]
    if not points:
        return None
    front = pareto_front([(point.x, point.y) for point in points])
    cost = next(column.title for column in table.columns if column.key == groups[0].cost)
    named = zip(("plain", "SE") if len(groups) > 1 else ("network",), drawn, strict=True)
    chart = Chart(
        x=Axis(f"{cost}, counted here"),
        y=Axis(f"{groups[0].axis}, quoted"),
        series=(
            Series("not beaten in both (Pareto front)", "line", tuple(points[index] for index in front)),
            *(Series(name, mark, found) for (name, found), mark in zip(named, _MARKS, strict=False)),
        ),
    )
    return Panel(f"{table.title} ({table.source})" if titled else "", chart, (NOTES,))


def _points(table: PaperTable, marks: _Marks) -> Iterator[Point]:
    column = [column.key for column in table.columns].index(marks.cost)
    quoted = table.quoted.index(marks.error)
    for row in table.rows:
        cost, error = row.entries[column].here, _first_figure(row.quoted[quoted])
        if cost is not None and error is not None:
            name = _name(row, marks.suffix)
            label = f"{name}: {row.entries[column].here_text} here, error {row.quoted[quoted]} (quoted)"
            yield Point(cost, error, label, name)


def _name(row: TableRow, suffix: str) -> str:
    return " ".join(row.labels) + suffix


def _first_figure(text: str) -> float | None:
    try:
        return float(text.partition("/")[0])
    except ValueError:
        return None
