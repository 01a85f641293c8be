"""A chart as a Vega-Lite specification, and the library that draws it.

Vega draws SVG, so that the page's style sheet gives the colours (light, dark, print), and its interpreter
needs no ``eval``, which the page's security policy forbids. https://vega.github.io/vega-lite/docs/
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from sebench.errors import UsageError
from sebench.installation import extra_hint
from sebench.lines import single_line
from sebench.reporting.chart import Axis, Chart, Series

COLORS = ("var(--series-1)", "var(--series-2)", "var(--series-3)", "var(--series-4)")
"""Custom properties of the page."""
_MUTED = "var(--muted)"
_Spec = dict[str, Any]
_HEIGHT = 300
_CROWD = 30
_SHAPES = {"dot": "circle", "diamond": "diamond", "line": "stroke", "bar": "square"}


@cache
def vega_library() -> str:
    """JavaScript of Vega, Vega-Lite and Vega-Embed in one piece, which puts ``vegaEmbed`` on ``window``.

    Raises:
        UsageError: vl-convert is not installed.
    """
    try:
        import vl_convert  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "--format html needs vl-convert-python for its plots", hint=extra_hint("html")
        ) from error
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle


def vega_spec(chart: Chart, description: str) -> _Spec:
    """`chart` as Vega-Lite 6, as wide as its container.

    Args:
        chart: What to draw.
        description: Text alternative.
    """
    # Marks first: what joins them is explained last.
    shown = sorted((s for s in chart.series if s.points), key=lambda series: series.mark == "line")
    legend = [single_line(series.name) for series in shown]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": single_line(description),
        "width": "container",
        "height": _HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "layer": [*_background(chart), *_layers(chart, legend)],
        "config": _CONFIG,
    }


_CONFIG: _Spec = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "domainColor": _MUTED,
        "tickColor": _MUTED,
        "gridColor": "var(--line)",
        "titleFontWeight": "normal",
        "labelFontSize": 12,
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
        values = [{"low": chart.band.low, "high": chart.band.high, "about": _band_text(chart)}]
        layers.append(
            {
                "data": {"values": values},
                "mark": {"type": "rect", "color": "var(--band)"},
                "encoding": {
                    "y": _quantity("low", chart.y),
                    "y2": {"field": "high"},
                    "tooltip": {"field": "about"},
                },
            }
        )
    layers.extend(_level(chart, index) for index in range(len(chart.levels)))
    return layers


def _band_text(chart: Chart) -> str:
    return "" if chart.band is None else f"{chart.band.name}: {chart.band.low:.4f} to {chart.band.high:.4f}"


def _level(chart: Chart, index: int) -> _Spec:
    level = chart.levels[index]
    mark: _Spec = {"type": "rule", "color": _MUTED, "strokeWidth": 1.5}
    return {
        "data": {"values": [{"y": level.y, "about": f"{single_line(level.name)}: {level.y:.4f}"}]},
        "mark": mark if index else {**mark, "strokeDash": [5, 4]},
        "encoding": {"y": _quantity("y", chart.y), "tooltip": {"field": "about"}},
    }


# --- marks ------------------------------------------------------------------------------------------------


def _layers(chart: Chart, legend: Sequence[str]) -> list[_Spec]:
    bars = [series for series in chart.series if series.mark == "bar" and series.points]
    layers = [_bars(chart, bars, legend)] if bars else []
    marks = [series for series in chart.series if series.mark != "bar" and series.points]
    layers.extend(_marks(chart, series, legend) for series in marks)
    named = [series for series in marks if series.mark != "line" and series.points[0].name]
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


def _bars(chart: Chart, bars: Sequence[Series], legend: Sequence[str]) -> _Spec:
    values = [
        {
            "category": single_line(chart.x.categories[int(point.x)]),
            "y": point.y,
            "series": single_line(series.name),
            "about": single_line(point.label),
        }
        for series in bars
        for point in series.points
    ]
    order = [single_line(name) for name in chart.x.categories]
    return {
        "data": {"values": values},
        "mark": {"type": "bar"},
        "encoding": {
            "x": {
                "field": "category",
                "type": "nominal",
                "sort": order,
                "title": chart.x.title,
                "axis": {"labelAngle": 0},
            },
            "xOffset": {"field": "series", "type": "nominal", "sort": list(legend)},
            "y": _quantity("y", chart.y),
            "color": _color(chart, legend),
            "tooltip": {"field": "about"},
        },
    }


def _marks(chart: Chart, series: Series, legend: Sequence[str]) -> _Spec:
    crowded = len(series.points) > _CROWD
    mark: _Spec = {
        "line": {"type": "line", "strokeWidth": 1.5},
        "dot": {"type": "point", "filled": True, "size": 36 if crowded else 80, "opacity": 0.75},
        "diamond": {"type": "point", "filled": True, "size": 130, "opacity": 1},
    }[series.mark]
    return {
        "data": {"values": _values(series)},
        "mark": mark,
        "encoding": {
            "x": _place(chart.x),
            "y": _quantity("y", chart.y),
            "color": _color(chart, legend),
            **({} if series.mark == "line" else {"shape": _shape(chart, legend)}),
            "tooltip": {"field": "about"},
        },
    }


def _names(chart: Chart, series: Series) -> _Spec:
    return {
        "data": {"values": _values(series)},
        "mark": {"type": "text", "dy": -13},
        "encoding": {"x": _place(chart.x), "y": _quantity("y", chart.y), "text": {"field": "name"}},
    }


def _values(series: Series) -> list[_Spec]:
    name = single_line(series.name)
    return [
        {"x": p.x, "y": p.y, "series": name, "about": single_line(p.label), "name": single_line(p.name)}
        for p in series.points
    ]


def _color(chart: Chart, legend: Sequence[str]) -> _Spec:
    lines = {single_line(series.name) for series in chart.series if series.mark == "line"}
    colors = [_MUTED if name in lines else COLORS[index] for index, name in enumerate(legend)]
    return {
        "field": "series",
        "type": "nominal",
        "scale": {"domain": list(legend), "range": colors},
        "legend": {"symbolOpacity": 1},
    }


def _shape(chart: Chart, legend: Sequence[str]) -> _Spec:
    """One legend says colour and shape; a line has no shape of its own but stands in it as one."""
    marks = {single_line(series.name): series.mark for series in chart.series}
    shapes = [_SHAPES[marks[name]] for name in legend]
    scale = {"domain": list(legend), "range": shapes}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": {"symbolOpacity": 1}}


def _place(axis: Axis) -> _Spec:
    if not axis.categories:
        return {**_quantity("x", axis), "axis": {"grid": False, "tickCount": 8}}
    names = [single_line(name) for name in axis.categories]
    last = len(names) - 1
    return {
        "field": "x",
        "type": "quantitative",
        "title": single_line(axis.title),
        "scale": {"domain": [-0.5, last + 0.5], "nice": False},
        "axis": {
            "values": list(range(last + 1)),
            "labelExpr": f"{json.dumps(names)}[datum.value]",
            "grid": False,
        },
    }


def _quantity(field: str, axis: Axis) -> _Spec:
    scale: _Spec = {"zero": axis.from_zero, "nice": True}
    if axis.limits:
        scale = {"domain": list(axis.limits), "nice": False}
    return {"field": field, "type": "quantitative", "title": single_line(axis.title), "scale": scale}
