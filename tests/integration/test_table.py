"""``sebench table`` as a user runs it."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sebench.cli import app

pytestmark = pytest.mark.usefixtures("shared_counts")

DATA = Path(__file__).parents[2] / "reports" / "cpu-amd-epyc" / "data"


def table(*arguments):
    return CliRunner().invoke(app, ["table", *(str(argument) for argument in arguments)])


def test_table_2_prints_published_here_and_difference():
    shown = table("2").stdout
    assert "ResNet-101" in shown
    line = next(line for line in shown.splitlines() if line.startswith("ResNet-101"))
    assert line.split()[:7] == ["ResNet-101", "7.58", "7.579", "=", "7.60", "7.593", "-0.007"]


def test_json_and_csv_keep_the_values():
    document = json.loads(table("7", "--format", "json").stdout)
    assert (document["schema"], document["kind"], document["tables"][0]["name"]) == (
        "sebench/1",
        "table",
        "7",
    )
    lines = table("7", "--format", "csv").stdout.splitlines()
    assert lines[0].startswith("r,stored_published,stored_here,stored_difference")
    assert len(lines) == 1 + 6


def test_rows_of_all_tables_say_which_table_they_are_of():
    text = table("all", "--results", DATA, "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    titles = list(dict.fromkeys(row["table"] for row in rows))
    assert len(titles) == 13
    assert titles[1] == "Table 2: ImageNet, single-crop error and complexity"
    resnet101 = next(row for row in rows if row["network"] == "ResNet-101")
    assert (resnet101["plain_difference"], resnet101["se_difference"]) == ("0", "-0.007")
    # Differences are numbers, and what is unknown is empty: nothing for the guard against formulas.
    assert "'" not in text


def test_only_tables_with_times_are_measured(monkeypatch):
    from sebench.runner import tabulating

    monkeypatch.setattr(tabulating, "measure_section4", pytest.fail)
    result = table("2", "--measure")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "sebench: error: --measure: table 2 has no times; those with times are section4 and all\n"
    )


def test_section_4_takes_times_from_stored_results(tmp_path):
    assert "1.050 [1.041, 1.059]" in table("section4", "--results", DATA).stdout
    shown = table("section4", "--results", tmp_path).stdout
    assert "CPU: no stored result; run `sebench compare --model resnet50 --device cpu`" in " ".join(
        shown.split()
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sectoin4", "unknown table 'sectoin4'; did you mean 'section4'?"),
        ("9", "unknown table '9'; there are 1, 2, 3, 7, section4"),
    ],
)
def test_unknown_tables_are_one_line(name, message):
    result = table(name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_tables_are_listed():
    shown = CliRunner().invoke(app, ["list", "tables"]).stdout
    assert "section4" in shown
    assert "resnet50" not in shown
