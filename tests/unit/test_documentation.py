"""Pages point at what is there, and the index names every one of them."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from sebench.cli import app
from sebench.reporting import draw
from tests.scripts import script

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *sorted(DOCS.glob("*.md")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "reports" / "README.md",
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_paths_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)", text)
    paths = re.findall(r"`((?:benchmarks|docs|examples|reports|tests)/[\w./-]+|sebench/[\w./-]+\.\w+)`", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_index_names_every_page():
    linked = re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "README.md").read_text(encoding="utf-8"))
    assert sorted(linked) == sorted(page.name for page in DOCS.glob("*.md") if page.name != "README.md")


def test_the_readme_shows_what_the_stored_results_give_today():
    with script("draw_readme") as drawn:
        assert drawn.page(drawn.PAGE.read_text(encoding="utf-8")) == drawn.PAGE.read_text(encoding="utf-8")
        assert draw(drawn.picture(), "svg") == drawn.PICTURE.read_bytes()


def test_the_answer_the_table_and_the_picture_are_on_the_first_screen():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:50]
    wanted = ("sebench compare --model resnet50", "SE makes resnet50 5.0 % slower", "latency (ms)", ".svg)")
    assert [text for text in wanted if not any(text in line for line in lines)] == []


def test_the_readme_names_every_command_and_no_other():
    rows = re.findall(r"^\| `sebench (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(set(rows)) == sorted(get_command(app).commands)
