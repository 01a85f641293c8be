"""What this program is called where packages are installed from, and whether another one has its name.

The package and the command are ``sebench``; on the Python registry that name belongs to another project, so
the distribution has another one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

DISTRIBUTION = "sebench-torch"
"""What pip knows this program as, and every look-up of its version."""

_PACKAGE = "sebench"
_OWN_SUMMARY = "Squeeze-and-Excitation"
_SITE_FOLDERS = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Namesake:
    """Another project's distribution that is called as this package is."""

    version: str
    folder: str
    """Where it is installed."""
    shares_folder: bool
    """Whether this package lies there too, so that each overwrites files of the other."""

    def __str__(self) -> str:
        """One line: what there is, and what it does."""
        effect = (
            "it and this program overwrite each other's files"
            if self.shares_folder
            else "`import sebench` may find that one"
        )
        return f"the distribution 'sebench' {self.version} in {self.folder} is another project; {effect}"

    @property
    def way_out(self) -> str:
        """What to do about it."""
        return f"pip uninstall {_PACKAGE}, then install {DISTRIBUTION} again"


def extra_hint(extra: str) -> str:
    """How an optional part is installed, e.g. ``pip install 'sebench-torch[timm]'``."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def find_namesake(folders: Iterable[str] | None = None, *, package: Path | None = None) -> Namesake | None:
    """Another project's ``sebench`` in this environment; None where there is none.

    It looks at names in folders only, since every command asks: importing `importlib.metadata` would take
    longer than the rest of a start.

    Args:
        folders: where packages are installed; None is everywhere that this interpreter looks.
        package: the folder of this package; None is where it was imported from.
    """
    own = (package or Path(__file__).parent).parent
    if folders is None:
        folders = [folder for folder in sys.path if Path(folder).name in _SITE_FOLDERS]
    for folder in folders:
        for information in _information(folder):
            fields = dict(_fields(information))
            if fields.get("name", "").lower() == _PACKAGE and _OWN_SUMMARY not in fields.get("summary", ""):
                version = fields.get("version", "of unknown version")
                return Namesake(version, folder, shares_folder=_is_same(folder, own))
    return None


def _information(folder: str) -> Iterator[Path]:
    """The main files of metadata whose folder's name fits."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - a tenth of the time of Path.iterdir
    except OSError:
        return
    for name in names:
        if name.lower().startswith(f"{_PACKAGE}-") and name.endswith((".dist-info", ".egg-info")):
            yield Path(folder) / name / ("METADATA" if name.endswith(".dist-info") else "PKG-INFO")


def _fields(information: Path) -> Iterator[tuple[str, str]]:
    """The header lines; none of a file that cannot be read."""
    try:
        lines = information.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        if not line.strip():  # the description follows
            return
        name, colon, value = line.partition(":")
        if colon:
            yield name.lower(), value.strip()


def _is_same(folder: str, other: Path) -> bool:
    try:
        return Path(folder).samefile(other)
    except OSError:
        return False


NAMESAKE = "sebench of another project"
