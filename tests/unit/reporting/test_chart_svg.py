"""Charts as SVG: deterministic, well-formed, and free of anything that runs."""

import sys
import xml.etree.ElementTree as ET

import pytest

from sebench.errors import UsageError
from sebench.reporting.chart import Axis, Chart
from sebench.reporting.chart_svg import can_draw, chart_svg
from tests.unit.reporting.charts import HOSTILE, bars, chart

TEXT = "{http://www.w3.org/2000/svg}text"


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter(TEXT)]  # noqa: S314 - our own


def test_the_same_chart_gives_the_same_bytes_and_no_date():
    first, second = chart_svg(chart()), chart_svg(chart())
    assert first == second
    assert b"<dc:date>" not in first


@pytest.mark.parametrize("made", [chart(), bars()])
def test_axes_and_legend_are_in_words(made):
    found = texts(chart_svg(made))
    assert {made.x.title, made.y.title, *(series.name for series in made.series)} <= set(found)
    assert set(made.x.categories) <= set(found)


def test_hostile_text_is_text():
    svg = chart_svg(chart(HOSTILE))
    assert any("<img src=x" in (text or "") and "$x_1$" in text for text in texts(svg))
    assert b"<img" not in svg
    assert b"<script" not in svg


def test_user_settings_do_not_show(monkeypatch):
    import matplotlib as mpl

    expected = chart_svg(chart())
    with mpl.rc_context({"lines.linewidth": 9, "axes.facecolor": "red"}):
        assert chart_svg(chart()) == expected


def test_an_empty_chart_is_a_frame():
    assert b"<svg" in chart_svg(Chart(x=Axis("x"), y=Axis("y"), series=()))


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert not can_draw()
    with pytest.raises(UsageError, match=r"matplotlib.*sebench-torch\[plot\]"):
        chart_svg(chart())
