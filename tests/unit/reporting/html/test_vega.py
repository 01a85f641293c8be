"""Specifications are accepted by Vega-Lite itself and hold what the chart holds."""

import re

import pytest
import vl_convert

from sebench.reporting.chart import Axis, Chart, Level, Point, Series
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


def rows():
    points = (Point(0.5, 0, "first", "0.5 [0.4, 0.6]", 0.4, 0.6), Point(30.0, 1, "second", "30"))
    return Chart(
        Axis("ratio", log=True),
        Axis("", ("resnet50\nCPU", "vgg16\nCPU")),
        (Series("ratio", "dot", points),),
        (Level(1.0, "no difference", dashed=True, on="x"),),
    )


def test_rows_have_intervals_names_of_two_lines_and_a_logarithmic_axis():
    spec = vega_spec(rows(), "words")
    svg = vl_convert.vegalite_to_svg({**spec, "width": 600})
    for words in ("resnet50", "vgg16", "0.5 [0.4, 0.6]", "no difference: 1.0000"):
        assert words in svg
    level, interval, marks, _ = spec["layer"]
    assert [(v["low"], v["high"], v["y"]) for v in interval["data"]["values"]] == [(0.4, 0.6, 0)]
    assert level["encoding"]["x"]["scale"]["type"] == marks["encoding"]["x"]["scale"]["type"] == "log"
    assert marks["encoding"]["y"]["scale"] == {"domain": [-0.5, 1.5], "nice": False, "reverse": True}
    assert spec["height"] == 2 * (28 + 15)


def test_both_ways_of_drawing_have_the_same_ends_and_colours():
    spec = vega_spec(rows(), "words")
    scale = spec["layer"][2]["encoding"]["x"]["scale"]
    # 0.4 to 30 with a twentieth of the factor of 75 as room at both ends
    assert scale["domain"] == [pytest.approx(0.4 / 75**0.05), pytest.approx(30 * 75**0.05)]
    assert spec["layer"][2]["encoding"]["color"]["scale"]["range"] == ["var(--series-1)"]


def test_stacked_bars_share_their_place():
    made = bars()
    stacked = vega_spec(Chart(made.x, made.y, made.series, stacked=True), "")["layer"][0]["encoding"]
    beside = vega_spec(made, "")["layer"][0]["encoding"]
    assert (stacked["y"]["stack"], beside["y"]["stack"]) == ("zero", None)
    assert "xOffset" in beside
    assert "xOffset" not in stacked


def test_series_of_one_name_are_one_entry_of_the_legend():
    lines = tuple(Series("level", "line", (Point(x, 1, ""), Point(x + 1, 1, "")), 2) for x in (0, 5))
    color = vega_spec(Chart(Axis("x"), Axis("y"), lines), "")["layer"][0]["encoding"]["color"]
    assert color["scale"] == {"domain": ["level"], "range": ["var(--series-3)"]}


def test_places_have_names():
    shifted = Chart(Axis("process", ("3", "7")), Axis("y"), chart().series)
    svg = vl_convert.vegalite_to_svg({**vega_spec(shifted, ""), "width": 400})
    assert ">3</text>" in svg
    assert ">7</text>" in svg
