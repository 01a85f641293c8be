"""``sebench report`` of what ``sebench excite`` found, alone and beside stored results."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from sebench.reporting.excitation import excitation_document, excitation_json
from sebench.reporting.formats import render
from tests.excitations import FOLDED, excitation, found

DATA = Path(__file__).parents[2] / "reports" / "cpu-amd-epyc" / "data"
RESNET50 = DATA / "20261121T031454502319Z-resnet50-plain-se-e9bcb3.json"
SECTION = "Gates of resnet50 se on images"


@pytest.fixture
def gates(tmp_path):
    """A document with a folded network."""
    written = found(folded=FOLDED, not_measured="interrupted")
    (tmp_path / "gates.json").write_text(excitation_json(written))
    return written


@pytest.fixture
def results(tmp_path):
    """A directory with one stored result."""
    (tmp_path / "results").mkdir()
    shutil.copy(RESNET50, tmp_path / "results")


def test_alone_it_says_what_excite_says(invoke, gates):
    done = invoke("report gates.json")
    excited = render(excitation_document(gates), "table", width=100)
    assert done.stdout == f"Report: gates of resnet50 se\n\n{excited}"
    assert done.stderr == ""


def test_beside_stored_results(invoke, gates, results):
    text = invoke("report results gates.json").stdout
    assert text.startswith("Cost report: SE in resnet50, gates of resnet50 se\n")
    assert text.index("\nHow to reproduce it\n") < text.index(f"\n{SECTION}\n")
    excited = render(excitation_document(gates), "table", width=100)
    assert text.endswith(excited)
    assert text.replace(f"\n{excited}", "").replace(", gates of resnet50 se", "", 1) == (
        invoke("report results").stdout
    )


def test_a_web_page_has_the_pictures_inside(invoke, gates, results, tmp_path):
    invoke("report gates.json -o gates.html")
    page = (tmp_path / "gates.html").read_text()
    assert page.count("<figure ") == 2  # a panel for the only gate, and shares by depth
    assert "Mean of the gate, from lowest to highest: cat 0.010 to 0.990, dog 0.040 to 0.990, all" in page
    assert "Share, from lowest to highest: class share 0.600 to 0.600, near 0 0.333 to 0.333" in page
    invoke("report results gates.json -o cost.html")
    assert (tmp_path / "cost.html").read_text().count("<figure ") == 3 + 2  # blocks, stages, accuracy


def test_markdown_has_the_pictures_beside_it(invoke, gates, tmp_path):
    invoke("report gates.json -o cost.md")
    text = (tmp_path / "cost.md").read_text()
    pictures = sorted(path.name for path in (tmp_path / "cost_figures").iterdir())
    assert pictures == [
        "gates-1-1-stage2-0-attention-stride-4.svg",
        "gates-1-2-class-share-and-saturation-by-depth.svg",
    ]
    assert all(f"(<cost_figures/{name}>)" in text for name in pictures)
    assert text.count("Channels are drawn uniformly") == 1
    assert "**Folded: se(without=stage2.0.attention)**" in text


def test_latex_has_the_table(invoke, gates):
    text = invoke("report gates.json -f latex").stdout
    assert rf"\subsection*{{{SECTION}}}" in text
    assert "figure" not in text


def test_json_carries_the_document(invoke, gates, results):
    told = json.loads(invoke("report results gates.json -f json").stdout)
    document = json.loads(excitation_json(gates))
    del document["schema"], document["kind"]
    (excited,) = told["excitations"]
    assert {key: excited[key] for key in excited if key != "gates"} == {
        key: document[key] for key in document if key != "gates"
    }
    assert excited["gates"][0]["all"]["mean"] == pytest.approx(document["gates"][0]["all"]["mean"])
    assert len(told["pairs"]) == 1
    assert json.loads(invoke("report results -f json").stdout)["excitations"] == []


def test_csv_has_the_channels_where_there_is_nothing_else(invoke, gates, results):
    rows = list(csv.DictReader(io.StringIO(invoke("report gates.json -f csv").stdout)))
    assert list(rows[0])[:6] == ["model", "variant", "weights", "images", "gate", "class"]
    assert len(rows) == 3 * 3  # three channels of cat, dog and all
    beside = invoke("report results gates.json -f csv").stdout
    assert beside == invoke("report results -f csv").stdout


def test_the_picture_has_every_panel(invoke, gates, tmp_path):
    invoke("report gates.json --plot all.svg")
    text = (tmp_path / "all.svg").read_text()
    assert "stage2.0.attention (stride 4)" in text
    assert "Class share and saturation by depth" in text


def test_two_documents_of_one_network_are_told_apart_by_their_files(invoke, gates, tmp_path):
    other = found(excitation=excitation(folder="train"))
    (tmp_path / "train.json").write_text(excitation_json(other))
    text = invoke("report gates.json train.json ./gates.json").stdout
    assert text.startswith("Report: gates of resnet50 se\n")
    titles = [line for line in text.splitlines() if line.startswith(SECTION)]
    assert titles == [f"{SECTION}: gates.json", f"{SECTION}: train.json"]
    invoke("report gates.json train.json -o both.md")
    assert len(list((tmp_path / "both_figures").iterdir())) == 4


def test_a_malformed_document_is_one_line(invoke, gates, tmp_path):
    document = json.loads((tmp_path / "gates.json").read_text())
    del document["images"]
    (tmp_path / "gates.json").write_text(json.dumps(document))
    done = invoke("report gates.json", check=False)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "sebench: error: gates.json is no excitation document: Object missing required field `images`; "
        "write one with sebench excite --format json\n"
    )


def test_in_a_directory_of_results_it_is_none(invoke, gates, results, tmp_path):
    shutil.copy(tmp_path / "gates.json", tmp_path / "results")
    done = invoke("report results")
    assert done.stdout.startswith("Cost report: SE in resnet50\n")
    assert "warning: results/gates.json holds an excitation, not a stored result; skipped" in done.stderr


def test_other_names_have_to_mean_something(invoke, gates, tmp_path):
    done = invoke("report gates.json nosuch", check=False)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no result 'nosuch' in" in done.stderr
