"""The command line: parses, calls the library, prints. One file per command, one error boundary."""

from __future__ import annotations

from sebench.cli._app import app, main

__all__ = ["app", "main"]
