"""`render` itself: formats, hostile texts in each, and that reading needs nothing heavy."""

import csv
import io
import subprocess

import pytest

from sebench.errors import UsageError
from sebench.reporting import (
    comparison_document,
    comparison_json,
    count_document,
    environment_document,
    render,
)
from sebench.schema import Finding
from tests.interpreter import FRESH

HOSTILE = "[red]x[/red] | <img src=x onerror=y>\n# head\x1b[31m\x9b31m\u202e`c` =1"


def documents(make):
    finding = Finding(code=HOSTILE, severity="warning", message=HOSTILE, hint=HOSTILE)
    pair = make.comparison(
        make.latency(findings=(finding,)), make.unavailable(HOSTILE), model=HOSTILE, candidate=HOSTILE
    )
    environment = make.environment(findings=(finding,), cpu={"model": HOSTILE, HOSTILE: HOSTILE})
    return (
        comparison_document([pair, pair], environment, as_published=True, measured_at=HOSTILE),
        count_document([make.model_cost(model=HOSTILE, variant=HOSTILE)], ("op", "site")),
        environment_document(environment),
    )


@pytest.mark.parametrize("format_", ["table", "markdown", "csv", "latex"])
def test_no_control_codes_in_any_format(make, format_):
    for document in documents(make):
        text = render(document, format_)
        assert all(character.isprintable() or character == "\n" for character in text)
        text.encode()


def test_rich_markup_is_shown_as_it_is(make):
    for document in documents(make):
        assert "[red]x[/red]" in render(document, "table", width=2000)
        colored = render(document, "table", width=2000, color=True)
        assert "[red]x[/red]" in colored
        assert "\x1b[31m" not in colored


def test_markdown_has_no_html_and_whole_rows(make):
    for document in documents(make):
        lines = render(document, "markdown").splitlines()
        assert not any("<" in line for line in lines)
        assert not any(line.startswith("# head") for line in lines)
        pipes = [line.replace("\\|", "") for line in lines if line.startswith("|")]
        runs = [len(line.split("|")) for line in pipes]
        # Within one table every row has as many cells as its head.
        for before, after, line in zip(runs, runs[1:], pipes[1:], strict=False):
            if "---" in line:
                assert before == after


def test_csv_reads_back_as_rows_of_equal_length(make):
    for document in documents(make):
        rows = list(csv.reader(io.StringIO(render(document, "csv"))))
        assert len({len(row) for row in rows}) == 1


def test_json_holds_hostile_text_unchanged(make):
    assert "\\u001b[31m\\u009b31m\\u202e" in comparison_json([make.comparison(model=HOSTILE)], None)


@pytest.mark.parametrize(
    ("format_", "hint"),
    [("markdwon", "did you mean 'markdown'?"), ("pdf", "use table, markdown, csv, latex, html")],
)
def test_unknown_format(make, format_, hint):
    with pytest.raises(UsageError, match=f"--format '{format_}'") as caught:
        render(count_document([make.model_cost()]), format_)
    assert caught.value.hint == hint


def test_importing_reporting_is_light():
    code = (
        "import sys, sebench.reporting\n"
        "print([name for name in ('torch', 'pandas', 'rich', 'numpy', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([FRESH, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
