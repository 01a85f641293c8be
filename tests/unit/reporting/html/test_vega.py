"""Specifications are accepted by Vega-Lite itself and hold what the chart holds."""

import re

import pytest
import vl_convert

from sebench.reporting.chart import Axis, Chart, Series
from sebench.reporting.html.vega import vega_spec
from tests.unit.reporting.charts import HOSTILE, bars, chart


@pytest.mark.parametrize("made", [chart(), bars(), chart(HOSTILE), Chart(Axis("x"), Axis("y"), ())])
def test_vega_lite_compiles_it(made):
    compiled = vl_convert.vegalite_to_vega(vega_spec(made, "words"))
    assert compiled["description"] == "words"


def test_every_mark_is_drawn():
    spec = {**vega_spec(chart(), "words"), "width": 400}
    svg = vl_convert.vegalite_to_svg(spec)
    symbols = re.findall(r'aria-roledescription="(\w+)"', svg)
    assert symbols.count("point") == 2 + 1  # dots and a diamond
    assert "named" in svg
    assert "no difference: 1.0000" in svg
    assert "95 % interval: 1.0100 to 1.0200" in svg


def test_bars_stand_beside_each_other():
    svg = vl_convert.vegalite_to_svg({**vega_spec(bars(), "words"), "width": 400})
    assert svg.count('aria-roledescription="bar"') == 4


def test_colours_come_from_the_page():
    colors = re.findall(r"'(?:color|fill|stroke)': '([^']+)'", str(vega_spec(chart(), "")))
    assert colors
    assert all(color.startswith(("var(", "currentColor")) for color in colors)


def test_series_without_marks_are_not_in_the_legend():
    empty = Chart(Axis("x"), Axis("y"), (Series("absent", "dot", ()), *chart().series))
    assert "absent" not in str(vega_spec(empty, ""))


def test_places_have_names():
    shifted = Chart(Axis("process", ("3", "7")), Axis("y"), chart().series)
    svg = vl_convert.vegalite_to_svg({**vega_spec(shifted, ""), "width": 400})
    assert ">3</text>" in svg
    assert ">7</text>" in svg
