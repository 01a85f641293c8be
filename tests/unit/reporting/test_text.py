import re

import pytest

from sebench.reporting import comparison_document, count_document, environment_document, render
from sebench.reporting.document import Cell, Column, Document, Paragraph, Section, Table, text_cell
from sebench.reporting.layout import fit
from sebench.reporting.text import DEFAULT_WIDTH, render_text

FIGURE = r"[0-9.]{4,}"
WIDTHS = (20, 40, 60, 80, 100, 140, 200)


def wide_table(**changes):
    columns = (
        Column("name", "name"),
        Column("value", "value", "right", detail="[range]"),
        Column("n", "n", role="fold"),
        Column("more", "more", "right"),
    )
    rows = (
        (text_cell("latency"), Cell("53.4", 0.0534, "[52.9, 54.1]"), text_cell("6 x 8"), text_cell("yes")),
    )
    return Table(**{"title": "T", "columns": columns, "rows": rows, **changes})


def test_inline_where_it_fits():
    text = render_text(Document("D", (wide_table(),)), width=80)
    assert text.splitlines() == [
        "D",
        "",
        "T",
        "name         value [range]  n      more",
        "-------- ------------------ ------ ----",
        "latency  53.4 [52.9, 54.1]  6 x 8   yes",
    ]


def test_stacked_where_inline_is_too_wide():
    text = render_text(Document("D", (wide_table(),)), width=26)
    assert text.splitlines()[2:] == [
        "T",
        "               value",
        "             [range]",
        "name               n more",
        "------- ------------ ----",
        "latency         53.4  yes",
        "        [52.9, 54.1]",
        "               6 x 8",
    ]


def test_broken_into_pieces_that_repeat_the_first_column():
    layouts = fit(wide_table(), 22)
    assert [layout.columns for layout in layouts] == [((0,), (1, 2)), ((0,), (3,))]
    assert all(layout.width <= 22 for layout in layouts)


def test_running_text_wraps_instead():
    columns = (Column("code", "code"), Column("message", "message", wrap=True))
    table = Table("", columns, ((text_cell("steal-high"), text_cell("the host took 2 % of the CPU")),))
    assert render_text(Document("D", (table,)), width=30).splitlines()[2:] == [
        "code        message",
        "----------- ------------------",
        "steal-high  the host took 2 %",
        "            of the CPU",
    ]


def gate_like_table():
    columns = (
        Column("check", "check"),
        Column("status", "status"),
        Column("commit", "commit", below=True),
        Column("threads", "threads", below=True),
        Column("reason", "reason", wrap=True, below=True),
    )
    cells = ("latency", "inconclusive", "9a05adb8", "2", "the limit lies inside the interval; measure longer")
    bare = ("params", "passed", "", "2", "")
    return Table("", columns, tuple(tuple(map(text_cell, row)) for row in (cells, bare)))


def test_what_is_too_wide_for_a_column_stands_below_its_row():
    # 40 characters are the least for the reason as a column: 7 + 12 + 8 + 7 + 40 and four gaps of 1 are 78.
    assert render_text(Document("D", (gate_like_table(),)), width=77).splitlines()[2:] == [
        "check    status",
        "-------- ------------",
        "latency  inconclusive",
        "  commit 9a05adb8, threads 2",
        "  the limit lies inside the interval; measure longer",
        "params   passed",
        "  threads 2",
    ]


def test_it_is_a_column_where_there_is_room():
    assert render_text(Document("D", (gate_like_table(),)), width=82).splitlines()[2:] == [
        "check    status        commit    threads  reason",
        "-------- ------------- --------- -------- ----------------------------------------",
        "latency  inconclusive  9a05adb8  2        the limit lies inside the interval;",
        "                                          measure longer",
        "params   passed                  2",
    ]


def test_lines_below_a_row_wrap_and_follow_the_last_piece():
    text = render_text(Document("D", (gate_like_table(),)), width=16)
    assert text.splitlines()[2:9] == [
        "check   status",
        "------- --------",
        "latency inconclu",
        "        sive",
        "  commit",
        "  9a05adb8,",
        "  threads 2",
    ]


def test_a_single_column_wider_than_the_line_wraps():
    table = Table("", (Column("a", "a"),), ((text_cell("abcdefghij" * 3),),))
    assert render_text(Document("D", (table,)), width=10).count("abcdefghij") == 3


def test_a_table_without_printed_columns_or_rows_is_no_trouble():
    empty = Table("Nothing", (Column("a", "a", role="data"),), ())
    headed = Table("No rows", (Column("a", "a"),), (), notes=("there is none",))
    text = render_text(Document("D", (empty, headed)))
    assert text == "D\n\nNothing\n\nNo rows\na\n-\n- there is none\n"


def test_sections_paragraphs_and_notes_in_reading_order():
    document = Document("D", (Paragraph("first"), Section("S", (Paragraph("inner"),))), notes=("a note",))
    assert render_text(document) == "D\n\nfirst\n\nS\n\ninner\n\n- a note\n"


@pytest.mark.parametrize("width", WIDTHS)
def test_every_figure_of_every_document_survives_at_any_width(make, width):
    documents = (
        comparison_document(make.several(), make.environment(), as_published=True),
        count_document([make.model_cost(), make.model_cost(phase="training")], ("op", "stage", "site")),
        environment_document(make.environment()),
    )
    for document in documents:
        text, whole = render(document, "table", width=width), render(document, "table", width=1000)
        assert max(map(len, text.splitlines())) <= width
        assert "\u2026" not in text
        assert text.isascii()
        if width >= 60:  # below, a figure may be folded over two lines
            assert set(re.findall(FIGURE, whole)) <= set(re.findall(FIGURE, text))


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_comparison_keeps_its_figures_together(make, width):
    text = render(comparison_document([make.comparison()], as_published=True), "table", width=width)
    assert "latency (ms)" in text
    for figure in ("52.9-54.1", "53.9-55.2", "[0.64, 1.28]", "[1.012, 1.024]", "164/167", "6 x 8"):
        assert figure in text
    assert len(re.findall(r"^metric", text, re.MULTILINE)) == 1  # one piece


def test_ansi_codes_only_on_request(make, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("TERM", "xterm-256color")
    document = comparison_document([make.comparison()])
    assert "\x1b" not in render_text(document)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    colored = render_text(document, color=True)
    assert "\x1b[1m" in colored
    bare = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in colored.splitlines()]
    assert bare == render_text(document, width=DEFAULT_WIDTH).splitlines()
