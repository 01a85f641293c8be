"""The command line: parses, calls the library, prints. One file per command, one error boundary."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sebench.cli import _process as process

if TYPE_CHECKING:
    import typer

    app: typer.Typer

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the console script."""
    from sebench.cli._process import ensure_standard_streams

    ensure_standard_streams()
    with process.interruptible():
        try:
            _load(*sys.argv[1:2])()
        except SystemExit:
            raise
        except BaseException as error:
            if not (process.was_interrupted() or isinstance(error, KeyboardInterrupt)):
                raise
            # Before there was a command to say so, or on its way out.
            sys.stderr.write(f"sebench: error: {process.cause()}\n")
            sys.exit(process.exit_status())


def _load(command: str | None = None) -> typer.Typer:
    """The application, of which one command is asked for.

    Raises:
        SystemExit: it cannot be imported, since another project's files lie in the place of its own.
    """
    try:
        from sebench.cli._app import application

        return application(command)
    except ImportError as error:
        from sebench.installation import find_namesake

        namesake = find_namesake()
        if namesake is None or not namesake.shares_folder:
            raise
        line = " ".join(f"sebench: error: {namesake}; {namesake.way_out} ({error})".split())
        sys.stderr.write(f"{line}\n")
        sys.exit(1)


def __getattr__(name: str) -> object:
    if name == "app":
        return _load()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
