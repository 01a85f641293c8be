"""Temporary git repositories, whatever the configuration of the machine says."""

from __future__ import annotations

import os
import subprocess

_ENVIRON = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def git(directory, *arguments):
    """Run git; returns what it printed."""
    environ = {name: value for name, value in os.environ.items() if name != "GIT_DIR"}
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
        env={**environ, **_ENVIRON},
    )
    return done.stdout.strip()


def write(directory, files):
    """Write texts by relative path."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def commit(directory, files=None, message="change"):
    """Write files, commit everything; returns the commit."""
    write(directory, files or {})
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(directory, "rev-parse", "HEAD")


def repository(directory, files):
    """A new repository with one commit on ``main``."""
    directory.mkdir(parents=True, exist_ok=True)
    git(directory, "init", "--quiet", "--initial-branch", "main")
    commit(directory, files, "first")
    return directory


def worktrees(directory):
    """How many working trees the repository knows of, its own included."""
    return git(directory, "worktree", "list", "--porcelain").count("worktree ")


def state(directory):
    """What nobody but the user may change."""
    return (
        git(directory, "status", "--porcelain=v1", "--branch", "--ignored"),
        git(directory, "for-each-ref"),
        git(directory, "rev-parse", "HEAD"),
        git(directory, "stash", "list"),
    )
