"""``sebench report`` as a user runs it."""

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sebench.cli import app

DATA = Path(__file__).parents[2] / "reports" / "cpu-amd-epyc" / "data"
RESNET50 = DATA / "20261121T031454502319Z-resnet50-plain-se-e9bcb3.json"
RATIO = "1.050 [1.041, 1.059]"


def report(*arguments):
    return CliRunner().invoke(app, ["report", *(str(argument) for argument in arguments)])


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A working directory with two stored results."""
    directory = tmp_path / ".sebench" / "results"
    directory.mkdir(parents=True)
    for path in sorted(DATA.glob("*.json"))[:2]:
        shutil.copy(path, directory)
    monkeypatch.chdir(tmp_path)
    return directory


def test_one_file():
    done = report(RESNET50)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("Cost report: SE in resnet50\n")
    assert RATIO in done.stdout
    assert "sebench compare --model resnet50 --device cpu" in done.stdout


def test_no_names_means_everything_stored(store):
    assert report().stdout.startswith("Cost report: 2 pairs\n")


def test_ids_and_beginnings_of_ids(store):
    for name in (RESNET50.stem, RESNET50.stem[:20]):
        assert report(name).stdout.startswith("Cost report: SE in resnet50\n")


def test_a_directory_and_a_file_in_it_are_each_counted_once(store):
    assert report(store, sorted(store.glob("*.json"))[0]).stdout.startswith("Cost report: 2 pairs\n")


def test_an_ending_that_says_no_format_is_refused(store, tmp_path):
    done = report("-o", tmp_path / "r.xyz")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "unknown file extension .xyz; use .md, .html" in done.stderr
    assert not (tmp_path / "r.xyz").exists()


def test_results_may_be_elsewhere(tmp_path):
    results = len(list(DATA.glob("*.json")))
    assert report("--results", DATA).stdout.startswith(f"Cost report: 5 pairs, {results} results\n")


def test_nothing_stored_is_one_line_and_exit_4(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = report()
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == (
        "sebench: error: nothing to report: there are no results in .sebench/results; "
        "`sebench compare` stores them\n"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nosuch", "no result 'nosuch' in"),
        ("2026", "'2026' matches 2 IDs"),
        (".", "there are no results in ."),
    ],
)
def test_names_that_mean_nothing_or_too_much(store, name, message):
    done = report(name)
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_damaged_file_is_named(tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text('{"schema": "sebench/1"')
    done = report(RESNET50, broken)
    assert done.exit_code == 1
    assert f"{broken} is damaged" in done.stderr


@pytest.mark.parametrize(
    ("file", "start"),
    [
        ("r.md", "# Cost report"),
        ("r.html", "<!DOCTYPE html>"),
        ("r.tex", "% \\usepackage{booktabs}"),
        ("r.csv", "model,baseline_variant,candidate_variant,metric,"),
        ("r.json", "{"),
        ("r.txt", "Cost report"),
    ],
)
def test_the_file_says_the_format(tmp_path, file, start):
    done = report(RESNET50, "-o", tmp_path / file)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / file).read_text().lstrip().startswith(start)


def test_the_format_that_is_asked_for_wins(tmp_path):
    report(RESNET50, "-o", tmp_path / "r.txt", "--format", "json")
    assert json.loads((tmp_path / "r.txt").read_text())["kind"] == "report"


def test_markdown_has_its_pictures_beside_it(tmp_path):
    report(RESNET50, "-o", tmp_path / "cost.md")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.svg")) == [
        "cost_figures/accuracy-1-inference.svg",
        "cost_figures/blocks-1-resnet50-se.svg",
        "cost_figures/stages-1-resnet50-se.svg",
    ]


def test_csv_has_one_row_per_pair_workload_and_metric():
    rows = list(csv.DictReader(io.StringIO(report(RESNET50, "--format", "csv").stdout)))
    stored = json.loads(RESNET50.read_text())
    assert {row["result"] for row in rows} == {stored["id"]}
    (latency,) = (row for row in rows if row["metric"] == "latency")
    assert latency["ratio"].startswith("1.04985")
    assert (latency["unit"], latency["device"], latency["phase"]) == ("s", "cpu", "inference")
    assert latency["paper_ratio"] == str(0.167 / 0.164)  # Section 4


def test_reading_results_needs_no_torch(sebench, tmp_path):
    for file in ("r.html", "r.json"):  # Markdown: test_imports.py
        done = sebench(f"report {RESNET50} -o {tmp_path / file}", PYTHONPROFILEIMPORTTIME="1")
        assert "sebench.reporting.report" in done.stderr
        assert "torch" not in {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_a_plain_install_makes_pages_with_pictures(monkeypatch, tmp_path):
    from sebench.reporting.html.page import vega_library

    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    vega_library.cache_clear()
    done = report(RESNET50, "-o", tmp_path / "r.html")
    vega_library.cache_clear()
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    page = (tmp_path / "r.html").read_text()
    assert page.count("<svg ") == page.count("<figure ") == 3  # blocks, stages, accuracy
    assert "vegaEmbed(" not in page.partition('<script id="page">')[0]
    assert len(page) < 150_000


def test_an_output_that_cannot_be_written_is_refused_first(tmp_path):
    done = report(RESNET50, "-o", tmp_path)
    assert done.exit_code == 1
    assert "is a directory" in done.stderr


def test_a_network_that_this_version_does_not_know_is_reported_all_the_same(tmp_path):
    other = json.loads(RESNET50.read_text())
    for side in ("baseline", "candidate"):
        other["pair"][side]["model"] = "resnet9000"
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other))
    done = report(path)
    assert done.exit_code == 0
    assert "SE makes resnet9000 5.0 % slower" in done.stdout
    assert "The paper prints no accuracy" in done.stdout


def test_other_commands_write_pages_too():
    done = CliRunner().invoke(app, ["list", "variants", "--format", "html"])
    assert done.exit_code == 0
    assert done.stdout.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("suffix", ["txt", "md", "html", "tex", "json"])
def test_what_changed_since_older_results_is_part_of_the_report(tmp_path, suffix):
    done = report(RESNET50, "--against", RESNET50, "-o", tmp_path / f"change.{suffix}")
    assert (done.exit_code, done.stderr) == (0, "")
    page = (tmp_path / f"change.{suffix}").read_text()
    if suffix == "json":
        (change,) = json.loads(page)["changes"]
        latency = next(metric for metric in change["metrics"] if metric["metric"] == "latency")
        assert latency["overhead"]["estimate"] == 1.0  # a result against itself
    else:
        assert "no change shown" in page


def test_older_results_that_are_not_there_are_named(store):
    done = report("--against", "nosuch")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no result 'nosuch' in" in done.stderr
