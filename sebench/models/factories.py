"""Code of the user's that builds networks: files and modules, found, imported and called.

A module is executed once per process, as Python does it. Its neighbours are importable while the network is
built, from where its own code would find them: a file's own folder (that of its outermost package if it lies
in one), the working directory and its ``src``.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from sebench.errors import BuildError, SebenchError, UnknownModelError
from sebench.models.neighbours import importable, is_installed, origin
from sebench.models.offline import offline, untrained
from sebench.models.usercode import describe

if TYPE_CHECKING:
    from torch import nn

Factory = Callable[..., Any]
NO_KEYWORDS: Mapping[str, Any] = MappingProxyType({})
_files: dict[Path, ModuleType] = {}
_running: list[str] = []


def is_importable(package: str, folders: Sequence[Path]) -> bool:
    """Whether there is a top-level package or module, installed or in one of the folders; imports nothing."""
    importlib.invalidate_caches()
    with importable(folders):
        known = package in sys.modules or (package and importlib.util.find_spec(package))
    return bool(known)


def call_factory(
    name: str, factory: Factory, folders: Sequence[Path], keywords: Mapping[str, Any] = NO_KEYWORDS
) -> nn.Module:
    """What `factory` returns, on the current default device; it is asked for no pretrained weights.

    Args:
        name: of the network, for messages.
        factory: a function without required arguments but those in `keywords`.
        folders: where modules that it imports are looked for first.
        keywords: what it is called with.

    Raises:
        BuildError: it failed, or returned no module.
    """
    from torch import nn

    with running_code(name, "built", name, folders):
        module = factory(**{**untrained(factory), **keywords})
    if not isinstance(module, nn.Module):
        raise BuildError(f"{name} returned {type(module).__name__}, not a torch.nn.Module")
    return module


def factory_running() -> str | None:
    """The network whose code this process is executing right now: code at the top of its module may ask."""
    return _running[-1] if _running else None


def working_folders() -> tuple[Path, ...]:
    """Where the user's modules are looked for: the working directory and its ``src``."""
    here = Path.cwd()
    return tuple(folder for folder in (here, here / "src") if folder.is_dir())


def file_folders(path: Path) -> tuple[Path, ...]:
    """Where modules that a file imports are looked for: from where its own code would find them.

    Args:
        path: of the file, absolute.
    """
    return tuple(dict.fromkeys((_place(path)[0], *working_folders(), path.parent)))


@contextmanager
def running_code(name: str, done: str, subject: str, folders: Sequence[Path]) -> Iterator[None]:
    """Run code of the user's: neighbours importable, prints off standard output, no downloads.

    Args:
        name: of the network.
        done: what happens to it, for messages: ``imported`` or ``built``.
        subject: what that happens to: the network, or its file or module.
        folders: where modules that the code imports are looked for first.

    Raises:
        BuildError: the code failed; one line that says where.
    """
    _running.append(name)
    try:
        # The code may change the current folder; files are named relative to the one that was.
        with (
            importable(folders) if folders else nullcontext(),
            redirect_stdout(sys.stderr),
            chdir("."),
            offline(name),
        ):
            yield
    except (SebenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise BuildError(f"{subject} cannot be {done}: {describe(error)}") from error
    finally:
        _running.pop()


def import_module(name: str, source: str) -> ModuleType:
    """Import a module by its dotted name.

    Raises:
        UnknownModelError: there is none; an import that fails inside of it is raised as it is.
    """
    importlib.invalidate_caches()
    try:
        return importlib.import_module(source)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{source}.".startswith(f"{error.name}."):
            raise  # the module is there; something that it imports is not
        raise UnknownModelError(f"unknown model {name!r}: {error}", hint="check the module's name") from error


def import_file(name: str, path: Path) -> ModuleType:
    """The module of a file, executed once per process.

    Raises:
        UnknownModelError: there is no such file.
    """
    require_file(name, path)
    path = path.resolve()
    if path not in _files:
        _files[path] = _loaded(path) or _load(path)
    return _files[path]


def require_file(name: str, path: Path) -> None:
    """Refuse a network whose file is not there.

    Raises:
        UnknownModelError: it is not.
    """
    if not path.is_file():
        raise UnknownModelError(f"unknown model {name!r}: there is no file {path}")


def _loaded(path: Path) -> ModuleType | None:
    """The module of this file if the program has it already, e.g. as a test module."""
    main = sys.modules["__main__"]  # not to be taken: workers have another one
    modules = (module for module in list(sys.modules.values()) if module is not main)
    return next((module for module in modules if origin(module) == path), None)


def _load(path: Path) -> ModuleType:
    importlib.invalidate_caches()
    _, names = _place(path)
    if len(names) > 1:
        return importlib.import_module(".".join(names))
    spec = importlib.util.spec_from_file_location(_free_name(names[0], path), path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not Python source")
    module = importlib.util.module_from_spec(spec)
    # Registered as any import is: dataclasses and torch.compile look modules up by name.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(spec.name, None)
        raise
    return module


def _place(path: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder to import a file from, and its dotted name there: what lies in a package is a part of it."""
    names, folder = [path.stem], path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        names.insert(0, folder.name)
        folder = folder.parent
    if path.stem == "__init__" and len(names) > 1:
        names.pop()
    return folder, tuple(names)


def _free_name(name: str, path: Path) -> str:
    """The file's own name unless that would stand in for another module."""
    taken = not name.isidentifier() or name in sys.modules or name in sys.stdlib_module_names
    if not taken:
        found = importlib.util.find_spec(name)
        taken = found is not None and is_installed(found.origin)
    return f"file_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}" if taken else name
