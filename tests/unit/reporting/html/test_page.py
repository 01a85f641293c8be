"""The page without a browser: its structure, its policy, and that texts stay texts."""

import base64
import hashlib
import itertools
import json
import re
import sys

import pytest
import vl_convert

from sebench.reporting import render
from sebench.reporting.chart import Axis, Chart, Level, Point, Series
from sebench.reporting.document import Column, Document, Paragraph, Section, Table, text_cell
from sebench.reporting.html import render_html
from sebench.reporting.html.page import vega_spec
from tests.unit.reporting.charts import HOSTILE, bars, chart, document, table
from tests.unit.reporting.html.outline import outline

HEADINGS = ("h1", "h2", "h3", "h4")


@pytest.fixture(scope="module")
def page():
    return outline(render_html(document("Report"), generator="sebench 1.2.3"))


@pytest.fixture(scope="module")
def hostile():
    return render_html(document(HOSTILE), generator=HOSTILE)


def test_head_says_language_characters_and_width(page):
    assert page.one("html").attributes["lang"] == "en"
    metas = [meta.attributes for meta in page.all("meta")]
    assert {"charset": "utf-8"} in metas
    named = {meta.get("name"): meta["content"] for meta in metas if "content" in meta}
    assert named["viewport"] == "width=device-width, initial-scale=1"
    assert named["color-scheme"] == "light dark"
    assert page.one("head").one("title").text == "Report"


def test_landmarks_and_a_way_to_skip_to_the_content(page):
    assert [element.tag for element in page.all("header", "nav", "main", "footer")] == [
        "header", "nav", "main", "footer",
    ]  # fmt: skip
    first = next(page.all("a"))
    assert first.attributes["href"] == "#main"
    assert page.one("main").attributes["id"] == "main"
    assert page.one("nav").attributes["aria-label"]


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(heading.tag[1]) for heading in page.all(*HEADINGS)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_ids_are_unique_and_references_lead_somewhere(page):
    ids = [element.attributes["id"] for element in page.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in page.all():
        for name in ("aria-labelledby", "aria-describedby"):
            assert set((element.attributes.get(name) or "").split()) <= set(ids)
    links = [link.attributes["href"] for link in page.all("a")]
    assert all(link.startswith("#") and link[1:] in ids for link in links)


def test_every_table_has_a_caption_scopes_and_a_named_region_to_scroll(page):
    tables = list(page.all("table"))
    assert len(tables) == 4
    for found in tables:
        assert found.one("caption").text == "Report"
        assert found.parent.attributes["role"] == "region"
        assert found.parent.attributes["aria-label"]
        assert found.parent.attributes["tabindex"] == "0"
        scopes = [heading.attributes["scope"] for heading in found.all("th")]
        assert scopes == ["col", "col", "row", "row"]


def test_cells_keep_their_values_for_sorting(page):
    cells = list(next(page.all("table")).all("td"))
    assert [cell.attributes["data-value"] for cell in cells] == ["0.0", "1.0"]
    assert [cell.text for cell in cells] == ["0.0 [1, 2]", "1.0 [1, 2]"]


def test_the_ratio_stays_in_sight_on_a_phone():
    columns = (Column("metric", "metric"), Column("n", "n"), Column("ratio", "ratio", "right", pinned=True))
    row = (text_cell("latency"), text_cell("6"), text_cell("1.05"))
    page = outline(render_html(Document("D", (Table("T", columns, (row,)),))))
    classes = [cell.attributes["class"] for cell in page.all("th", "td")]
    assert classes == ["left", "left", "right pinned", "left", "left", "right pinned"]
    narrow = page.one("style").text.partition("@media screen and (max-width: 48rem) {")[2].partition("\n}")[0]
    assert ".pinned { left: 7rem; right: 0;" in narrow
    assert "position: sticky" in narrow


def test_figures_have_words_and_a_table(page):
    figures = list(page.all("figure"))
    assert len(figures) == 2
    for figure in figures:
        assert figure.one("figcaption").text == "Report"
        assert figure.one("table")
        spec = json.loads(next(s for s in figure.all("script")).text)
        assert spec["description"] == "Report"


def test_nothing_refers_to_anywhere(page):
    for element in page.all():
        for name in ("src", "srcset", "data", "action", "formaction", "poster", "ping"):
            assert name not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on")]
    assert not list(page.all("link", "iframe", "object", "embed", "form", "base", "img"))
    style = page.one("style").text
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_admits_the_scripts_of_the_page_and_no_network(page):
    policy = next(
        meta.attributes["content"]
        for meta in page.all("meta")
        if meta.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "connect-src" not in rules  # falls back to none
    scripts = [s.text for s in page.all("script") if s.attributes.get("type") != "application/json"]
    digests = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert len(scripts) == 2


def test_hostile_texts_are_texts(hostile):
    page = outline(hostile)
    assert page.one("head").one("title").text.startswith("</script><img src=x onerror=alert(1)>")
    assert not list(page.all("img"))
    assert len(list(page.all("script"))) == 2 + 2  # library, page, and the data of two figures
    body = hostile.partition("<body>")[2]
    assert "\x1b" not in hostile
    assert "\u202e" not in body


def test_the_library_does_not_end_its_element(hostile):
    library = next(s for s in outline(hostile).all("script") if s.attributes.get("id") == "library").text
    assert not re.search(r"</script|<!--", library, re.IGNORECASE)


def test_the_same_document_gives_the_same_bytes():
    assert render_html(document()) == render_html(document())


def test_groups_of_rows_have_bodies_and_headings_of_their_own():
    columns = (Column("g", "g", role="group"), Column("a", "a"), Column("b", "b", wrap=True))
    rows = tuple(tuple(map(text_cell, row)) for row in (("x", "1", "2"), ("y", "3", "4")))
    found = outline(render_html(Document("T", (Table("", columns, rows),)))).one("table")
    headings = [cell for cell in found.all("th") if cell.attributes["scope"] == "rowgroup"]
    assert [(cell.text, cell.attributes["colspan"]) for cell in headings] == [("x", "2"), ("y", "2")]
    assert len(list(found.all("tbody"))) == 2


def test_a_table_of_one_row_is_not_sortable_and_one_of_none_is_there():
    one, none = (outline(render_html(Document("T", (table(rows=rows),)))).one("table") for rows in (1, 0))
    assert "data-sortable" not in one.attributes
    assert len(list(none.all("tr"))) == 1


def test_documents_without_figures_need_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    text = render(Document("T", (Paragraph("p"), Section("S", (table(),)))), "html")
    assert [s.attributes["id"] for s in outline(text).all("script")] == ["page"]


@pytest.fixture
def without_vega(monkeypatch):
    from sebench.reporting.html.page import vega_library

    vega_library.cache_clear()
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    yield
    vega_library.cache_clear()


def test_without_the_library_figures_are_pictures(without_vega):
    found = outline(render_html(document("Report")))
    assert [script.attributes["id"] for script in found.all("script")] == ["page"]
    assert len(list(found.all("figure"))) == len(list(found.all("svg"))) == 2
    assert "Plots: Vega" not in found.one("footer").text


def test_pictures_take_the_colours_of_the_page_and_are_named(page):
    for figure in page.all("figure"):
        picture = figure.one("svg")
        assert picture.attributes["role"] == "img"
        assert picture.attributes["aria-label"] == "Report"
        colors = {
            element.attributes[name]
            for element in picture.all()
            for name in ("fill", "stroke")
            if name in element.attributes
        }
        assert all(color.startswith("var(--") or color in ("none", "currentColor") for color in colors)


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
