"""The real command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sebench.cli import app
from sebench.runner.measuring.schedule import Pacing
from sebench.runner.planning import plan
from tests.integration.quiet import fewest_blocks
from tests.interpreter import FRESH

QUIET = Path(__file__).parent / "quiet"


@pytest.fixture
def environ(tmp_path):
    """Of a process whose measurements no neighbour can spoil, with a cache of its own."""
    paths = filter(None, (str(QUIET), os.environ.get("PYTHONPATH")))
    return {
        **os.environ,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join(paths),
    }


@pytest.fixture
def sebench(tmp_path, environ):
    """Run ``sebench ARGUMENTS`` in a fresh directory; returns the completed process."""

    def run(arguments, *, check=True, **variables):
        # What is asked of the interpreter itself, only a fresh one does.
        python = FRESH if any(name.startswith("PYTHON") for name in variables) else sys.executable
        done = subprocess.run(
            [python, "-m", "sebench", *arguments.split()],
            cwd=tmp_path,
            env={**environ, **variables},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Run ``sebench ARGUMENTS`` as `sebench` does, within this process: for tests that are of no process."""
    monkeypatch.chdir(tmp_path)

    def run(arguments, *, check=True):
        done = CliRunner().invoke(app, arguments.split())
        if check:
            assert done.exit_code == 0, done.stderr
        return done

    return run


@pytest.fixture
def fewest_blocks_measured(monkeypatch):
    """Commands measure no longer than they must, in this process or with `environ`; the rest is real."""
    monkeypatch.setenv("SEBENCH_TESTS_FEWEST_BLOCKS", "1")
    monkeypatch.setattr(Pacing, "of_first", fewest_blocks.of_first(Pacing.of_first))
    monkeypatch.setattr(plan, "timing_policy", fewest_blocks.timing_policy(plan.timing_policy))


@pytest.fixture
def shared_counts(shared_cache, monkeypatch):
    """Counts are kept from one test to the next: what is tested is not how networks are counted."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache))
