"""The user's own networks: ``file.py:factory`` and ``package.module:factory``."""

from __future__ import annotations

import ast
from abc import abstractmethod
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from sebench.errors import UnknownModelError, near_matches
from sebench.models.factories import (
    Factory,
    file_folders,
    import_file,
    import_module,
    is_importable,
    require_file,
    running_code,
    working_folders,
)
from sebench.models.neighbours import importable
from sebench.models.sources.as_it_is import AsItIs
from sebench.models.sources.source import InputSize, split_name

_INPUTS = "example_inputs"


class _Own(AsItIs):
    """A function of the user's, found in a module that is imported for it."""

    is_users_own = True

    def factory(self, name: str) -> Factory:
        """The function behind the colon."""
        place, attribute = split_name(name)
        with running_code(name, "imported", place, self.folders(name)):
            module = self.module(name)
        factory = getattr(module, attribute, None)
        if not callable(factory):
            others = [
                name for name in dir(module) if name != attribute
            ]  # it may be there, and be no function
            hint = near_matches(attribute, others) or "name a function that returns an nn.Module"
            raise UnknownModelError(
                f"unknown model {name!r}: {place} has no function {attribute!r}", hint=hint
            )
        return factory  # type: ignore[no-any-return]

    @abstractmethod
    def module(self, name: str) -> ModuleType:
        """What stands before the colon, imported."""

    def example_inputs(self, name: str) -> str | None:
        """A function ``example_inputs`` at the top of the file that the factory is named in."""
        place, _ = split_name(name)
        path = self.module_file(name)
        return f"{place}:{_INPUTS}" if path is not None and _binds(path, _INPUTS) else None

    @abstractmethod
    def module_file(self, name: str) -> Path | None:
        """The file of what stands before the colon, as far as that is known without importing anything."""

    def code_folders(self, name: str) -> tuple[Path, ...]:
        """See `folders`."""
        return self.folders(name)

    def published_input(self, name: str) -> InputSize | None:
        """Never known."""
        return None


class File(_Own):
    """``file.py:factory``, relative to the working directory."""

    key = "file"
    syntax = "file.py:factory"
    networks = "a function in a Python file"
    named_by_path = True

    def owns(self, name: str) -> bool:
        """Whether a Python file stands before the colon."""
        return split_name(name)[0].endswith(".py")

    def require(self, name: str) -> None:
        """Refuse a file that is not there."""
        require_file(name, self.code_file(name))

    def code_file(self, name: str) -> Path:
        """As it was given."""
        return Path(split_name(name)[0])

    def folders(self, name: str) -> tuple[Path, ...]:
        """The file's own folder, or that of its outermost package, comes first."""
        return file_folders(self.code_file(name).resolve())

    def module_file(self, name: str) -> Path:
        """The file itself."""
        return self.code_file(name)

    def module(self, name: str) -> ModuleType:
        """The file, executed once per process."""
        return import_file(name, self.code_file(name))


class Module(_Own):
    """``package.module:factory``, as Python finds it; any name with a colon that no other source takes."""

    key = "module"
    syntax = "package.module:factory"
    networks = "a function in an importable module"

    def owns(self, name: str) -> bool:
        """Whether there is a colon in it; asked after all others."""
        return ":" in name

    def require(self, name: str) -> None:
        """Refuse a top-level package that is not there."""
        package = split_name(name)[0].partition(".")[0]
        if not is_importable(package, self.folders(name)):
            prefixes = [source.prefix for source in self.catalogue() if source.prefix]
            hint = near_matches(package, prefixes) or "check the module's name"
            raise UnknownModelError(f"unknown model {name!r}: No module named {package!r}", hint=hint)

    def code_file(self, name: str) -> Path:
        """Where it lies if it is imported from the working directory."""
        *packages, module = split_name(name)[0].split(".")
        return Path(*packages, f"{module}.py")

    def folders(self, name: str) -> tuple[Path, ...]:
        """The working directory and its ``src``."""
        return working_folders()

    def module_file(self, name: str) -> Path | None:
        """Where its outermost package is found, and in that by its dotted name."""
        package, *rest = split_name(name)[0].split(".")
        with importable(self.folders(name)):
            found = find_spec(package)
        if found is None or not rest:
            return None if found is None or found.origin is None else Path(found.origin)
        inside = [Path(folder).joinpath(*rest) for folder in found.submodule_search_locations or ()]
        files = [file for path in inside for file in (path.with_suffix(".py"), path / "__init__.py")]
        return next((file for file in files if file.is_file()), None)

    def module(self, name: str) -> ModuleType:
        """As any import."""
        return import_module(name, split_name(name)[0])


def _binds(path: Path, name: str) -> bool:
    """Whether a file binds a name at its top; it is read, not run."""
    try:
        statements = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return False
    return any(name in _bound(statement) for statement in statements)


def _bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in statement.names]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return []
