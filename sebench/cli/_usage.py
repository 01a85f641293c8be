"""Wrong usage that the parser finds: one line, like every other error."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from sebench.cli._boundary import complain
from sebench.cli._streams import refused_output
from sebench.errors import EXIT_INTERRUPTED, EXIT_USAGE, near_matches

# Typer exports this leaf of its usage errors only.
_UsageError: type[Any] = typer.BadParameter.__mro__[1]
_CHOICE = re.compile(r"'(?P<given>[^']*)' is not one of (?P<choices>'.*')")
_FROM_PYDANTIC = "Value error, "


class Commands(TyperGroup):
    """The commands of sebench, with errors of the parser as they are everywhere else."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401 - Typer's
    ) -> Any:  # noqa: ANN401 - likewise
        """Parse and run; see `typer.core.TyperGroup.main`."""
        try:
            status = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except _UsageError as error:
            _explain(error)
            status = EXIT_USAGE
        except typer.Abort:  # Ctrl-C where no command runs yet
            complain("interrupted")
            status = EXIT_INTERRUPTED
        except OSError as error:  # printing a help text
            refused = refused_output(error)
            complain(str(refused))
            status = refused.exit_code
        if standalone_mode:
            sys.exit(status)
        return status


def _explain(error: Any) -> None:  # noqa: ANN401 - a type of Typer's own
    text, context = error.format_message(), error.ctx
    if context and text == context.get_help():  # a command line without a command
        return typer.echo(text, err=True)
    command = context.command_path if context else "sebench"
    return complain(f"{_plain(text)}; {_next_step(text) or f'see `{command} --help`'}")


def _plain(text: str) -> str:
    plain = text.replace(_FROM_PYDANTIC, "").rstrip(".")
    return plain[:1].lower() + plain[1:]


def _next_step(text: str) -> str | None:
    if found := _CHOICE.search(text):
        return near_matches(found["given"], re.findall(r"'([^']*)'", found["choices"]))
    return None
