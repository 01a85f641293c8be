"""Where data may come from, and whether it is there; imports neither torch nor the data."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from sebench.errors import UsageError, near_matches
from sebench.installation import extra_hint

TRAIN_FOLDER, TEST_FOLDER = "train", "val"
PACKAGED: Mapping[str, str] = {"digits": "sklearn"}
"""The module that ships a data set, by the name of the data set and of the extra that installs it."""


def is_packaged(name: str) -> bool:
    """Whether it is the name of a data set that a package ships, rather than a path."""
    return name in PACKAGED


def require_data(name: str) -> None:
    """Refuse data that is not there; nothing is read.

    Args:
        name: of a packaged data set, or path of a folder.

    Raises:
        UsageError: no such data set or folder, a folder without ``train`` and ``val``, or a package that is
            not installed.
    """
    if name in PACKAGED:
        if find_spec(PACKAGED[name]) is None:
            raise UsageError(
                f"--data {name} comes with a package that is not installed", hint=extra_hint(name)
            )
        return
    root = Path(name)
    if not root.is_dir():
        near = near_matches(root.name, PACKAGED)
        hint = near or f"name a folder with train and val in it, or {', '.join(PACKAGED)}"
        raise UsageError(f"--data {name}: there is no such folder", hint=hint)
    for part in (TRAIN_FOLDER, TEST_FOLDER):
        if not (root / part).is_dir():
            raise UsageError(
                f"--data {name} has no folder {part}",
                hint=f"images lie in {root / TRAIN_FOLDER}/CLASS and {root / TEST_FOLDER}/CLASS",
            )
