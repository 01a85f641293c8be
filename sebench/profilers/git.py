"""How git is asked: nothing around the call leads it to another repository, index or history. No hooks."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

TIMEOUT_S = 300.0
_STOP_S = 5.0

# Set inside hooks and aliases, or by a shell: each points git at something else than the files we stand in.
_MISLEADING = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_ATTR_SOURCE",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIFF_OPTS",
        "GIT_DIR",
        "GIT_EXTERNAL_DIFF",
        "GIT_GLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_LITERAL_PATHSPECS",
        "GIT_NAMESPACE",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
_FIXED = {
    # A commit and its parents are what they are, not what `git replace` or a graft puts in their place.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_OPTIONAL_LOCKS": "0",  # looking at a repository does not write to it
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",  # "fatal:" in every language
}
# Hooks and monitors of the repository have no business in a measurement, and no shortcut may hide a change.
_SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.untrackedCache": "false",
    "core.trustctime": "true",
    "core.checkStat": "default",
    "submodule.recurse": "false",
}


def run_git(
    directory: Path | None,
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> subprocess.CompletedProcess[str]:
    """Run git to its end; interrupted, it is asked to undo what it has begun.

    Args:
        directory: where; None is the current directory.
        arguments: of git.
        settings: of this call, besides those that always hold.
        timeout_s: after which it is given up.

    Returns:
        Whatever its status; output that is no text is kept by surrogates.

    Raises:
        FileNotFoundError: git is not installed.
        subprocess.TimeoutExpired: it took too long.
    """
    git = shutil.which("git")
    if git is None:
        raise FileNotFoundError("git is not installed")
    options = [f"{name}={value}" for name, value in (_SETTINGS | dict(settings or {})).items()]
    command = [git, *(word for option in options for word in ("-c", option)), *arguments]
    # A session of its own: a signal for our process group must not end the git that cleans up after it.
    with subprocess.Popen(
        command,
        cwd=directory,
        env=git_environ(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="surrogateescape",
        start_new_session=True,
    ) as process:
        try:
            out, errors = process.communicate(timeout=timeout_s)
        except BaseException:
            _end(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


def git_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without what misleads git."""
    return {name: value for name, value in environ.items() if name not in _MISLEADING} | _FIXED


def _end(process: subprocess.Popen[str]) -> None:
    """Whatever it started, too: a checkout that goes on would write into a folder that is being removed."""
    if not hasattr(os, "killpg"):
        process.kill()
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_STOP_S)
            return
