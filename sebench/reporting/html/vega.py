"""A chart as a Vega-Lite specification, and the library that draws it.

Vega draws SVG, so that the page's style sheet gives the colours (light, dark, print), and its interpreter
needs no ``eval``, which the page's security policy forbids. https://vega.github.io/vega-lite/docs/
"""

from __future__ import annotations

from functools import cache

from sebench.lines import single_line
from sebench.reporting.chart import Axis, Chart, Level
from sebench.reporting.drawing import PAGE
from sebench.reporting.html.vega_marks import Spec, mark_layers, place, quantity

_HEIGHT, _ROW_HEIGHT, _LINE_HEIGHT = 300, 28, 15


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


def vega_spec(chart: Chart, description: str) -> Spec:
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
        "layer": [*_background(chart), *mark_layers(chart)],
        "config": _CONFIG,
    }


def _height(axis: Axis) -> int:
    rows = sum(_ROW_HEIGHT + name.count("\n") * _LINE_HEIGHT for name in axis.categories)
    return rows or _HEIGHT


_CONFIG: Spec = {
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


def _background(chart: Chart) -> list[Spec]:
    layers: list[Spec] = []
    if chart.band:
        about = f"{chart.band.name}: {chart.band.low:.4f} to {chart.band.high:.4f}"
        values = [{"low": chart.band.low, "high": chart.band.high, "about": about}]
        layers.append(
            {
                "data": {"values": values},
                "mark": {"type": "rect", "color": PAGE.band},
                "encoding": {
                    "y": quantity("low", chart, "y"),
                    "y2": {"field": "high"},
                    "tooltip": {"field": "about"},
                },
            }
        )
    layers.extend(_level(chart, level) for level in chart.levels)
    return layers


def _level(chart: Chart, level: Level) -> Spec:
    mark: Spec = {"type": "rule", "color": PAGE.muted, "strokeWidth": 1.5}
    # A place among categories has no figure of its own.
    on_categories = bool((chart.x if level.on == "x" else chart.y).categories)
    about = single_line(level.name) if on_categories else f"{single_line(level.name)}: {level.at:.4f}"
    return {
        "data": {"values": [{"at": level.at, "about": about}]},
        "mark": {**mark, "strokeDash": [5, 4]} if level.dashed else mark,
        "encoding": {level.on: place("at", chart, level.on), "tooltip": {"field": "about"}},
    }
