"""The report in reading order, with exact figures from hand-made samples."""

import json
import re

import pytest
from msgspec import structs

from sebench.reporting import render
from sebench.reporting.document import Document, Figure, Paragraph, Section
from sebench.reporting.report import (
    accuracy,
    build_report,
    figures,
    render_report,
    report_document,
    report_json,
    report_picture,
)
from sebench.reporting.report import document as documents
from sebench.reporting.report.provenance import shell_line
from sebench.schema import Finding, ModelSpec, Pair
from tests import samples
from tests.samples import block, process
from tests.unit.reporting.charts import HOSTILE

COMMAND = ("sebench", "compare", "-v", "se(r=8)", "-o", "my file.md")


def role(table, key):
    (found,) = (column.role for column in table.columns if column.key == key)
    return found


def result(model="resnet50", ratio=1.05, params=110, **fields):
    measured = samples.measurement([process([block(0.05, 0.05 * ratio)] * 3, n) for n in range(5)])
    pair = Pair(baseline=ModelSpec(model=model), candidate=ModelSpec(model=model, variant="se"))
    fields = {"candidate_cost": samples.cost(params, 1001), "pair": pair, **fields}
    return samples.result(measured, command=COMMAND, **fields)


def report(*results, native=True):
    results = results or (result(),)
    return build_report(results, as_published=lambda result: native)


def section(document, title):
    (found,) = (part for part in document.body if isinstance(part, Section) and part.title == title)
    return found


def test_the_order_is_answer_tables_figures_provenance_command():
    document = report_document(report())
    assert document.title == "Cost report: SE in resnet50"
    assert [part.title for part in document.body if isinstance(part, Section)] == [
        "Comparison",
        "Static costs",
        "By stage",
        "What was measured",
        "Accuracy (quoted) against cost (here)",
        "Environment",
        "Findings",
        "How it was measured",
        "How to reproduce it",
    ]
    answer = document.body[0]
    assert answer.strong
    assert answer.text.startswith(
        "SE makes resnet50 5.00 % slower on this CPU: ratio 1.0500 [1.0500, 1.0500]"
    )
    assert "grade" in answer.text


def test_several_pairs_are_summed_up_first():
    document = report_document(report(result(), result("vgg16_bn", 1.1)))
    assert document.title == "Cost report: 2 pairs"
    figure, table = section(document, "Summary").body
    assert [(point.x, point.y) for series in figure.chart.series for point in series.points] == [
        (pytest.approx(1.05), 0),
        (pytest.approx(1.1), 1),
    ]
    assert [[cell.text for cell in row][:5] for row in table.rows] == [
        ["resnet50: plain -> se", "cpu inference, batch 1", "2026-01-02 03:04", "1.0500", "B"],
        ["vgg16_bn: plain -> se", "cpu inference, batch 1", "2026-01-02 03:04", "1.1000", "B"],
    ]
    assert role(table, "measured") == "data"


def test_a_pair_that_was_measured_twice_is_one_pair_and_its_rows_name_the_time():
    later = result(id="b", created_at="2026-02-03T04:05:06+00:00")
    document = report_document(report(result(id="a"), later))
    assert document.title == "Cost report: 1 pair, 2 results"
    _, table = section(document, "Summary").body
    assert role(table, "measured") == "value"
    assert [row[2].text for row in table.rows] == ["2026-01-02 03:04", "2026-02-03 04:05"]


def test_two_networks_are_named_once():
    pair = Pair(baseline=ModelSpec(model="a.py:old"), candidate=ModelSpec(model="a.py:new"))
    document = report_document(report(result(pair=pair), result()))
    _, table = section(document, "Summary").body
    assert [row[0].text for row in table.rows] == ["a.py:new against a.py:old", "resnet50: plain -> se"]


def test_a_network_counted_twice_is_shown_once():
    document = report_document(report(result(id="a"), result(id="b")))
    (table,) = section(document, "Static costs").body
    assert len(table.rows) == 2


def test_a_pair_under_two_workloads_is_broken_down_once():
    document = report_document(report(result(id="a"), result("vgg16_bn", params=120), result(id="b")))
    assert [part.title for part in section(document, "By stage").body] == [
        "By stage, resnet50: plain -> se",
        "By stage, vgg16_bn: plain -> se",
    ]


def test_the_distribution_has_every_block_and_a_row_per_process():
    (figure,) = section(report_document(report()), "What was measured").body
    assert isinstance(figure, Figure)
    blocks, estimates = figure.chart.series
    assert (len(blocks.points), len(estimates.points)) == (15, 5)
    assert {round(point.y, 9) for point in blocks.points} == {1.05}
    assert figure.chart.band.low == pytest.approx(1.05)
    assert len(figure.table.rows) == 5
    assert "15 of 15 blocks lie above 1" in figure.description


def test_accuracy_is_quoted_with_its_source():
    found = section(report_document(report()), "Accuracy (quoted) against cost (here)")
    (figure,) = found.body
    rows = [[cell.text for cell in row][:5] for row in figure.table.rows]
    assert rows == [
        ["resnet50", "plain", "24.80", "7.48", "Table 2"],
        ["resnet50", "se", "23.29", "6.62", "Table 2"],
    ]
    assert any("quoted from Hu et al." in note for note in found.notes)
    front = next(series for series in figure.chart.series if series.mark == "line")
    # 50 ms and 24.80 %, 52.5 ms and 23.29 %: neither beats the other
    assert [(round(p.x, 6), p.y) for p in front.points] == [(50.0, 24.8), (52.5, 23.29)]


def test_other_networks_get_no_accuracy():
    found = section(report_document(report(native=False)), "Accuracy (quoted) against cost (here)")
    assert [type(part) for part in found.body] == [Paragraph]


def test_counts_stand_for_cost_where_nothing_was_timed():
    document = report_document(report(result(measurements=())))
    (figure,) = section(document, "Accuracy (quoted) against cost (here)").body
    assert figure.chart.x.title == "paper GFLOPs, counted"
    assert section(document, "What was measured").body[0].text == "No latency was measured."


def test_a_measurement_without_a_valid_block_is_reported_as_such():
    broken = samples.result(samples.measurement([process([], 0, error="killed")]), command=COMMAND)
    document = report_document(report(broken))
    assert "killed" in document.body[0].text
    assert "nothing to draw" in section(document, "What was measured").body[0].description
    for format_ in ("table", "markdown", "latex", "html"):
        assert "killed" in render(document, format_)


def test_findings_say_what_they_are_about():
    warning = Finding(code="steal-high", severity="warning", message="the host took 2 %", hint="wait")
    noisy = structs.replace(samples.ENVIRONMENT, findings=(warning,))
    one = report_document(report(result(environment=noisy)))
    (table,) = section(one, "Findings").body
    rows = [[cell.text for cell in row] for row in table.rows]
    assert ["warning", "machine", "steal-high", "the host took 2 %", "wait"] in rows
    two = report_document(report(result(environment=noisy), result("vgg16_bn")))
    (table,) = section(two, "Findings").body
    assert "machine during resnet50: plain -> se" in [row[1].text for row in table.rows]


def test_different_set_ups_are_told_apart():
    other = structs.replace(samples.ENVIRONMENT, cpu={"model": "Other CPU"})
    found = section(report_document(report(result(), result("vgg16_bn", environment=other))), "Environment")
    texts = [part.text for part in found.body if isinstance(part, Paragraph)]
    assert texts[0].startswith("The pairs were measured on different set-ups")
    assert sum(text.startswith("machine: ") for text in texts) == 2


def test_the_stored_command_is_quoted_for_a_shell():
    listing, table = section(report_document(report()), "How to reproduce it").body
    assert listing.lines == ("sebench compare -v 'se(r=8)' -o 'my file.md'",)
    assert [cell.text for cell in table.rows[0]] == [
        "resnet50: plain -> se",
        "1",
        "2026-01-02T03:04:05+00:00",
        "20260102T030405Z-resnet50-plain-se-abcdef",
    ]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("a", "b c"), "a 'b c'"),
        (("it's",), "'it'\"'\"'s'"),
        (("two\nlines",), "$'two\\U0000000alines'"),
        (("\x1b'\\",), "$'\\U0000001b\\'\\\\'"),
    ],
)
def test_words_for_a_shell(words, line):
    assert shell_line(words) == line


def test_a_result_without_a_command_says_so():
    document = report_document(report(structs.replace(result(), command=())))
    assert "does not record" in section(document, "How to reproduce it").body[0].text


def test_a_change_comes_before_the_figures_of_today():
    change = Document("ignored", (Paragraph("SE got slower", strong=True),), ("Welch",))
    document = report_document(report(), change)
    titles = [part.title for part in document.body if isinstance(part, Section)]
    assert titles.index("Change") < titles.index("Comparison")
    assert section(document, "Change").notes == ("Welch",)


def test_json_holds_every_block():
    document = json.loads(report_json(report()))
    assert (document["schema"], document["kind"]) == ("sebench/1", "report")
    (pair,) = document["pairs"]
    assert pair["distributions"][0]["processes"][0]["ratios"] == pytest.approx([1.05] * 3)
    ratios = {metric["metric"]: metric["ratio"]["estimate"] for metric in pair["comparison"]["metrics"]}
    assert ratios["latency"] == pytest.approx(1.05)
    assert pair["command"] == list(COMMAND)
    assert pair["costs"][1]["params"] == 110
    assert pair["accuracies"][0]["top1_error"] == "24.80"


# --- many results -----------------------------------------------------------------------------------------


def dated(*models, first=1):
    """Results of some networks, one a day; each network has its own ratio and costs."""
    return [
        result(
            model,
            ratio=1 + 0.01 * day,
            params=110 + day,
            id=f"{day:02}-{model}",
            created_at=f"2026-01-{day:02}T00:00:00+00:00",
        )
        for day, model in enumerate(models, start=first)
    ]


@pytest.fixture
def two_drawn(monkeypatch):
    """As if two were many."""
    monkeypatch.setattr(documents, "DRAWN", 2)
    monkeypatch.setattr(figures, "ROWS", 2)


def test_of_many_results_the_newest_are_drawn_and_the_tables_have_all(two_drawn):
    models = ("resnet50", "resnet101", "resnet152")
    found = report_document(report(*reversed(dated(*models))))
    assert [part.text for part in found.body if isinstance(part, Paragraph)] == [
        # In the order of the report, which is the reverse of that of time; 1.03 and 1.02 are ratios.
        *(part.text for part in report_document(report(*reversed(dated(*models[1:], first=2)))).body[:2]),
        "Of 3 results, the 2 measured last are put into words and drawn one by one; the tables have all of "
        "them, and `sebench report ID` draws any one.",
    ]
    blocks = section(found, "What was measured").body
    assert [figure.title for figure in blocks] == ["resnet152: plain -> se", "resnet101: plain -> se"]
    stages = section(found, "By stage").body
    assert [isinstance(part, Figure) for part in stages] == [False] * 3  # one stage is no picture
    assert [part.title.partition(", ")[2] for part in stages] == [
        f"{model}: plain -> se" for model in reversed(models)
    ]
    assert [row[0].text for row in section(found, "Summary").body[-1].rows] == [
        f"{model}: plain -> se" for model in reversed(models)
    ]


def test_the_picture_of_ratios_has_the_newest_and_says_so(two_drawn):
    models = ("resnet50", "resnet101", "resnet152")
    (figure,) = (part for part in section(report_document(report(*dated(*models))), "Summary").body[:1])
    assert [name.partition(":")[0] for name in figure.chart.y.categories] == ["resnet101", "resnet152"]
    assert figure.description.endswith("Only the 2 results measured last are drawn.")
    assert report_picture(report(*dated(*models))).panels[0].notes[-1] == (
        "Only the 2 results measured last are drawn."
    )
    few = section(report_document(report(*dated(*models[:2]))), "Summary").body[0]
    assert "Only the" not in few.description


def test_accuracy_has_each_of_many_networks_once(monkeypatch):
    several = report(*dated("resnet50", "resnet50", "resnet101"))
    found = section(report_document(several), accuracy.TITLE)
    assert len(found.body[0].table.rows) == 6  # both sides of each
    assert accuracy.ONLY_THE_LAST not in found.notes
    monkeypatch.setattr(accuracy, "_MOST", 5)
    found = section(report_document(several), accuracy.TITLE)
    assert [(row[0].text, row[1].text, row[6].text) for row in found.body[0].table.rows] == [
        ("resnet50", "plain", "50.0"),
        ("resnet50", "se", "51.0"),  # 1.02 * 50 ms: the second of the two
        ("resnet101", "plain", "50.0"),
        ("resnet101", "se", "51.5"),
    ]
    assert found.notes[-1] == accuracy.ONLY_THE_LAST


# --- formats ----------------------------------------------------------------------------------------------


def test_markdown_puts_pictures_beside_its_file():
    rendered = render_report(report(), "markdown", file="cost.md")
    assert set(rendered.files) == {
        "cost_figures/blocks-1-resnet50-se.svg",
        "cost_figures/accuracy-1-inference.svg",
    }
    for path in rendered.files:
        assert f"(<{path}>)" in rendered.text


def test_markdown_on_standard_output_has_tables_and_says_why():
    rendered = render_report(report(), "markdown")
    assert rendered.files == {}
    assert "![" not in rendered.text
    assert "tables stand in for the pictures" in rendered.text
    assert "| process | blocks |" in rendered.text


def test_the_headline_is_a_picture_and_no_second_table():
    several = report(result(), result("vgg16_bn", 1.1))
    files = render_report(several, "markdown", file="cost.md").files
    assert "cost_figures/ratios.svg" in files
    # The summary says the same: without pictures the figure is not there at all.
    for format_ in ("table", "markdown", "latex"):
        text = render_report(several, format_).text
        assert "Latency ratio" not in text
        assert "Ratios, candidate / baseline" in text


@pytest.mark.parametrize("format_", ["table", "markdown", "latex", "csv", "html", "json"])
def test_hostile_names_and_metadata_are_inert_in_every_format(format_):
    finding = Finding(code=HOSTILE, severity="warning", message=HOSTILE, hint=HOSTILE)
    environment = structs.replace(
        samples.ENVIRONMENT, cpu={"model": HOSTILE, HOSTILE: HOSTILE}, findings=(finding,)
    )
    found = result(HOSTILE, environment=environment, findings=(finding,), id=HOSTILE, created_at=HOSTILE)
    text = render_report(report(structs.replace(found, command=(HOSTILE,)), native=False), format_).text
    if format_ == "html":
        text = text.partition("</style>")[2].partition('<script id="library">')[0]
    assert "\x1b" not in text
    assert "\u202e" not in text
    if format_ == "html":
        assert "<img" not in text
    if format_ == "markdown":  # inside a fence nothing is markup
        assert "<img" not in re.sub(r"^```sh$.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("format_", ["table", "markdown", "latex", "csv", "html", "json"])
def test_the_same_results_give_the_same_bytes(format_):
    first, second = (render_report(report(), format_, file="r.md") for _ in range(2))
    assert first == second
