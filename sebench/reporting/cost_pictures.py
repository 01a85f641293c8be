"""Costs as pictures: counted networks relative to another, and a table of the papers against its errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sebench.analysis.costs import pareto_front, totals
from sebench.errors import UsageError
from sebench.paper.tables.values import PaperTable, TableRow
from sebench.reporting.chart import Axis, Chart, Level, Mark, Panel, Picture, Point, Series
from sebench.reporting.counts import spec_text
from sebench.reporting.ratio_picture import NO_DIFFERENCE
from sebench.schema import ModelCost, input_text
from sebench.units import UNKNOWN, format_count, format_percent

_MARKS: tuple[Mark, Mark] = ("dot", "diamond")
_QUANTITIES = (("params", "parameters"), ("macs", "MACs"))


def check_cost_picture(networks: int) -> None:
    """Refuse before anything is counted.

    Args:
        networks: How many there will be.

    Raises:
        UsageError: one alone, which is relative to nothing.
    """
    if networks < 2:
        raise UsageError("--plot compares counted networks, and there is one", hint="add a -v or a --model")


def cost_picture(models: Sequence[ModelCost]) -> Picture:
    """Each network against the first one of its name, or, where no name has two, against the first of all.

    Args:
        models: As they were counted.

    Raises:
        UsageError: one network alone.
    """
    check_cost_picture(len(models))
    rows = _against_own(models) or [(cost, models[0]) for cost in models[1:]]
    first = {reference.spec for _, reference in rows}
    shapes = {cost.cost.input_shape for cost in models}
    shape = input_text(shapes.pop()) if len(shapes) == 1 else "each network's own input"
    of = (
        f" to {spec_text(next(iter(first)))}"
        if len(first) == 1
        else " to the first variant of the same network"
    )
    chart = Chart(
        x=Axis(f"relative{of}", log=True),
        y=Axis("", tuple(_row_name(cost, reference) for cost, reference in rows)),
        series=tuple(
            Series(title, mark, tuple(_points(key, title, rows)))
            for (key, title), mark in zip(_QUANTITIES, _MARKS, strict=True)
        ),
        levels=(Level(1.0, NO_DIFFERENCE, dashed=True, on="x"),),
    )
    notes = ("Counted exactly, so there are no intervals. Logarithmic axis; to the right costs more.",)
    return Picture(
        "Cost of networks, counted",
        f"{models[0].cost.phase}, input {shape}",
        (Panel(f"Parameters and MACs, relative{of}", chart, notes),),
    )


def _against_own(models: Sequence[ModelCost]) -> list[tuple[ModelCost, ModelCost]]:
    ordered = sorted(models, key=lambda cost: [other.spec.model for other in models].index(cost.spec.model))
    groups = [list(group) for _, group in groupby(ordered, key=lambda cost: cost.spec.model)]
    return [(cost, group[0]) for group in groups for cost in group[1:]]


def _row_name(cost: ModelCost, reference: ModelCost) -> str:
    changes = ", ".join(
        f"{title} {format_percent(ratio) if (ratio := _ratio(key, cost, reference)) else UNKNOWN}"
        for key, title in _QUANTITIES
    )
    return f"{spec_text(cost.spec)}\n{changes}"


def _ratio(key: str, cost: ModelCost, reference: ModelCost) -> float | None:
    """None where either is zero, which has no ratio that an axis could show."""
    own, other = (getattr(totals(model.cost), key) for model in (cost, reference))
    return own / other if own and other else None


def _points(key: str, title: str, rows: Sequence[tuple[ModelCost, ModelCost]]) -> Iterator[Point]:
    for place, (cost, reference) in enumerate(rows):
        ratio = _ratio(key, cost, reference)
        if ratio is not None:
            counts = [format_count(getattr(totals(model.cost), key)) for model in (cost, reference)]
            label = f"{spec_text(cost.spec)}: {counts[0]} {title}, {spec_text(reference.spec)}: {counts[1]}"
            yield Point(ratio, place, label)


NOTES = (
    "Costs are counted here. Errors are quoted from the papers, not measured. Lower left is better; the line "
    "joins the networks that no other one shown beats in both."
)


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
    drawn = [tuple(_table_points(table, marks)) for marks in groups]
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


def _table_points(table: PaperTable, marks: _Marks) -> Iterator[Point]:
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
