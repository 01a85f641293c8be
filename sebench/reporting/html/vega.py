"""A chart as a Vega-Lite specification, and the library that draws it.

Vega draws SVG, so that the page's style sheet gives the colours (light, dark, print), and its interpreter
needs no ``eval``, which the page's security policy forbids. https://vega.github.io/vega-lite/docs/
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from sebench.lines import single_line
from sebench.reporting.chart import Axis, Chart, Direction, Level, Point, Series
from sebench.reporting.drawing import PAGE, domain, series_colors

_Spec = dict[str, Any]
_HEIGHT, _ROW_HEIGHT, _LINE_HEIGHT = 300, 28, 15
_CROWD = 30
_SHAPES = {"dot": "circle", "diamond": "diamond", "square": "square", "line": "stroke", "bar": "square"}
_OTHER: dict[Direction, Direction] = {"x": "y", "y": "x"}


@cache
def vega_library() -> str:
    """JavaScript of Vega, Vega-Lite and Vega-Embed in one piece, which puts ``vegaEmbed`` on ``window``.

    Empty where vl-convert is not installed.
    """
    try:
        import vl_convert  # noqa: PLC0415 - an extra
    except ImportError:
        return ""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle


def vega_spec(chart: Chart, description: str) -> _Spec:
    """`chart` as Vega-Lite 6, as wide as its container.

    Args:
        chart: What to draw.
        description: Text alternative.
    """
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": single_line(description),
        "width": "container",
        "height": _height(chart.y),
        "autosize": {"type": "fit", "contains": "padding"},
        "layer": [*_background(chart), *_layers(chart)],
        "config": _CONFIG,
    }


def _height(axis: Axis) -> int:
    rows = sum(_ROW_HEIGHT + name.count("\n") * _LINE_HEIGHT for name in axis.categories)
    return rows or _HEIGHT


_CONFIG: _Spec = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "domainColor": PAGE.muted,
        "tickColor": PAGE.muted,
        "gridColor": PAGE.line,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "labelLimit": 280,
        "titleFontSize": 12,
    },
    "legend": {
        "labelColor": "currentColor",
        "labelFontSize": 12,
        "labelLimit": 320,
        "orient": "top",
        "title": None,
        "direction": "horizontal",
    },
    "text": {"fill": "currentColor"},
}


# --- what stands behind the marks -------------------------------------------------------------------------


def _background(chart: Chart) -> list[_Spec]:
    layers: list[_Spec] = []
    if chart.band:
        about = f"{chart.band.name}: {chart.band.low:.4f} to {chart.band.high:.4f}"
        values = [{"low": chart.band.low, "high": chart.band.high, "about": about}]
        layers.append(
            {
                "data": {"values": values},
                "mark": {"type": "rect", "color": PAGE.band},
                "encoding": {
                    "y": _quantity("low", chart, "y"),
                    "y2": {"field": "high"},
                    "tooltip": {"field": "about"},
                },
            }
        )
    layers.extend(_level(chart, level) for level in chart.levels)
    return layers


def _level(chart: Chart, level: Level) -> _Spec:
    mark: _Spec = {"type": "rule", "color": PAGE.muted, "strokeWidth": 1.5}
    # A place among categories has no figure of its own.
    on_categories = bool((chart.x if level.on == "x" else chart.y).categories)
    about = single_line(level.name) if on_categories else f"{single_line(level.name)}: {level.at:.4f}"
    return {
        "data": {"values": [{"at": level.at, "about": about}]},
        "mark": {**mark, "strokeDash": [5, 4]} if level.dashed else mark,
        "encoding": {level.on: _place("at", chart, level.on), "tooltip": {"field": "about"}},
    }


# --- marks ------------------------------------------------------------------------------------------------


def _layers(chart: Chart) -> list[_Spec]:
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


_ZOOM: _Spec = {
    "name": "zoom",
    "select": {"type": "interval", "zoom": "wheel![event.ctrlKey]"},
    "bind": "scales",
}


def _bars(chart: Chart, bars: Sequence[Series], legend: dict[str, str]) -> _Spec:
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
    beside: _Spec = {f"{across}Offset": {"field": "series", "type": "nominal", "sort": sort}}
    size = {**_quantity("value", chart, along), "stack": "zero" if chart.stacked else None}
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


def _marks(chart: Chart, series: Series, legend: dict[str, str]) -> _Spec:
    crowded = len(series.points) > _CROWD
    size: _Spec = {"size": 36 if crowded else 80, "opacity": 0.75 if crowded else 1}
    mark: _Spec = {
        "line": {"type": "line", "strokeWidth": 1.5},
        "dot": {"type": "point", "filled": True, **size},
        "square": {"type": "point", "filled": True, **size},
        "diamond": {"type": "point", "filled": True, "size": 130, "opacity": 1},
    }[series.mark]
    return {
        "data": {"values": _values(series)},
        "mark": mark,
        "encoding": {
            "x": _place("x", chart, "x"),
            "y": _place("y", chart, "y"),
            "color": _color(legend),
            **({} if series.mark == "line" else {"shape": _shape(chart, legend)}),
            "tooltip": {"field": "about"},
        },
    }


def _intervals(chart: Chart, series: Series, legend: dict[str, str]) -> _Spec:
    along, across = chart.value_axis, _OTHER[chart.value_axis]
    known = [point for point in series.points if point.low is not None and point.high is not None]
    return {
        "data": {"values": [{**_value(series, p), "low": p.low, "high": p.high} for p in known]},
        "mark": {"type": "rule", "strokeWidth": 1.5},
        "encoding": {
            along: _quantity("low", chart, along),
            f"{along}2": {"field": "high"},
            across: _place(across, chart, across),
            "color": _color(legend),
            "tooltip": {"field": "about"},
        },
    }


def _names(chart: Chart, series: Series) -> _Spec:
    return {
        "data": {"values": _values(series)},
        "mark": {"type": "text", "dy": -10 if chart.y.categories else -13},
        "encoding": {
            "x": _place("x", chart, "x"),
            "y": _place("y", chart, "y"),
            "text": {"field": "name"},
        },
    }


def _values(series: Series) -> list[_Spec]:
    return [_value(series, point) for point in series.points]


def _value(series: Series, point: Point) -> _Spec:
    return {
        "x": point.x,
        "y": point.y,
        "series": single_line(series.name),
        "about": single_line(point.label),
        "name": single_line(point.name),
    }


def _color(legend: dict[str, str]) -> _Spec:
    return {
        "field": "series",
        "type": "nominal",
        "scale": {"domain": list(map(single_line, legend)), "range": list(legend.values())},
        "legend": {"symbolOpacity": 1},
    }


def _shape(chart: Chart, legend: dict[str, str]) -> _Spec:
    """One legend says colour and shape; a line has no shape of its own but stands in it as one."""
    marks = {series.name: series.mark for series in chart.series}
    scale = {"domain": list(map(single_line, legend)), "range": [_SHAPES[marks[name]] for name in legend]}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": {"symbolOpacity": 1}}


# --- axes -------------------------------------------------------------------------------------------------


def _place(field: str, chart: Chart, direction: Direction) -> _Spec:
    """A position on an axis of names or on a number line."""
    axis = chart.x if direction == "x" else chart.y
    if not axis.categories:
        grid = direction == chart.value_axis
        return {**_quantity(field, chart, direction), "axis": {"grid": grid, "tickCount": 8}}
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


def _quantity(field: str, chart: Chart, direction: Direction) -> _Spec:
    axis = chart.x if direction == "x" else chart.y
    scale: _Spec = {"domain": list(domain(chart, direction)), "nice": False}
    if axis.log:
        scale["type"] = "log"
    return {"field": field, "type": "quantitative", "title": single_line(axis.title) or None, "scale": scale}


def _lines_text(name: str) -> str:
    """Each line made harmless, and the newlines between them kept."""
    return "\n".join(map(single_line, name.split("\n")))
