"""Fixtures shared by all tests: a cache, a store and imported modules that are nobody else's."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.interpreter import FRESH, shared_interpreter

pytest_plugins = ["pytester"]
# The same examples in every run, and none fails because the machine was busy.
settings.register_profile(
    "sebench", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("sebench")

# Tables are as wide and as plain as they are in a pipe, whatever terminal, or parallel run, the tests are in.
for _name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
    os.environ.pop(_name, None)


# Programs that tests start share the start-up of torch; SEBENCH_TESTS_FRESH=1 starts each afresh. Set before
# any conftest below imports what keeps `sys.executable`.
_shared = ExitStack()
if not os.environ.get("SEBENCH_TESTS_FRESH") and hasattr(os, "pidfd_open"):
    sys.executable = _shared.enter_context(shared_interpreter())


def pytest_configure(config):
    """Programs are interrupted by Ctrl-C, and end with the tests."""
    config.add_cleanup(_shared.close)
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        sys.executable = FRESH  # runs no test, but starts the processes that do
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background; programs would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_directories(tmp_path, monkeypatch):
    """No test reads or writes the user's cache, or stores results in the working directory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _numbers_as_usual():
    """Steps take numbers too small to be normal for zero, and so does their thread afterwards."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


def pytest_collection_finish():
    """Tensors of tests are small: one thread beats the cost of waking several."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """A cache directory of this run of the tests, for those that are not about how networks are counted.

    ``SEBENCH_TESTS_CACHE`` names one for several runs.
    """
    if given := os.environ.get("SEBENCH_TESTS_CACHE"):
        return Path(given)
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # whose folders lie in one of this run
        folder = folder.parent
    return folder / "counts"


@pytest.fixture(autouse=True)
def _own_modules(tmp_path):
    """What a test imports from its own directory (a ``nets.py``, mostly) is forgotten afterwards."""
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
