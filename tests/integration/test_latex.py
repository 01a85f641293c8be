"""LaTeX reports compile. Runs where there is TeX (``pytest -m tex``)."""

import subprocess
from pathlib import Path

import pytest
from msgspec import structs
from typer.testing import CliRunner

from sebench.cli import app
from sebench.reporting.report import build_report, render_report
from sebench.store import load_result
from tests.unit.reporting.charts import HOSTILE

pytestmark = pytest.mark.tex

DATA = Path(__file__).parents[2] / "reports" / "cpu-amd-epyc" / "data"
MAIN = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\usepackage{longtable}
\begin{document}
\input{report}
\end{document}
"""


def compiled(directory):
    (directory / "main.tex").write_text(MAIN)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"],
        cwd=directory,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return (directory / "main.pdf").stat().st_size


def test_a_report_of_everything_compiles(tmp_path):
    done = CliRunner().invoke(app, ["report", str(DATA), "-o", str(tmp_path / "report.tex")])
    assert done.exit_code == 0
    assert compiled(tmp_path) > 0


def test_hostile_texts_compile(tmp_path):
    result = load_result(sorted(DATA.glob("*.json"))[0])
    hostile = structs.replace(result, command=(HOSTILE, "\\end{document}", "%#$&~^_{}"), id=HOSTILE)
    text = render_report(build_report([hostile], as_published=lambda result: False), "latex").text
    (tmp_path / "report.tex").write_text(text)
    assert compiled(tmp_path) > 0
