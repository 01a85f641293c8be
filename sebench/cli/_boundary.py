"""Where errors become one line on stderr and an exit code, and where output leaves the process."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import typer

from sebench.cli import _signals as signals
from sebench.errors import EXIT_ERROR, DataFileError, Interrupted, SebenchError
from sebench.installation import find_namesake
from sebench.schema import Finding
from sebench.store import check_writable, write_atomic

if TYPE_CHECKING:
    from sebench.cli._options import Format
    from sebench.reporting import Document

P = ParamSpec("P")
_DEFAULT_WIDTH = 100
FORMAT_OF_SUFFIX: dict[str, Format] = {
    ".md": "markdown",
    ".html": "html",
    ".htm": "html",
    ".tex": "latex",
    ".csv": "csv",
    ".json": "json",
}


def guarded(command: Callable[P, int | None]) -> Callable[P, None]:
    """Wrap a command: its return value is the exit code, its errors are one line each.

    With ``debug=True`` among its arguments exceptions pass through with their traceback.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        if not kwargs.get("quiet"):
            _warn_of_namesake()
        if kwargs.get("debug"):
            raise typer.Exit(command(*args, **kwargs) or 0)
        raise typer.Exit(_status(functools.partial(command, *args, **kwargs)))

    return run


def _status(command: Callable[[], int | None]) -> int:
    try:
        _require_folder()
        return command() or 0
    except (KeyboardInterrupt, Interrupted) as error:
        return _interrupted(error)
    except SebenchError as error:
        complain(str(error))
        return error.exit_code
    except BrokenPipeError:  # the reader of a pipe (head, less) has seen enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except typer.Exit:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: a user never sees a traceback unasked
        if signals.was_interrupted():  # and something on the way made an error of its own of it
            return _interrupted(error)
        complain(f"internal error: {type(error).__name__}: {error}; run again with --debug and report it")
        return EXIT_ERROR


def _warn_of_namesake() -> None:
    """Another project's program may have been installed in the place of this one."""
    namesake = find_namesake()
    if namesake is not None:
        say(f"warning: {namesake}; {namesake.way_out}")


def _interrupted(error: BaseException) -> int:
    hint = error.hint if isinstance(error, Interrupted) else None
    with contextlib.suppress(OSError):  # the terminal that hung up
        complain(f"{signals.cause()}; {hint}" if hint else signals.cause())
    return signals.exit_status()


def _require_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise DataFileError(
            "the current folder does not exist any more", hint="change to one that does"
        ) from None


def complain(message: str) -> None:
    """One error line on stderr."""
    typer.echo(f"sebench: error: {_one_line(message)}", err=True)


def say(message: str) -> None:
    """One line of news on stderr; stdout is for what was asked for."""
    typer.echo(_one_line(message), err=True)


def present(
    output_format: str, output: str, *, json: Callable[[], str], document: Callable[[], Document]
) -> None:
    """Write what a command has to say, in the format and to the place that were asked for.

    Args:
        output_format: ``json`` or a format of documents.
        output: a path, or ``-``.
        json: makes the JSON text.
        document: makes the document for every other format.
    """
    from sebench import reporting

    suggested = FORMAT_OF_SUFFIX.get(Path(output).suffix.lower(), "table")
    if output_format == "table" and suggested != "table":
        say(f"warning: {output} holds the terminal's table; --format {suggested} writes {suggested}")
    if output_format == "json":
        emit(json(), output)
        return
    width, color = display_width(output), use_color(output)
    emit(reporting.render(document(), output_format, width=width, color=color), output)


def show_findings(findings: Iterable[Finding], *, quiet: bool) -> None:
    """Warnings and errors on stderr, each once; quiet keeps the errors only.

    What is merely good to know stands in the documents and in ``sebench env``.
    """
    shown = ("error",) if quiet else ("warning", "error")
    for finding in dict.fromkeys(findings):
        if finding.severity not in shown:
            continue
        hint = f" ({finding.hint})" if finding.hint else ""
        say(f"{finding.severity}: {finding.message}{hint}")


def check_output(output: str) -> None:
    """Refuse an output path now rather than after the measurement.

    Raises:
        DataFileError: a directory, or not writable.
    """
    if output != "-":
        check_writable(Path(output))


def check_plot(plot: Path | None) -> None:
    """Refuse a picture now rather than after the measurement.

    Raises:
        DataFileError: it cannot be written.
        UsageError: it cannot be drawn.
    """
    if plot is not None:
        from sebench import reporting

        check_writable(plot)
        reporting.check_picture(plot.suffix.removeprefix("."))


def emit(text: str, output: str) -> None:
    """Write what was asked for to stdout (``-``) or, whole or not at all, to a file.

    Raises:
        DataFileError: it cannot be written.
    """
    text = text if text.endswith("\n") else f"{text}\n"
    if output != "-":
        write_atomic(Path(output), text)
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        with contextlib.suppress(OSError):  # keep the interpreter from failing again on exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise DataFileError(f"cannot write to standard output: {error.strerror}") from error


def display_width(output: str) -> int:
    """Columns to render for: the terminal's, or a fixed width for files and pipes."""
    if output == "-" and sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isdecimal() and int(asked) else _DEFAULT_WIDTH


def use_color(output: str) -> bool:
    """Colour only on a terminal that wants it (no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return output == "-" and sys.stdout.isatty() and not plain


def _one_line(message: str) -> str:
    return " ".join(message.split())
