"""The command line: parses, calls the library, prints. One file per command, one error boundary."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sebench.cli import _signals as signals

if TYPE_CHECKING:
    from sebench.cli._app import app

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the console script."""
    with signals.interruptible():
        try:
            from sebench.cli._app import app

            app()
        except SystemExit:
            raise
        except BaseException as error:
            if not (signals.was_interrupted() or isinstance(error, KeyboardInterrupt)):
                raise
            # Before there was a command to say so, or on its way out.
            sys.stderr.write(f"sebench: error: {signals.cause()}\n")
            sys.exit(signals.exit_status())


def __getattr__(name: str) -> object:
    if name == "app":
        from sebench.cli._app import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
