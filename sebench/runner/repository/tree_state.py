"""What tells one state of the code in a repository from another, and the tree at hand from a commit."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from sebench.errors import UsageError
from sebench.profilers.git import run_git
from sebench.runner.repository.worktree import PREFIX, repository_root

MAX_FILE_BYTES = 4 * 2**20
MAX_HASHED_BYTES = 256 * 2**20
_MAX_HIDDEN = 1000
_WRITTEN = frozenset({".sebench", "__pycache__"})
_DIFF = (
    *("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--binary"),
    *("--submodule=diff", "--ignore-submodules=none", "HEAD"),
)


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
        said = [_ask(root, *arguments) for arguments in (("rev-parse", "HEAD"), _DIFF)]
        read = {*_untracked(root, here, written), *_hidden(root)}
    except (UsageError, _GitFailed):
        return None
    digest, left_bytes = hashlib.sha256(os.fsencode("".join(said))), MAX_HASHED_BYTES
    for name in sorted(read):
        content = _content(root / name, min(left_bytes, MAX_FILE_BYTES))
        left_bytes -= len(content)
        digest.update(b"\0".join((os.fsencode(name), b"%d" % len(content), content)))
    return digest.hexdigest()


def is_this_tree(commit: str, start: Path | None = None, *, written: Collection[Path] = ()) -> bool:
    """Whether the working tree is what that commit holds, to the last file that git does not ignore.

    Args:
        commit: of the repository.
        start: a folder of the repository; None is the current one.
        written: files and folders that do not count, because measuring itself writes them.
    """
    here = Path.cwd() if start is None else start
    try:
        root = repository_root(here)
        head, base = _ask(root, "rev-parse", "HEAD^{tree}", f"{commit}^{{tree}}").split()
        return head == base and not (
            _ask(root, *_DIFF)
            or any(_untracked(root, here, written))
            or _differ_from_head(root, list(_hidden(root)))
        )
    except (UsageError, _GitFailed):
        return False


class _GitFailed(Exception):  # noqa: N818 - says what happened
    """It is not there, or said no."""


def _ask(root: Path, *arguments: str) -> str:
    try:
        done = run_git(root, *arguments)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _GitFailed from error
    if done.returncode:
        raise _GitFailed
    return done.stdout


def _untracked(root: Path, here: Path, written: Iterable[Path]) -> Iterator[str]:
    own = [(here / path).resolve() for path in written]
    for name in _names(_ask(root, "ls-files", "--others", "--exclude-standard", "-z")):
        path, parts = root / name, Path(name).parts
        ours = not _WRITTEN.isdisjoint(parts) or any(part.startswith(PREFIX) for part in parts)
        if not (ours or any(path.is_relative_to(each) for each in own)):
            yield name


def _hidden(root: Path) -> Iterator[str]:
    """Tracked files that git was told not to look at (assume-unchanged, skip-worktree), and are there."""
    for line in _names(_ask(root, "ls-files", "-v", "-z")):
        tag, name = line[0], line[2:]
        if (tag.islower() or tag == "S") and (root / name).is_file():
            yield name


def _differ_from_head(root: Path, names: list[str]) -> bool:
    if not names:
        return False
    if len(names) > _MAX_HIDDEN:  # more than a command line may hold, so it is not known
        return True
    here = _ask(root, "hash-object", "--", *names)
    return here != _ask(root, "rev-parse", *(f"HEAD:{name}" for name in names))


def _names(text: str) -> Iterable[str]:
    return filter(None, text.split("\0"))


def _content(path: Path, most_bytes: int) -> bytes:
    """What a file holds; its size, where that is too much to read, and nothing for what is no file."""
    with suppress(OSError):  # a link to nowhere, or gone by now
        seen = path.stat()
        if stat.S_ISREG(seen.st_mode):
            return path.read_bytes() if seen.st_size <= most_bytes else b"%d bytes" % seen.st_size
    return b""
