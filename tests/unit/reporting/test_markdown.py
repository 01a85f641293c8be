import pytest

from sebench.reporting.document import Cell, Column, Document, Paragraph, Section, Table, text_cell
from sebench.reporting.markdown import escape, render_markdown


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a|b", r"a\|b"),
        ("two\nlines", "two lines"),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("&lt;", "&amp;lt;"),
        ("`code` *bold* ~~gone~~", r"\`code\` \*bold\* \~\~gone\~\~"),
        ("resnext50_32x4d", "resnext50_32x4d"),  # an underscore inside a word is no markup
        ("_emphasis_", r"\_emphasis\_"),
        ("[link](http://x)", r"[link\](http://x)"),
        ("![image](x)", r"\![image\](x)"),
        ("[^1]", r"[\^1]"),
        ("[1.012, 1.024]", "[1.012, 1.024]"),
        ("plain -> se", "plain -> se"),
        ("back\\slash", r"back\\slash"),
    ],
)
def test_escape(text, markdown):
    assert escape(text) == markdown


@pytest.mark.parametrize(
    ("text", "markdown"),
    [("# no heading", r"\# no heading"), ("- no list", r"\- no list"), ("1. no list", r"1\. no list"),
     ("> no quote", r"\> no quote"), ("=====", r"\====="), ("3 processes", "3 processes")],
)  # fmt: skip
def test_no_text_starts_a_block(text, markdown):
    assert render_markdown(Document("t", (Paragraph(text),))) == f"# t\n\n{markdown}\n"


def test_table_with_groups_details_and_notes():
    columns = (
        Column("pair", "pair", role="group"),
        Column("a", "A", detail="[x]"),
        Column("b", "B", "right", role="fold"),
        Column("c", "C", role="data"),
    )
    rows = ((Cell("p | q"), Cell("1", 1, "[0, 2]"), text_cell("z"), Cell("hidden")),)
    section = Section("S", (Table("T", columns, rows, ("a note",)),))
    assert render_markdown(Document("D", (section,), ("last",))) == (
        "# D\n\n## S\n\n### T\n\n"
        "| A [x] | B |\n"
        "| --- | ---: |\n"
        "| **p \\| q** |  |\n"
        "| 1 [0, 2] | z |\n\n"
        "- a note\n\n"
        "- last\n"
    )


def test_strong_paragraphs_are_bold():
    assert "**it *is* so**".replace("*is*", r"\*is\*") in render_markdown(
        Document("D", (Paragraph("it *is* so", strong=True),))
    )
