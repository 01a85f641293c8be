"""The committed reports say what the code makes of their stored raw results today."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sebench import reporting
from sebench.analysis.comparison import compare
from sebench.cli import app
from sebench.models import as_published
from sebench.store import load_result

ROOT = Path(__file__).parents[2]
RESULTS = sorted((ROOT / "reports" / "cpu-amd-epyc" / "data").glob("*.json"))


def test_there_are_reports_of_three_backbones_and_an_aa_run():
    pairs = {(r.pair.baseline.model, r.pair.candidate.variant) for r in map(load_result, RESULTS)}
    assert pairs == {
        ("resnet50", "se"),
        ("mobilenet_v1", "se"),
        ("resnext50_32x4d", "se"),
        ("resnet50", "plain"),
        ("mobilenet_v1", "plain"),
    }


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem[28:])
def test_a_report_has_not_drifted_from_its_data(path):
    result = load_result(path)
    document = reporting.comparison_document(
        [compare(result)],
        result.environment,
        as_published=[as_published(result)],
        measured_at=result.created_at,
    )
    committed = ROOT / result.command[result.command.index("-o") + 1]
    assert committed.read_text().rstrip("\n") == reporting.render(document, "markdown").rstrip("\n")


@pytest.mark.usefixtures("shared_counts")
@pytest.mark.parametrize(
    ("arguments", "report"),
    [
        (["table", "all", "--results", "reports/cpu-amd-epyc/data"], "tables.md"),
        (["verify"], "verification.md"),
        (["verify", "--conventions"], "conventions.md"),
    ],
)
def test_reports_on_the_papers_figures_are_what_the_code_says_today(arguments, report, monkeypatch):
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, [*arguments, "--format", "markdown"])
    assert result.exit_code == 0
    assert result.stdout.rstrip("\n") == (ROOT / "reports" / report).read_text().rstrip("\n")


COST_REPORT = ROOT / "reports" / "cpu-amd-epyc"


def regenerated(name, folder):
    """The cost report made anew, by the command in reports/README.md but for where it goes."""
    done = CliRunner().invoke(app, ["report", str(COST_REPORT / "data"), "-o", str(folder / name)])
    assert done.exit_code == 0, done.stderr
    return (folder / name).read_text()


def without_versions(page):
    """An HTML page but for the version of sebench and the plotting library, which is there as released."""
    page = re.sub(r'(<script id="library">).*?(</script>)', r"\1\2", page, flags=re.DOTALL)
    page = re.sub(r"script-src [^;]+;", "script-src;", page)
    return re.sub(r"sebench \d+\.\d+\.\w+", "sebench", page)


def to_12_digits(page):
    """An HTML page whose exact values do not depend on how a processor rounds the last of 17 digits."""
    return re.sub(r'(data-value=")([-\d.e]+)"', lambda found: f'{found[1]}{float(found[2]):.12g}"', page)


def test_the_html_cost_report_is_made_from_the_stored_data(tmp_path):
    pages = ((COST_REPORT / "report.html").read_text(), regenerated("report.html", tmp_path))
    committed, now = (to_12_digits(without_versions(page)) for page in pages)
    assert now == committed


def test_the_markdown_cost_report_is_made_from_the_stored_data(tmp_path):
    assert regenerated("report.md", tmp_path) == (COST_REPORT / "report.md").read_text()
    pictures = {path.name: path.read_bytes() for path in (COST_REPORT / "report_figures").iterdir()}
    made = {path.name: path.read_bytes() for path in (tmp_path / "report_figures").iterdir()}
    assert made.keys() == pictures.keys()
    for name, picture in made.items():
        assert picture == pictures[name], name
