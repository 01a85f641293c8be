"""The HTML report in Chromium. Runs where there is one (``pytest -m browser``)."""

from pathlib import Path

import pytest
from msgspec import structs
from typer.testing import CliRunner

from sebench.cli import app
from sebench.reporting.report import build_report, render_report
from sebench.schema import Finding
from sebench.store import load_result

pytestmark = pytest.mark.browser

DATA = Path(__file__).parents[2] / "reports" / "cpu-amd-epyc" / "data"
RESNET50 = DATA / "20261121T031454502319Z-resnet50-plain-se-e9bcb3.json"
HOSTILE = '</script><script>window.hacked=1</script><img src=x onerror="window.hacked=2"> \' " & {{7*7}}'
TIMEOUT_MS = 120_000
PHONE = {"width": 360, "height": 740}
STAGES = "#stages-1-resnet50-se"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert CliRunner().invoke(app, ["report", str(DATA), "-o", str(path)]).exit_code == 0
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    finding = Finding(code=HOSTILE, severity="warning", message=HOSTILE, hint=HOSTILE)
    result = load_result(RESNET50)
    pair = structs.replace(
        result.pair,
        baseline=structs.replace(result.pair.baseline, model=HOSTILE),
        candidate=structs.replace(result.pair.candidate, model=HOSTILE, variant=HOSTILE),
    )
    changed = structs.replace(
        result,
        id=HOSTILE,
        command=(HOSTILE,),
        pair=pair,
        findings=(finding,),
        environment=structs.replace(result.environment, cpu={"model": HOSTILE, HOSTILE: HOSTILE}),
    )
    path = tmp_path_factory.mktemp("hostile") / "report.html"
    path.write_text(render_report(build_report([changed], as_published=lambda result: False), "html").text)
    return path


def drawn(page):
    """Waits until every figure is drawn."""
    from playwright.sync_api import expect  # an extra; the module must be collected without it

    expect(page.locator("figure .plot svg")).to_have_count(page.locator("figure").count(), timeout=TIMEOUT_MS)


def column(page, table, index):
    return page.locator(f"{table} tbody tr:not(.group)").evaluate_all(
        f"rows => rows.map(row => row.cells[{index}].textContent.trim())"
    )


def test_it_draws_everything_silently_and_asks_for_nothing(visit, report):
    opened = visit(report)
    drawn(opened.page)
    assert opened.page.title() == "Cost report: 5 pairs, 8 results"
    assert opened.page.locator("figure").count() == 1 + 3 + 8 + 3
    assert opened.page.locator(f"{STAGES} svg [aria-roledescription=bar]").count() == 3 * 6
    assert opened.said == []
    assert opened.requested == [report.as_uri()]


def test_a_click_sorts_by_value_and_a_second_one_the_other_way(visit, report):
    page = visit(report).page
    table = "section[aria-labelledby=summary] table"
    heading = page.locator(f"{table} thead th").nth(2)
    button = heading.get_by_role("button")
    ratios = ["0.992", "1.002", "1.050", "1.066", "1.086", "1.097", "1.129", "1.150"]
    button.click()
    assert [text.split()[0] for text in column(page, table, 2)] == ratios
    assert heading.get_attribute("aria-sort") == "ascending"
    button.click()
    assert [text.split()[0] for text in column(page, table, 2)] == ratios[::-1]
    assert heading.get_attribute("aria-sort") == "descending"
    assert page.locator("[role=status]").text_content() == "Sorted by latency [interval], descending"


def test_bytes_sort_by_size_and_not_by_letter(visit, report):
    page = visit(report).page
    drawn(page)
    page.locator(f"{STAGES} summary").click()
    headings = page.locator(f"{STAGES} thead th")
    index = headings.all_text_contents().index("bytes added")
    headings.nth(index).get_by_role("button").click()
    assert column(page, f"{STAGES} table", index) == [
        "0 B", "0 B", "9.62 MiB", "17.0 MiB", "18.9 MiB", "27.7 MiB",
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_sorts_too(visit, report, key):
    page = visit(report).page
    heading = page.locator("section[aria-labelledby=summary] thead th").first
    heading.get_by_role("button").focus()
    page.keyboard.press(key)
    assert heading.get_attribute("aria-sort") == "ascending"
    names = column(page, "section[aria-labelledby=summary] table", 0)
    assert names == sorted(names)
    page.keyboard.press("Tab")
    page.keyboard.press(key)
    assert heading.get_attribute("aria-sort") is None


def test_rows_stay_in_their_groups(visit, report):
    page = visit(report).page
    body = page.locator("section[aria-labelledby=comparison] tbody").first
    before = body.locator("tr").all_text_contents()
    page.locator("section[aria-labelledby=comparison] thead button").first.click()
    after = body.locator("tr").all_text_contents()
    assert after[0] == before[0]
    assert sorted(after) == sorted(before)


def test_the_first_tab_leads_past_the_head(visit, report):
    page = visit(report).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_pointing_at_a_mark_says_what_it_is(visit, report):
    page = visit(report).page
    drawn(page)
    page.locator(f"{STAGES} [aria-roledescription=bar]").nth(4).hover()
    tip = page.locator("#vg-tooltip-element")
    tip.wait_for(state="visible")
    assert "of the added params" in tip.text_content()


def test_light_and_dark(visit, report):
    colors = {}
    for scheme in ("light", "dark"):
        page = visit(report, color_scheme=scheme).page
        drawn(page)
        colors[scheme] = page.evaluate(
            """() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,
                getComputedStyle(document.querySelector("[aria-roledescription=bar]")).fill]"""
        )
    assert colors["light"] == ["rgb(255, 255, 255)", "rgb(27, 31, 36)", "rgb(0, 114, 178)"]
    assert colors["dark"] == ["rgb(20, 23, 27)", "rgb(228, 232, 236)", "rgb(90, 174, 240)"]


def test_a_phone_scrolls_tables_and_not_the_page(visit, report):
    page = visit(report, viewport=PHONE).page
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    region = page.locator("section[aria-labelledby=comparison] .scroll").first
    assert region.evaluate("box => box.scrollWidth > box.clientWidth")
    region.focus()
    assert region.evaluate("box => document.activeElement === box")


def test_on_a_phone_the_ratio_stays_in_sight_however_far_a_table_is_scrolled(visit, report):
    page = visit(report, viewport={"width": 390, "height": 844}).page
    region = page.locator("section[aria-labelledby=comparison] .scroll").first
    box = region.bounding_box()
    for scrolled in (0, 10_000):
        region.evaluate(f"box => {{ box.scrollLeft = {scrolled} }}")
        name, ratio = (region.locator(f"tbody {cell}").last.bounding_box() for cell in ("th", "td.pinned"))
        assert box["x"] <= name["x"]
        assert name["x"] + name["width"] <= ratio["x"]
        assert ratio["x"] + ratio["width"] <= box["x"] + box["width"] + 1  # rounded pixels


def test_without_scripts_tables_and_pictures_say_everything(visit, report):
    page = visit(report, java_script_enabled=False).page
    figures = page.locator("figure")
    assert all(figures.nth(n).locator("svg").is_visible() for n in range(figures.count()))
    tables = page.locator("figure table")
    assert tables.count() == figures.count() - 1  # the ratios are in the summary
    assert all(tables.nth(n).is_visible() for n in range(tables.count()))
    assert page.locator("thead button").count() == 0


def test_print_unfolds_and_leaves_navigation_out(visit, report):
    page = visit(report).page
    drawn(page)
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert len(page.pdf()) > 10_000
    assert page.locator("details:not([open])").count() == 0


def test_hostile_texts_are_shown_and_never_run(visit, hostile):
    opened = visit(hostile)
    drawn(opened.page)
    opened.page.locator("figure [aria-roledescription=bar]").nth(4).hover()
    opened.page.locator("#vg-tooltip-element").wait_for(state="visible")
    assert opened.page.evaluate("window.hacked") is None
    assert opened.page.locator("img").count() == 0
    assert "window.hacked=1</script>" in opened.page.title()
    assert opened.said == []
    assert opened.requested == [hostile.as_uri()]


def test_the_policy_stops_what_would_get_past_the_escaping(visit, report, tmp_path):
    planted = tmp_path / "planted.html"
    attack = (
        "<script>window.hacked=1</script><img src='http://localhost:9/x' onerror='window.hacked=2'></main>"
    )
    planted.write_text(report.read_text().replace("</main>", attack))
    opened = visit(planted)
    drawn(opened.page)
    assert opened.page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in line for line in opened.said)
