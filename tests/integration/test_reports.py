"""The committed reports say what the code makes of their stored raw results today."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sebench import reporting
from sebench.analysis.comparison import compare
from sebench.cli import app
from sebench.cli.compare import as_published
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
