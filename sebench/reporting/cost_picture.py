"""Counted costs as a picture: parameters and MACs of each network relative to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from sebench.analysis.costs import totals
from sebench.errors import UsageError
from sebench.reporting.chart import Axis, Chart, Level, Mark, Panel, Picture, Point, Series
from sebench.reporting.counts import spec_text
from sebench.reporting.ratio_picture import NO_DIFFERENCE
from sebench.schema import ModelCost
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
    shape = "x".join(map(str, shapes.pop())) if len(shapes) == 1 else "each network's own input"
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
