"""``sebench report`` of a directory with sweeps."""

import csv
import io
import json

import pytest

from sebench.store import ResultStore
from tests.history import measured
from tests.sweeps import Making, small, stored


@pytest.fixture
def results(tmp_path):
    """A directory with a sweep of nine cases, and nothing else."""
    directory = tmp_path / "results"
    stored(small(), directory)
    return directory


def test_a_page_has_the_table_and_the_failed_cases(invoke, results):
    text = invoke("report results").stdout
    assert text.startswith("Cost report: sweep small\n\nSweep small\n")
    assert "9 cases: 7 done, 1 failed, 1 skipped" in text
    assert "failed   a worker ran out of memory (killed by\n" in text
    assert "skipped  onnxruntime does not train\n" in text
    assert "Static costs" not in text  # no result stands on its own


def test_markdown_has_its_pictures_beside_it(invoke, results, tmp_path):
    invoke("report results -o cost.md")
    text = (tmp_path / "cost.md").read_text()
    pictures = sorted(path.name for path in (tmp_path / "cost_figures").iterdir())
    assert pictures == [
        "sweep-small-batch-size-1.svg",
        "sweep-small-batch-size-2.svg",
        "sweep-small-model-1.svg",
        "sweep-small-threads-1.svg",
        "sweep-small-threads-2.svg",
    ]
    assert all(f"(<cost_figures/{name}>)" in text for name in pictures)
    assert "| failed | a worker ran out of memory" in text


def test_a_web_page_has_them_inside(invoke, results, tmp_path):
    invoke("report results -o cost.html")
    page = (tmp_path / "cost.html").read_text()
    assert page.count("<figure") == 5
    assert "onnxruntime does not train" in page


def test_other_results_are_reported_as_ever(invoke, results):
    ResultStore(results).add(measured([1.5] * 6))
    text = invoke("report results").stdout
    assert text.startswith("Cost report: SE in resnet50, sweep small\n")
    assert text.index("\nSweep small\n") < text.index("\nComparison\n")
    assert "ratio 1.500" in text


def test_one_result_of_a_sweep_has_its_own_report_by_name(invoke, results):
    name = next(path.stem for path in sorted(results.glob("*.json")))
    assert invoke(f"report --results results {name}").stdout.startswith("Cost report: SE in ")


def test_json_and_csv_have_the_sweep(invoke, results):
    found = json.loads(invoke("report results -f json").stdout)
    assert found["pairs"] == []
    assert [(sweep["name"], len(sweep["cases"])) for sweep in found["sweeps"]] == [("small", 9)]
    rows = list(csv.DictReader(io.StringIO(invoke("report results -f csv").stdout)))
    assert len({row["result"] for row in rows}) == 7
    assert "case" not in rows[0]  # the columns of a comparison, as ever


def test_the_picture_has_every_panel(invoke, results, tmp_path):
    invoke("report results --plot all.svg")
    assert (tmp_path / "all.svg").read_text().count("no difference</text>") == 5


def test_without_names_the_usual_directory_is_meant(invoke, tmp_path):
    stored(small(), tmp_path / ".sebench" / "results")
    assert invoke("report").stdout.startswith("Cost report: sweep small\n")


def test_a_sweep_in_which_everything_failed_is_a_report(invoke, tmp_path):
    made = Making("broken")
    made.failed("no room", batch_size=512)
    stored(made, tmp_path / "results")
    text = invoke("report results").stdout
    assert text.startswith("Cost report: sweep broken\n")
    assert "1 case: 1 failed, 2 s in all." in text
    assert "no room" in text


def test_several_sweeps_have_a_section_each(invoke, tmp_path):
    for name in ("first", "second"):
        made = Making(name)
        made.done(1.1, batch_size=1)
        made.done(1.2, batch_size=8)
        stored(made, tmp_path / "results")
    text = invoke("report results").stdout
    assert text.startswith("Cost report: 2 sweeps\n\nSweep first\n")
    assert "\nSweep second\n" in text


def test_a_damaged_book_is_named(invoke, results):
    (results / "sweeps" / "small" / "sweep.json").write_text("{")
    done = invoke("report results", check=False)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "sweeps/small/sweep.json is damaged" in done.stderr
    assert done.stderr.count("\n") == 1
