"""Fixtures shared by all tests: a cache, a store and imported modules that are nobody else's."""

from __future__ import annotations

import sys

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def _own_directories(tmp_path, monkeypatch):
    """No test reads or writes the user's cache, or stores results in the working directory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _own_modules(tmp_path):
    """What a test imports from its own directory (a ``nets.py``, mostly) is forgotten afterwards."""
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
