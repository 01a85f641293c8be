"""The command line: parses, calls the library, prints. One file per command, one error boundary."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sebench.errors import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from sebench.cli._app import app

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the console script."""
    from sebench.cli._streams import ensure_standard_streams

    ensure_standard_streams()
    try:
        from sebench.cli._app import app

        app()
    except KeyboardInterrupt:  # before there was a command to say so
        sys.stderr.write("sebench: error: interrupted\n")
        sys.exit(EXIT_INTERRUPTED)


def __getattr__(name: str) -> object:
    if name == "app":
        from sebench.cli._app import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
