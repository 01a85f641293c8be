"""What commands hand to the runner."""

import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand

from sebench.cli._measuring import run_context
from sebench.runner.measuring.context import Host
from sebench.runner.progress import unobserved


@pytest.fixture
def called():
    """The context of a command that was called with an object."""
    return lambda obj: typer.Context(TyperCommand("compare"), obj=obj)


def test_a_host_that_the_command_carries_is_measured_on(called, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/bin/sebench", "compare", "-q"])
    host = Host(command=("worker",))
    found = run_context(called(host), unobserved, cache=False, calibrations=Path("noise"))
    assert found.host is host
    assert (found.argv, found.cache, found.trees) == (("sebench", "compare", "-q"), None, {})
    assert found.calibrations.directory == Path("noise")
    assert found.observer is unobserved


@pytest.mark.parametrize("obj", [None, "something else"])
def test_anything_else_is_this_machine(called, obj):
    found = run_context(called(obj), unobserved, cache=True)
    assert found.host == Host()
    assert found.cache.directory.name == "counts"
    assert found.calibrations is None
