"""The user's own networks: ``file.py:factory`` and ``package.module:factory``."""

from __future__ import annotations

from abc import abstractmethod
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
from sebench.models.sources.as_it_is import AsItIs
from sebench.models.sources.source import InputSize, split_name


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
            hint = near_matches(attribute, dir(module)) or "name a function that returns an nn.Module"
            raise UnknownModelError(
                f"unknown model {name!r}: {place} has no function {attribute!r}", hint=hint
            )
        return factory  # type: ignore[no-any-return]

    @abstractmethod
    def module(self, name: str) -> ModuleType:
        """What stands before the colon, imported."""

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

    def module(self, name: str) -> ModuleType:
        """As any import."""
        return import_module(name, split_name(name)[0])
