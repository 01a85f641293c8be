"""The distribution's name wherever it is said, and another project's program of the package's name."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import sebench
from sebench.installation import DISTRIBUTION, extra_hint, find_namesake
from tests.interpreter import FRESH

ROOT = Path(__file__).parents[2]
FOREIGN = "Metadata-Version: 2.1\nName: sebench\nVersion: 0.4.0\nSummary: A system simulation framework.\n"
OWN = FOREIGN.replace("A system simulation framework", "What does a Squeeze-and-Excitation block cost?")


@pytest.fixture
def site(tmp_path):
    """A folder of installed packages with another project's `sebench` in it."""
    folder = tmp_path / "site-packages"
    information = folder / "sebench-0.4.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(FOREIGN)
    return folder


def run(site, *arguments):
    return subprocess.run(
        [FRESH, *arguments],
        cwd=site.parent,
        env={**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": str(site.parent / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_name_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == DISTRIBUTION
    assert project["scripts"] == {"sebench": "sebench.cli:main"}
    assert extra_hint("timm") == "pip install 'sebench-torch[timm]'"
    assert f'"{DISTRIBUTION} @ git+$' in (ROOT / "examples" / "ci_gate.yml").read_text()


def test_nobody_is_told_to_install_the_other_project():
    pages = [*ROOT.glob("docs/*.md"), *ROOT.glob("examples/*"), *ROOT.glob("sebench/**/*.py")]
    wrong = re.compile(r"\binstall +['\"]?sebench(?!-torch)\b|\bsebench\[(html|peers|plot|test|timm|trend)")
    found = [page.name for page in pages if page.is_file() and wrong.search(page.read_text(encoding="utf-8"))]
    assert found == []


def test_another_project_is_recognised_and_this_one_is_not(site):
    namesake = find_namesake([str(site)])
    assert (namesake.version, namesake.folder, namesake.shares_folder) == ("0.4.0", str(site), False)
    beside = find_namesake([str(site)], package=site / "sebench")
    assert beside.shares_folder
    (site / "sebench-0.4.0.dist-info" / "METADATA").write_text(OWN)  # called so before the name was chosen
    assert find_namesake([str(site)]) is None


def test_folders_that_cannot_be_read_hold_nothing(site, tmp_path):
    (site / "sebench-0.4.0.dist-info" / "METADATA").unlink()
    (tmp_path / "file").touch()
    assert find_namesake([str(site), str(tmp_path / "file"), str(tmp_path / "missing")]) is None


def test_every_command_warns_in_one_line(site):
    done = run(site, "-m", "sebench", "list", "variants", "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)
    assert done.stderr == (
        f"warning: the distribution 'sebench' 0.4.0 in {site} is another project; `import sebench` may find "
        "that one; pip uninstall sebench, then install sebench-torch again\n"
    )
    quiet = run(site, "-m", "sebench", "list", "variants", "--quiet")
    assert (quiet.returncode, quiet.stderr) == (0, "")


def test_the_environment_has_a_finding(site):
    done = run(site, "-m", "sebench", "env", "--format", "json")
    environment = json.loads(done.stdout)
    (finding,) = [f for f in environment["environment"]["findings"] if f["code"] == "foreign-distribution"]
    assert finding["message"] == "the distribution 'sebench' 0.4.0 is installed, which is another project"
    assert finding["severity"] == "info"


def test_files_that_were_overwritten_are_one_line(site):
    shutil.copytree(Path(sebench.__file__).parent, site / "sebench", copy_function=os.symlink)
    (site / "sebench" / "__init__.py").unlink()
    (site / "sebench" / "__init__.py").write_text('"""A system simulation framework."""\n')
    # The second is how the other project's own script would start.
    for script in ("from sebench.cli import main; main()", "from sebench.cli import app; app()"):
        done = run(site, "-c", script)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith(
            f"sebench: error: the distribution 'sebench' 0.4.0 in {site} is another project; it and this "
            "program overwrite each other's files; pip uninstall sebench, then install sebench-torch again ("
        )
