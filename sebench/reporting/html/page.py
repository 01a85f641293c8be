"""The page: one file without any reference to another, from a template that escapes every text.

Charts are Vega-Lite specifications. Vega draws SVG, so that the page's style sheet gives the colours (light,
dark, print), and its interpreter needs no ``eval``, which the page's security policy forbids.
https://vega.github.io/vega-lite/docs/
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sebench import __version__
from sebench.lines import exact_line, single_line
from sebench.reporting.chart import Axis, Chart, Level
from sebench.reporting.document import (
    Cell,
    Column,
    Content,
    Details,
    Document,
    Figure,
    Listing,
    Paragraph,
    Section,
    Table,
    printed_columns,
    row_groups,
)
from sebench.reporting.drawing import PAGE, inline_svg
from sebench.reporting.html.vega_marks import Spec, mark_layers, place, quantity

_KINDS = {
    Paragraph: "paragraph",
    Table: "table",
    Listing: "listing",
    Figure: "figure",
    Details: "details",
    Section: "section",
}


def render_html(document: Document, *, generator: str = f"sebench {__version__}") -> str:
    """`document` as one page that opens from disk, without network, in light and in dark.

    Its security policy admits the page's own scripts by their digest and nothing else. Tables and pictures
    say everything without JavaScript; with it tables can be sorted, and pictures panned and zoomed where
    vl-convert was installed when the page was made.

    Args:
        document: What to say.
        generator: Who made it, for the foot of the page.
    """
    library = vega_library() if document.figures else ""
    script, style = _asset("page.js"), _asset("page.css")
    scripts = [text for text in (library, script) if text]
    page: str = _template().render(
        document=document,
        generator=generator,
        library=library,
        script=script,
        style=style,
        policy=_policy(scripts),
        sections=[(_anchor(part.title), part) for part in document.body if isinstance(part, Section)],
    )
    return page


def _policy(scripts: list[str]) -> str:
    """Content-Security-Policy; inline styles are needed by what Vega draws."""
    digests = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _asset(name: str) -> str:
    return (files("sebench.reporting.html") / name).read_text(encoding="utf-8")


@cache
def _template() -> Any:  # noqa: ANN401 - jinja2 types its templates loosely
    environment = Environment(
        loader=PackageLoader("sebench.reporting.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"line": single_line, "exact": exact_line, "anchor": _anchor}
    environment.globals |= {
        "kind": _kind,
        "columns": _columns,
        "groups": row_groups,
        "sort_key": _sort_key,
        "drawn": lambda figure: inline_svg(figure.chart, figure.title),
        "spec": lambda figure: vega_spec(figure.chart, figure.description),
    }
    return environment.get_template("page.html.j2")


def _kind(part: Content) -> str:
    return _KINDS[type(part)]


def _columns(table: Table) -> list[tuple[int, Column]]:
    return [(index, table.columns[index]) for index in printed_columns(table)]


def _sort_key(cell: Cell) -> str | None:
    """What to sort by where the printed text would not do; numbers as numbers."""
    value = cell.value
    if isinstance(value, bool) or value is None:
        return None
    return repr(value) if isinstance(value, int | float) else None


def _anchor(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower())) or "part"


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
