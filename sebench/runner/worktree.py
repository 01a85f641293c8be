"""The user's repository: another commit of it checked out beside, and what tells one state from another."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sebench.errors import DataFileError, UsageError
from sebench.schema import COMMIT_LENGTH
from sebench.store import temporary_folder

GIT_TIMEOUT_S = 300.0
MAX_FILE_BYTES = 4 * 2**20
MAX_HASHED_BYTES = 256 * 2**20

# Set inside hooks; they would point git at another repository than the one we stand in.
_GIT_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
# Hooks and monitors of the repository have no business in a measurement.
_QUIET = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A commit whose files are there to be imported."""

    ref: str
    """As it was asked for."""
    commit: str
    directory: Path
    """What stands for the current directory: the same folder of the repository."""

    @property
    def label(self) -> str:
        """E.g. ``main (1a2b3c4d5e6f)``."""
        return f"{self.ref} ({self.commit[:COMMIT_LENGTH]})"


@contextmanager
def checked_out(ref: str, *, start: Path | None = None) -> Iterator[Checkout]:
    """A temporary worktree of the repository at `ref`; the user's own tree and branches are not touched.

    Args:
        ref: branch, tag or commit.
        start: a folder of the repository; None is the current one.

    Raises:
        UsageError: no git, no repository, no such ref, or a ref without the current folder.
        DataFileError: git could not write the worktree.
    """
    here = Path.cwd() if start is None else start.resolve()
    root = repository_root(here)
    commit = _commit(root, ref)
    with tempfile.TemporaryDirectory(prefix="sebench-base-", dir=temporary_folder()) as parent:
        tree = Path(parent) / "tree"
        try:
            added = _git(root, "worktree", "add", "--detach", "--quiet", str(tree), commit)
            if added.returncode:
                raise DataFileError(f"git cannot check out {ref}: {_complaint(added.stderr)}")
            directory = tree / here.relative_to(root)
            if not directory.is_dir():
                raise UsageError(f"--base-ref {ref}: it has no folder {here.relative_to(root)}")
            yield Checkout(ref=ref, commit=commit, directory=directory)
        finally:
            _git(root, "worktree", "remove", "--force", str(tree))


def repository_root(start: Path) -> Path:
    """The top folder of the repository that `start` lies in.

    Raises:
        UsageError: no git, or no repository.
    """
    found = _git(start, "rev-parse", "--show-toplevel")
    if found.returncode:
        raise UsageError(
            f"{start} has no working tree of git: {_complaint(found.stderr)}",
            hint="run it where your network is under version control",
        )
    return Path(found.stdout.removesuffix("\n")).resolve()


def tree_digest(start: Path | None = None, *, written: Collection[Path] = ()) -> str | None:
    """SHA-256 (hex) of the code in the repository: commit, changes to tracked files, files not yet tracked.

    Ignored files are left out. Of untracked ones beyond `MAX_FILE_BYTES`, or beyond `MAX_HASHED_BYTES` in
    all, name and size stand for the content.

    Args:
        start: a folder of the repository; None is the current one.
        written: files and folders that do not count, because measuring itself writes them; neither do
            ``.sebench`` and ``__pycache__``.

    Returns:
        None outside a repository, or where git fails: one state of the code cannot be told from another.
    """
    here = Path.cwd() if start is None else start
    try:
        root = repository_root(here)
    except UsageError:
        return None
    said = [_git(root, *arguments) for arguments in _STATE]
    if any(done.returncode for done in said):
        return None
    head, changes, untracked = (done.stdout for done in said)
    digest = hashlib.sha256(os.fsencode(head + changes))
    own, left_bytes = [(here / path).resolve() for path in written], MAX_HASHED_BYTES
    for name in sorted(filter(None, untracked.split("\0"))):
        path = root / name
        if _WRITTEN.isdisjoint(Path(name).parts) and not any(path.is_relative_to(each) for each in own):
            content = _content(path, min(left_bytes, MAX_FILE_BYTES))
            left_bytes -= len(content)
            digest.update(b"\0".join((os.fsencode(name), b"%d" % len(content), content)))
    return digest.hexdigest()


_STATE = (
    ("rev-parse", "HEAD"),
    ("diff", "--no-ext-diff", "--no-textconv", "--binary", "--submodule=diff", "HEAD"),
    ("ls-files", "--others", "--exclude-standard", "-z"),
)
_WRITTEN = frozenset({".sebench", "__pycache__"})


def _content(path: Path, most_bytes: int) -> bytes:
    """What a file holds; its size, where that is too much to read, and nothing for what is no file."""
    with suppress(OSError):  # a link to nowhere, or gone by now
        seen = path.stat()
        if stat.S_ISREG(seen.st_mode):
            return path.read_bytes() if seen.st_size <= most_bytes else b"%d bytes" % seen.st_size
    return b""


def _commit(root: Path, ref: str) -> str:
    # Without --end-of-options a ref like "--output=x" would be an option.
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode:
        raise UsageError(f"--base-ref {shlex.quote(ref)} is no commit of {root}", hint=_how_to_get(ref))
    return found.stdout.strip()


def _how_to_get(ref: str) -> str:
    """Continuous integration checks out one commit and nothing else."""
    branch = ref.removeprefix("origin/")
    if branch.startswith("-") or not branch.strip():
        return "name a branch, a tag or a commit"
    return f"`git fetch origin {shlex.quote(branch)}`, or check out the whole history (fetch-depth: 0)"


def _git(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    git = shutil.which("git")
    if git is None:
        raise UsageError("git is not installed", hint="install it, or compare two factories")
    environ = {name: value for name, value in os.environ.items() if name not in _GIT_VARIABLES}
    try:
        return subprocess.run(
            [git, *_QUIET, *arguments],
            cwd=directory,
            env=environ,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=GIT_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise DataFileError(f"git {arguments[0]} took more than {GIT_TIMEOUT_S:g} s in {directory}") from None


def _complaint(text: str) -> str:
    """What git died of; hints and progress come before and after."""
    lines = text.strip().splitlines()
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (fatal or lines or ["it did not say why"])[-1]
