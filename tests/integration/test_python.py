"""docs/python.md does what it says: its examples are run as they stand, and measure for real."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sebench
from sebench.store import ResultStore, load_result

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "python.md").read_text()


@pytest.mark.usefixtures("fewest_blocks_measured")
def test_the_sessions(monkeypatch):
    """One after the other, as if they were typed in the folder of the project."""
    monkeypatch.chdir(ROOT)
    names, found = {}, re.findall(r"```pycon\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    assert len(found) == 8
    for session in found:
        test = doctest.DocTestParser().get_doctest(session, names, "docs/python.md", "docs/python.md", 0)
        assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
        names = test.globs


def test_every_function_of_the_library_is_documented():
    assert [name for name in sebench.__all__ if f"sebench.{name}" not in DOCUMENT and name[0].islower()] == []


@pytest.fixture
def files(tmp_path):
    """The files of the pytest section."""
    found = re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    for name, text in found:
        (tmp_path / name).write_text(text)
    return [name for name, _ in found]


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_the_pytest_example_measures(files, tmp_path, environ):
    assert files == ["nets.py", "test_cost.py"]
    plugins = ("no:sebench", "sebench.pytest_plugin", "fewest_blocks", "no:cacheprovider")
    plugin = (*(word for name in plugins for word in ("-p", name)), "-W", "error")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "--sebench-quick", "--sebench-save", "kept", "-rA"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    pair = "nets.py:new against nets.py:old"
    assert "PASSED test_cost.py::test_nothing_was_added" in done.stdout, done.stdout + done.stderr
    assert f"{pair}, params overhead 1.0000 (exact): passed against 1" in done.stdout
    # One process is asked for, and the message says so. What the ratio is, no test may know.
    assert re.search(
        rf"{pair}, latency overhead [\d.]+ \[[\d.]+, [\d.]+\] "
        r"\(95 %, within-process, 1 process x \d+ blocks, grade [ABC]\): \w+ against 2",
        done.stdout,
    )
    (path,) = ResultStore(tmp_path / "kept").paths()
    stored = load_result(path)
    assert stored.pair.title == pair
    assert stored.command[:6] == (
        "sebench",
        "compare",
        "--baseline",
        "nets.py:old",
        "--candidate",
        "nets.py:new",
    )
