"""Folders whose modules are importable for a while, modules of the same name kept apart."""

from __future__ import annotations

import ast
import contextlib
import importlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

_Modules = dict[str, ModuleType]
# They may be installed from a tree of their own, and do not survive being imported twice.
_NEVER_SET_ASIDE = frozenset({"sebench", "torch", "torchvision", "numpy"})
# Folders of tests are called like a package of Python's that nobody imports; others act when imported.
_NOT_MEANT = frozenset({"test", "this", "antigravity", "idlelib", "turtledemo"})
_PACKAGE = Path(__file__).resolve().parents[1]
_set_aside: dict[Path, _Modules] = {}
"""By folder: modules imported from it that had to give way to those of another one."""


@contextmanager
def importable(folders: Sequence[Path]) -> Iterator[None]:
    """Let imports find the modules of `folders`, earlier ones first.

    ``old/nets.py`` and ``new/nets.py`` may both say ``from layers import Block``: while the first folder is
    importable, modules of the same name that came from elsewhere are out of the way. Installed modules never
    are: nobody means to replace torch by a file of that name. Nor do files stand in for modules of Python's
    own library that happen to be called like them.

    Args:
        folders: absolute, one at least; names are kept apart for the first. A folder that is itself a
            package comes after everything else, as its ``types.py`` must not stand in for Python's.
    """
    first = [str(folder) for folder in folders if not _is_package(folder)]
    last = [str(folder) for folder in folders if _is_package(folder) and str(folder) not in sys.path]
    for folder in folders:
        _load_namesakes(folder)
    with _unmixed(folders[0]):
        sys.path[:] = [*first, *sys.path, *last]
        try:
            yield
        finally:
            for entry in (*first, *last):
                with contextlib.suppress(ValueError):  # the user's code rearranged the path
                    sys.path.remove(entry)


def search_last(folder: Path) -> None:
    """Let imports find the modules of `folder` from now on, after everything else."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def origin(module: object) -> Path | None:
    """The file that a module was read from; one that loads itself when it is asked is not asked."""
    try:
        file = object.__getattribute__(module, "__dict__").get("__file__")
    except AttributeError:  # anything may stand among the modules
        return None
    return _resolved(file) if isinstance(file, str) else None


@cache
def _resolved(file: str) -> Path:
    # Of each of a process's thousands of modules this is asked several times.
    return Path(file).resolve()


def is_installed(file: str | Path | None) -> bool:
    """Whether a module's file belongs to Python or to an installed distribution, not to the user's tree."""
    if file is None or str(file) in ("built-in", "frozen"):
        return True
    path = _resolved(str(file))
    return any(path.is_relative_to(folder) for folder in _INSTALLED)


_INSTALLED = tuple(
    Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib")
)


def own_files() -> tuple[Path, ...]:
    """Files that this process has read modules from and that belong to no installed distribution."""
    modules = [*sys.modules.values(), *(each for given in _set_aside.values() for each in given.values())]
    files = dict.fromkeys(file for module in modules if (file := origin(module)))
    return tuple(
        file for file in files if not (is_installed(file) or file.is_relative_to(_PACKAGE)) and file.is_file()
    )


def with_imports(file: Path, folders: Sequence[Path]) -> tuple[Path, ...]:
    """A file and all that it imports from `folders`, and what that imports; nothing is run.

    Args:
        file: of Python; nothing where it is not there.
        folders: where its imports are looked for; relative ones beside the file.
    """
    found: dict[Path, None] = {}
    left = [file.resolve()]
    while left:
        each = left.pop()
        if each in found or not each.is_file():
            continue
        found[each] = None
        left.extend(
            candidate.resolve()
            for stem in _imported(each, folders)
            for candidate in (stem.with_suffix(".py"), stem / "__init__.py")
        )
    return tuple(found)


def _imported(file: Path, folders: Sequence[Path]) -> Iterator[Path]:
    """Where each import of a file may lie, without the suffix."""
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except (OSError, SyntaxError, ValueError):
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (folder.joinpath(*alias.name.split(".")) for alias in node.names for folder in folders)
        elif isinstance(node, ast.ImportFrom):
            places = [file.parents[node.level - 1]] if node.level else folders
            module = node.module.split(".") if node.module else []
            for inside in (folder.joinpath(*module) for folder in places):
                yield inside
                yield from (inside / alias.name for alias in node.names if alias.name != "*")


@contextmanager
def _unmixed(folder: Path) -> Iterator[None]:
    provided = _provided(folder)
    others = _take(name for name in list(sys.modules) if _is_other(name, folder, provided))
    sys.modules.update(_set_aside.pop(folder, {}))
    try:
        yield
    finally:
        if others:
            tops = {name.partition(".")[0] for name in others}
            own = [name for name in list(sys.modules) if name.partition(".")[0] in tops]
            _set_aside[folder] = _take(own)
            sys.modules.update(others)


def _load_namesakes(folder: Path) -> None:
    """Load the modules of Python's own library that have a namesake in `folder`, which then is not taken."""
    for name in sorted(_provided(folder) & (sys.stdlib_module_names - _NOT_MEANT)):
        with contextlib.suppress(Exception):  # not part of every installation
            importlib.import_module(name)


def _provided(folder: Path) -> frozenset[str]:
    """Names of the modules and packages that lie in a folder."""
    entries = folder.iterdir() if folder.is_dir() else ()
    return frozenset(entry.name.partition(".")[0] for entry in entries) - {"__main__", "__init__"}


def _is_other(name: str, folder: Path, provided: frozenset[str]) -> bool:
    top = name.partition(".")[0]
    if top not in provided or top in _NEVER_SET_ASIDE or top not in sys.modules:
        return False
    home = _home(sys.modules[top])
    return home is not None and home != folder and not is_installed(home)


def _home(module: ModuleType) -> Path | None:
    """The folder that a top-level module or package lies in."""
    portions = list(getattr(module, "__path__", ()))
    if portions:
        return Path(portions[0]).resolve().parent
    file = origin(module)
    return file.parent if file else None


def _is_package(folder: Path) -> bool:
    return (folder / "__init__.py").is_file()


def _take(names: Iterable[str]) -> _Modules:
    return {name: module for name in names if (module := sys.modules.pop(name, None)) is not None}
