"""The real command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture
def sebench(tmp_path):
    """Run ``sebench ARGUMENTS`` in a fresh directory; returns the completed process."""

    def run(arguments, *, check=True, **environ):
        done = subprocess.run(
            [sys.executable, "-m", "sebench", *arguments.split()],
            cwd=tmp_path,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), **environ},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done

    return run
