"""The user's repository: another commit of it checked out beside, for as long as it is needed."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from sebench.errors import DataFileError, SebenchError, UsageError
from sebench.profilers.git import TIMEOUT_S, run_git
from sebench.schema import COMMIT_LENGTH, ModelSpec
from sebench.store import temporary_folder

Trees = Mapping[str, Path]
"""Working directory by commit."""

GIT_TIMEOUT_S = TIMEOUT_S
PREFIX = "sebench-base-"
"""Of the folder that a tree lies in, and of the tree."""
_OWNER = "owner.lock"
# The whole commit, whatever part of it the user works on, and no new format for the repository.
_PLAIN_ADD = {"core.sparseCheckout": "false", "worktree.useRelativePaths": "false"}


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

    Trees that killed runs have left are removed first.

    Args:
        ref: branch, tag or commit.
        start: a folder of the repository; None is the current one.

    Raises:
        UsageError: no git, no repository, or no such ref.
        DataFileError: git could not write the worktree.
    """
    here = Path.cwd() if start is None else start.resolve()
    root = repository_root(here)
    commit = _commit(root, ref)
    remove_leftovers(root)
    with tempfile.TemporaryDirectory(
        prefix=PREFIX, dir=temporary_folder(), ignore_cleanup_errors=True
    ) as parent:
        # git names its entry after the folder, so the name has to tell whose it is.
        tree = Path(parent) / Path(parent).name
        # However this process ends, the system releases its locks.
        with FileLock(Path(parent) / _OWNER):
            try:
                added = _git(
                    root, "worktree", "add", "--detach", "--quiet", str(tree), commit, settings=_PLAIN_ADD
                )
                if added.returncode:
                    raise DataFileError(f"git cannot check out {ref}: {_complaint(added.stderr)}")
                directory = tree / here.relative_to(root)
                # A folder that is new since: without it, nothing could say that the network is new as well.
                directory.mkdir(parents=True, exist_ok=True)
                yield Checkout(ref=ref, commit=commit, directory=directory)
            finally:
                with suppress(SebenchError):
                    _remove(root, tree)


def remove_leftovers(root: Path) -> None:
    """Remove the worktrees of runs that were killed: nobody holds their lock any more.

    Where the folder is gone already, ``git worktree prune`` removes the entry as any other; only one that git
    locked while it was made, and could not unlock, has to go here.

    Args:
        root: top folder of a repository.
    """
    for entry, tree in _entries(root):
        folder = tree.parent
        if folder.is_dir():
            orphaned = _is_free(folder / _OWNER)
        else:
            orphaned = (entry / "locked").exists() and _age_s(entry) > GIT_TIMEOUT_S
        if orphaned:
            with suppress(SebenchError):
                _remove(root, tree)
            shutil.rmtree(folder, ignore_errors=True)


def repository_root(start: Path) -> Path:
    """The top folder of the repository that `start` lies in.

    Raises:
        UsageError: no git, or no repository.
    """
    found = _git(start, "rev-parse", "--show-toplevel")
    hint = "run it where your network is under version control"
    if found.returncode:
        raise UsageError(f"{start} has no working tree of git: {_complaint(found.stderr)}", hint=hint)
    root = Path(found.stdout.removesuffix("\n")).resolve()
    if not start.resolve().is_relative_to(root):  # core.worktree
        raise UsageError(f"{start} is not in the working tree of its git repository, {root}", hint=hint)
    return root


def _remove(root: Path, tree: Path) -> None:
    """Also one that git was making when it was ended; `--force` twice removes locked ones."""
    _git(root, "worktree", "remove", "--force", "--force", str(tree))
    for entry, known in _entries(root):
        if known == tree:  # too incomplete for git to see it as a worktree
            shutil.rmtree(entry, ignore_errors=True)
            with suppress(OSError):  # as git does: gone with the last of them
                entry.parent.rmdir()


def _entries(root: Path) -> list[tuple[Path, Path]]:
    """What git keeps about each worktree of ours: its entry, and the tree it stands for."""
    found = _git(root, "rev-parse", "--git-common-dir")
    if found.returncode:
        return []
    folder = (root / found.stdout.removesuffix("\n")) / "worktrees"
    known: list[tuple[Path, Path]] = []
    for entry in sorted(folder.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            pointer = (entry / "gitdir").read_text(encoding="utf-8").strip()
            known.append((entry, (entry / pointer).parent))
    return known


def _is_free(lock: Path) -> bool:
    try:
        with FileLock(lock, timeout=0):
            return True
    except (OSError, Timeout):
        return False


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _commit(root: Path, ref: str) -> str:
    # Without --end-of-options a ref like "--output=x" would be an option.
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode:
        raise UsageError(f"--base-ref {shlex.quote(ref)} is not a commit of {root}", hint=_how_to_get(ref))
    return found.stdout.strip()


def _how_to_get(ref: str) -> str:
    """Continuous integration checks out one commit and nothing else."""
    branch = ref.removeprefix("origin/")
    if branch.startswith("-") or not branch.strip():
        return "name a branch, a tag or a commit"
    return f"`git fetch origin {shlex.quote(branch)}`, or check out the whole history (fetch-depth: 0)"


def _git(
    directory: Path, *arguments: str, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    if shutil.which("git") is None:
        raise UsageError("git is not installed", hint="install it, or compare two factories")
    try:
        return run_git(directory, *arguments, settings=settings, timeout_s=GIT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise DataFileError(f"git {arguments[0]} took more than {GIT_TIMEOUT_S:g} s in {directory}") from None


def _complaint(text: str) -> str:
    """What git died of; hints and progress come before and after."""
    lines = text.strip().splitlines()
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (fatal or lines or ["it did not say why"])[-1]


def tree_of(spec: ModelSpec, trees: Trees) -> Path:
    """Where a network is imported from.

    Args:
        spec: the network.
        trees: must have the commit that `spec` names.
    """
    return Path.cwd() if spec.commit is None else trees[spec.commit]
