"""Listings, figures and details in the formats of text."""

import pytest

from sebench.reporting import render
from sebench.reporting.document import Details, Document, Figure, Listing, Paragraph, Section
from sebench.reporting.markdown import render_markdown
from tests.unit.reporting.charts import HOSTILE, chart, document, table


def of(*parts):
    return Document("T", (Section("S", parts, ("a note",)),))


def test_tables_and_figures_of_a_document_are_found_wherever_they_are():
    assert [found.title for found in document().tables] == ["plain"] * 4
    assert [found.key for found in document().figures] == ["blocks-1", "stages-1"]


def test_a_listing_is_copied_as_it_is():
    listing = of(Listing(("sebench  compare 'a`b' \x1b",)))
    markdown = render(listing, "markdown")
    assert "```sh\nsebench  compare 'a`b' \\x1b\n```" in markdown
    assert "  sebench  compare 'a`b' \\x1b\n" in render(listing, "table")


def test_a_fence_is_longer_than_any_in_the_listing():
    assert "`````sh\necho ````\n`````" in render(of(Listing(("echo ````",))), "markdown")


def test_a_long_command_is_not_broken_on_a_terminal():
    command = "sebench " + "x" * 300
    assert f"  {command}\n" in render(of(Listing((command,))), "table", width=40)


def test_markdown_shows_a_picture_by_relative_path_and_folds_its_data():
    figure = Figure("blocks-1", "Title [1]", "What is seen.", chart(), table())
    markdown = render_markdown(of(figure), {"blocks-1": "r_figures/blocks-1.svg"})
    assert "### Title [1]\n\n![Title \\[1\\]](<r_figures/blocks-1.svg>)\n\nWhat is seen." in markdown
    assert "<details>\n<summary>value</summary>\n\n| name | value (ms) |" in markdown
    assert markdown.count("<details>") == markdown.count("</details>") == 1


@pytest.mark.parametrize("format_", ["markdown", "table", "latex"])
def test_without_a_picture_its_table_and_its_words_are_there(format_):
    text = render(of(Figure("k", "Title", "What is seen.", chart(), table())), format_)
    assert "What is seen." in text
    assert "value1" in text
    assert "svg" not in text


@pytest.mark.parametrize("format_", ["markdown", "table", "latex"])
def test_details_and_notes_of_a_section_are_shown(format_):
    text = render(of(Details("More", (Paragraph("folded away"),))), format_)
    assert "folded away" in text
    assert "a note" in text


def test_hostile_summaries_are_inert():
    markdown = render(of(Details(HOSTILE, ())), "markdown")
    assert "<img" not in markdown
    assert "&lt;img" in markdown
