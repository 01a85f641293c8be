"""``sebench sweep`` to Parquet and to a picture, on pretended times."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from sebench.cli import app
from tests.pretended import steady_host

NETWORK = "from torch import nn\n\n\ndef one():\n    return nn.Conv2d(3, 4, 1)\n"
ARGUMENTS = "sweep -m nets.py:one -v se --device cpu --threads 1 -b 1 -b 2 --name s"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(NETWORK)


def sweep(options):
    return CliRunner().invoke(app, f"{ARGUMENTS} {options}".split(), obj=steady_host())


@pytest.mark.parametrize("options", ["-o s.parquet", "-f parquet -o any.name"])
def test_parquet_is_the_csv_with_types(options):
    pytest.importorskip("pyarrow")
    done = sweep(options)
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    found = pd.read_parquet(options.split()[-1])
    csv = pd.read_csv(".sebench/results/sweeps/s/cases.csv", dtype={"case": str})
    assert list(found.columns) == list(csv.columns)
    assert list(found["case"]) == list(csv["case"])
    assert list(found["ratio"].round(9).dropna()) == list(csv["ratio"].round(9).dropna())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("-f parquet", "--format parquet is no text for standard output; add -o FILE.parquet"),
        ("-o s.parquet --dry-run", "--dry-run has no results for --format parquet; use --format csv"),
        ("--plot s.svg --dry-run", "--plot draws results, and --dry-run has none; leave one of them out"),
        ("--plot s.gif", "--plot draws no 'gif'"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_measured(options, message):
    pytest.importorskip("pyarrow")
    done = sweep(options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path(".sebench").exists()


def test_a_missing_package_is_refused_before_anything_is_measured(monkeypatch):
    from sebench.reporting import parquet

    monkeypatch.setattr(parquet, "find_spec", lambda name: None)
    done = sweep("-o s.parquet")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "sebench: error: --format parquet needs pyarrow; pip install 'sebench-torch[parquet]'\n"
    )


def test_the_picture_of_all_axes_is_drawn():
    done = sweep("--plot all.svg")
    assert done.exit_code == 0, done.stderr
    assert "Against batch" in Path("all.svg").read_text()
