"""The marks of a chart and their axes as layers of a Vega-Lite specification."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sebench.lines import single_line
from sebench.reporting.chart import Chart, Direction, Point, Series
from sebench.reporting.drawing import PAGE, domain, series_colors

Spec = dict[str, Any]
_CROWD = 30
_SHAPES = {"dot": "circle", "diamond": "diamond", "square": "square", "line": "stroke", "bar": "square"}
_OTHER: dict[Direction, Direction] = {"x": "y", "y": "x"}


def mark_layers(chart: Chart) -> list[Spec]:
    """Bars, intervals, marks and names, back to front."""
    legend = series_colors(chart, PAGE)
    bars = [series for series in chart.series if series.mark == "bar" and series.points]
    layers = [_bars(chart, bars, legend)] if bars else []
    marks = [series for series in chart.series if series.mark != "bar" and series.points]
    for series in marks:
        if any(point.low is not None for point in series.points):
            layers.append(_intervals(chart, series, legend))
        layers.append(_marks(chart, series, legend))
    named = [series for series in marks if series.mark != "line" and any(p.name for p in series.points)]
    layers.extend(_names(chart, series) for series in named)
    if marks:
        # On one layer only: pan and zoom by dragging and by ctrl + wheel.
        layers[0]["params"] = [_ZOOM]
    return layers


_ZOOM: Spec = {
    "name": "zoom",
    "select": {"type": "interval", "zoom": "wheel![event.ctrlKey]"},
    "bind": "scales",
}


def _bars(chart: Chart, bars: Sequence[Series], legend: dict[str, str]) -> Spec:
    along, across = chart.value_axis, _OTHER[chart.value_axis]
    axis = chart.x if across == "x" else chart.y
    names = [_lines_text(name) for name in axis.categories]
    values = [
        {
            "category": names[int(point.x if across == "x" else point.y)],
            "value": point.x if along == "x" else point.y,
            "series": single_line(series.name),
            "about": single_line(point.label),
        }
        for series in bars
        for point in series.points
    ]
    sort = [single_line(series.name) for series in bars]
    beside: Spec = {f"{across}Offset": {"field": "series", "type": "nominal", "sort": sort}}
    size = {**quantity("value", chart, along), "stack": "zero" if chart.stacked else None}
    return {
        "data": {"values": values},
        "mark": {"type": "bar"},
        "encoding": {
            across: {
                "field": "category",
                "type": "nominal",
                "sort": names,
                "title": single_line(axis.title),
                "axis": {"labelAngle": 0, "labelExpr": r"split(datum.label, '\n')"},
            },
            **({} if chart.stacked else beside),
            along: size,
            "color": _color(legend),
            "tooltip": {"field": "about"},
        },
    }


def _marks(chart: Chart, series: Series, legend: dict[str, str]) -> Spec:
    crowded = len(series.points) > _CROWD
    size: Spec = {"size": 36 if crowded else 80, "opacity": 0.75 if crowded else 1}
    mark: Spec = {
        "line": {"type": "line", "strokeWidth": 1.5},
        "dot": {"type": "point", "filled": True, **size},
        "square": {"type": "point", "filled": True, **size},
        "diamond": {"type": "point", "filled": True, "size": 130, "opacity": 1},
    }[series.mark]
    return {
        "data": {"values": _values(series)},
        "mark": mark,
        "encoding": {
            "x": place("x", chart, "x"),
            "y": place("y", chart, "y"),
            "color": _color(legend),
            **({} if series.mark == "line" else {"shape": _shape(chart, legend)}),
            "tooltip": {"field": "about"},
        },
    }


def _intervals(chart: Chart, series: Series, legend: dict[str, str]) -> Spec:
    along, across = chart.value_axis, _OTHER[chart.value_axis]
    known = [point for point in series.points if point.low is not None and point.high is not None]
    return {
        "data": {"values": [{**_value(series, p), "low": p.low, "high": p.high} for p in known]},
        "mark": {"type": "rule", "strokeWidth": 1.5},
        "encoding": {
            along: quantity("low", chart, along),
            f"{along}2": {"field": "high"},
            across: place(across, chart, across),
            "color": _color(legend),
            "tooltip": {"field": "about"},
        },
    }


def _names(chart: Chart, series: Series) -> Spec:
    return {
        "data": {"values": _values(series)},
        "mark": {"type": "text", "dy": -10 if chart.y.categories else -13},
        "encoding": {
            "x": place("x", chart, "x"),
            "y": place("y", chart, "y"),
            "text": {"field": "name"},
        },
    }


def _values(series: Series) -> list[Spec]:
    return [_value(series, point) for point in series.points]


def _value(series: Series, point: Point) -> Spec:
    return {
        "x": point.x,
        "y": point.y,
        "series": single_line(series.name),
        "about": single_line(point.label),
        "name": single_line(point.name),
    }


def _color(legend: dict[str, str]) -> Spec:
    return {
        "field": "series",
        "type": "nominal",
        "scale": {"domain": list(map(single_line, legend)), "range": list(legend.values())},
        "legend": {"symbolOpacity": 1},
    }


def _shape(chart: Chart, legend: dict[str, str]) -> Spec:
    """One legend says colour and shape; a line has no shape of its own but stands in it as one."""
    marks = {series.name: series.mark for series in chart.series}
    scale = {"domain": list(map(single_line, legend)), "range": [_SHAPES[marks[name]] for name in legend]}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": {"symbolOpacity": 1}}


# --- axes -------------------------------------------------------------------------------------------------


def place(field: str, chart: Chart, direction: Direction) -> Spec:
    """A position on an axis of names or on a number line."""
    axis = chart.x if direction == "x" else chart.y
    if not axis.categories:
        grid = direction == chart.value_axis
        ticks: Spec = {"values": list(axis.ticks)} if axis.ticks else {"tickCount": 8}
        return {**quantity(field, chart, direction), "axis": {"grid": grid, **ticks}}
    names = [_lines_text(name).split("\n") for name in axis.categories]
    return {
        "field": field,
        "type": "quantitative",
        "title": single_line(axis.title) or None,
        "scale": {"domain": list(domain(chart, direction)), "nice": False, "reverse": direction == "y"},
        "axis": {
            "values": list(range(len(names))),
            "labelExpr": f"{json.dumps(names)}[datum.value]",
            "grid": False,
        },
    }


def quantity(field: str, chart: Chart, direction: Direction) -> Spec:
    """A value on a number line, whose ends are those of the SVG."""
    axis = chart.x if direction == "x" else chart.y
    scale: Spec = {"domain": list(domain(chart, direction)), "nice": False}
    if axis.log:
        scale["type"] = "log"
    return {"field": field, "type": "quantitative", "title": single_line(axis.title) or None, "scale": scale}


def _lines_text(name: str) -> str:
    """Each line made harmless, and the newlines between them kept."""
    return "\n".join(map(single_line, name.split("\n")))
