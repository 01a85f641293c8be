"""A git that fails at one command."""

import shutil

import pytest


@pytest.fixture
def failing_git(tmp_path, monkeypatch):
    """Call it with a command of git and what that says as it fails; all other commands work."""

    def fail(command, message="fatal: no"):
        program = tmp_path / "failing git" / "git"
        program.parent.mkdir()
        program.write_text(
            f'#!/bin/sh\ncase " $* " in *" {command} "*) echo "{message}" >&2; exit 128;; esac\n'
            f'exec "{shutil.which("git")}" "$@"\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")

    return fail
