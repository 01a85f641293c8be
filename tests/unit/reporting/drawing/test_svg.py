"""Charts as SVG: exact places, well-formed, and free of anything that runs or is fetched."""

import sys
import xml.etree.ElementTree as ET

import pytest

from sebench.errors import UnavailableError, UsageError
from sebench.reporting.chart import Axis, Chart, Level, Panel, Picture, Point, Series
from sebench.reporting.drawing import check_picture, draw, inline_svg
from tests.unit.reporting.charts import HOSTILE, bars, chart

SVG = "{http://www.w3.org/2000/svg}"
WIDTH = 720.0
# Of a chart without titles whose y axis ends at 10: legend (12) and half a line (7.5) above the plot; "10"
# is 2 * 0.61 * 12 px wide, its tick and gap 5 + 6, and 6 px are left on the right.
TOP, HEIGHT, LEFT, RIGHT = 19.5, 300.0, 2 * 0.61 * 12 + 11, WIDTH - 6
TEN = Axis("", limits=(0, 10))


def drawn(made):
    return ET.fromstring(inline_svg(made, "words"))  # noqa: S314 - our own


def found(root, tag):
    return list(root.iter(f"{SVG}{tag}"))


def texts(root):
    return [element.text for element in found(root, "text")]


def places(elements, *names):
    return [tuple(float(element.get(name)) for name in names) for element in elements]


def picture(*charts):
    return Picture("Title", "CPU", tuple(Panel("Panel", made, ("Note.",)) for made in charts))


# --- geometry ---------------------------------------------------------------------------------------------


def test_a_dot_lies_where_its_values_are():
    made = Chart(TEN, TEN, (Series("s", "dot", (Point(5, 5, "half"), Point(0, 10, "corner"))),))
    legend, *dots = found(drawn(made), "circle")
    middle = round((LEFT + RIGHT) / 2, 2)
    assert places(dots, "cx", "cy") == [(middle, TOP + HEIGHT / 2), (round(LEFT, 2), TOP)]
    assert places([legend], "cx", "cy") == [(8, 8.15)]  # 22 / 2 - 3, and 12 - 0.35 * 11
    assert [dot[0].text for dot in dots] == ["half", "corner"]


def test_bars_stand_side_by_side_or_on_each_other():
    series = tuple(
        Series(name, "bar", (Point(0, value, ""), Point(1, value, "")))
        for name, value in (("a", 2), ("b", 4))
    )
    x, y = Axis("", ("p", "q")), Axis("", limits=(0, 10))
    # Each category has half of the plot, of which 80 % and at most 60 px are bars.
    centre = LEFT + (RIGHT - LEFT) / 4
    beside = found(drawn(Chart(x, y, series)), "rect")[2:]
    assert places(beside[::2], "x", "y", "width", "height") == [
        (round(centre - 30, 2), TOP + 240, 30, 60),
        (round(centre - 0, 2), TOP + 180, 30, 120),
    ]
    stacked = found(drawn(Chart(x, y, series, stacked=True)), "rect")[2:]
    assert places(stacked[::2], "x", "y", "width", "height") == [
        (round(centre - 30, 2), TOP + 240, 60, 60),
        (round(centre - 30, 2), TOP + 120, 60, 120),
    ]


def test_an_interval_reaches_along_the_values():
    points = (Point(5, 0, "", low=2, high=10),)
    made = Chart(TEN, Axis("", ("row",)), (Series("s", "dot", points),), (Level(5, "five", on="x"),))
    root = drawn(made)
    strokes = [path.get("d") for path in found(root, "path")]
    x = [round(left_of("row") + (RIGHT - left_of("row")) * value / 10, 2) for value in (2, 10, 5)]
    low, high, middle = (f"{value:.2f}".rstrip("0").rstrip(".") for value in x)
    # One row: 15 px of text and 12 px of room; its middle is 13.5 below the top.
    assert f"M{low} 33L{high} 33M{low} 29L{low} 37M{high} 29L{high} 37" in strokes
    assert f"M{middle} 19.5V46.5" in strokes


def left_of(name):
    wide = sum({"w": 0.96}.get(character, 0.61) for character in name)
    return wide * 12 + 11


def test_rows_are_as_high_as_their_lines():
    one = Chart(TEN, Axis("", ("a", "b")), ())
    two = Chart(TEN, Axis("", ("a\nmore", "b")), ())
    heights = [float(drawn(made).get("height")) for made in (one, two)]
    assert heights[1] - heights[0] == 15


def test_names_in_the_way_stand_upright_and_are_thinned_out():
    few = Chart(Axis("", tuple(f"commit {n}" for n in range(3))), TEN, ())
    many = Chart(Axis("", tuple(f"commit {n}" for n in range(100))), TEN, ())
    assert not [group for group in found(drawn(few), "g") if "rotate" in (group.get("transform") or "")]
    upright = [group for group in found(drawn(many), "g") if "rotate" in (group.get("transform") or "")]
    # About 6.9 px per commit; a text is 14 px high: each third one has its name.
    assert [group[0].text for group in upright] == [f"commit {n}" for n in range(0, 100, 3)]


def test_names_beside_marks_never_lie_on_each_other():
    points = tuple(Point(5 + n / 100, 5, f"p{n}", f"name {n}") for n in range(30))
    root = drawn(Chart(TEN, TEN, (Series("s", "dot", points),)))
    shown = [element for element in found(root, "text") if element.text.startswith("name")]
    boxes = [(x, y, x + 6 * 0.75 * 11, y) for x, y in places(shown, "x", "y")]
    assert 1 < len(shown) < 30  # what finds no place is left out
    for index, (left, base, right, _) in enumerate(boxes):
        for other_left, other_base, other_right, _ in boxes[index + 1 :]:
            assert right <= other_left or other_right <= left or abs(base - other_base) >= 11
    titles = {element.text for element in found(root, "title")}
    assert {f"p{n}" for n in range(30)} <= titles


def test_names_at_the_ends_of_rows_are_one_column():
    points = (Point(1, 0, "", "1.0 [0.9, 1.1]"), Point(9, 1, "", "9.0"))
    root = drawn(Chart(TEN, Axis("", ("a", "b")), (Series("s", "dot", points),)))
    ends = [element for element in found(root, "text") if element.text in ("1.0 [0.9, 1.1]", "9.0")]
    assert places(ends, "x") == [(WIDTH,), (WIDTH,)]
    assert {element.get("text-anchor") for element in ends} == {"end"}


# --- texts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [chart(), bars()])
def test_axes_and_legend_are_in_words(made):
    root = ET.fromstring(draw(picture(made), "svg"))  # noqa: S314 - our own
    expected = {made.x.title, made.y.title, *made.x.categories, *(series.name for series in made.series)}
    expected |= {"Title", "CPU", "Panel", "Note.", *(level.name for level in made.levels)}
    assert expected <= set(texts(root))


def test_a_long_name_is_shortened_and_told_in_full_where_one_points():
    name = "folder/" * 20 + "net.py:build"
    root = drawn(Chart(TEN, Axis("", (name,)), ()))
    (shown,) = [text for text in texts(root) if "…" in text]
    assert shown.startswith("folder/")
    assert shown.endswith("net.py:build")
    assert name in {element.text for element in found(root, "title")}


def test_hostile_text_is_text():
    svg = draw(picture(chart(HOSTILE)), "svg")
    root = ET.fromstring(svg)  # noqa: S314 - our own
    assert any("<img src=x" in (title.text or "") for title in found(root, "title"))
    assert b"<img" not in svg
    assert b"<script" not in svg
    assert b"\x1b" not in svg


def test_nothing_is_fetched():
    svg = draw(picture(chart(), bars()), "svg").decode()
    assert svg.count("http") == 1  # the name of the format
    for word in ("href", "url(", "@import", "<style", "<image", "<use"):
        assert word not in svg


def test_the_same_picture_gives_the_same_bytes():
    assert draw(picture(chart()), "svg") == draw(picture(chart()), "svg")


def test_series_of_one_name_are_one_entry_of_the_legend():
    lines = tuple(Series("level", "line", (Point(x, 1, ""), Point(x + 1, 1, "")), 2) for x in (0, 5))
    assert texts(drawn(Chart(TEN, TEN, lines))).count("level") == 1


def test_series_without_marks_are_not_in_the_legend():
    assert "absent" not in texts(drawn(Chart(TEN, TEN, (Series("absent", "dot", ()),))))


def test_an_empty_chart_is_a_frame():
    assert texts(drawn(Chart(Axis("x"), Axis("y"), ())))[-2:] == ["x", "y"]


# --- files ------------------------------------------------------------------------------------------------


def test_svg_needs_no_package_and_png_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert draw(picture(chart()), "svg").startswith(b"<?xml")
    with pytest.raises(
        UsageError, match=r"FILE.png needs vl-convert-python; pip install 'sebench-torch\[html"
    ):
        check_picture("png")


def test_png():
    assert draw(picture(chart()), "png").startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["pdf", "", "SVG"])
def test_other_formats_are_refused(kind):
    with pytest.raises(UsageError, match="--plot draws no .*; name a file in svg or png"):
        draw(picture(chart()), kind)


def test_a_picture_of_nothing_is_an_error():
    with pytest.raises(UnavailableError, match="Title: no figure is known that could be drawn"):
        draw(Picture("Title", "", ()), "svg")
