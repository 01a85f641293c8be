"""Where errors become one line on stderr and an exit code, and where output leaves the process."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import typer

from sebench.cli import _process as process
from sebench.cli._process import check_out, tell, write_out
from sebench.errors import EXIT_ERROR, DataFileError, Interrupted, SebenchError
from sebench.installation import find_namesake
from sebench.schema import Finding
from sebench.store import check_writable, write_atomic

if TYPE_CHECKING:
    from sebench.cli._options import Format
    from sebench.reporting.document import Document

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
    except typer.Exit:
        raise
    except MemoryError:
        complain("out of memory; close other programs, or ask for less at a time")
    except OSError as error:  # what the system refuses is no fault of the program
        complain(f"{_refusal(error)}; run again with --debug to see where")
    except Exception as error:  # noqa: BLE001 - the boundary: a user never sees a traceback unasked
        if process.was_interrupted():  # and something on the way made an error of its own of it
            return _interrupted(error)
        complain(f"internal error: {_described(error)}; run again with --debug and report it")
    except BaseException as error:  # noqa: BLE001 - SystemExit above all: code of others ends no command
        complain(f"stopped by {_described(error)} in other code; run again with --debug to see where")
    return EXIT_ERROR


def _warn_of_namesake() -> None:
    """Another project's program may have been installed in the place of this one."""
    namesake = find_namesake()
    if namesake is not None:
        say(f"warning: {namesake}; {namesake.way_out}")


def _interrupted(error: BaseException) -> int:
    hint = error.hint if isinstance(error, Interrupted) else None
    complain(f"{process.cause()}; {hint}" if hint else process.cause())
    return process.exit_status()


def _require_folder() -> None:
    try:
        Path.cwd()
    except OSError:
        raise DataFileError(
            "the current directory no longer exists", hint="change to another directory"
        ) from None


def _refusal(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or _described(error)}"


def _described(error: BaseException) -> str:
    """E.g. ``ValueError: no such key``; the type alone where there is no text, or none can be had."""
    try:
        text = str(error).strip()
    except Exception:  # noqa: BLE001 - an exception of others, which may fail at anything
        text = ""
    return f"{type(error).__name__}{': ' if text else ''}{text}"


def complain(message: str) -> None:
    """One error line on stderr."""
    tell(f"sebench: error: {message}")


def say(message: str) -> None:
    """One line of news on stderr; stdout is for what was asked for."""
    tell(message)


def complain_of_unstored(errors: Sequence[DataFileError]) -> None:
    """One line for all that was measured, has been shown, and could not be kept."""
    if errors:
        times = f" ({len(errors)} times)" if len(errors) > 1 else ""
        complain(f"what was measured is shown, but not stored{times}: {errors[0]}")


def present(
    output_format: str,
    output: str,
    *,
    json: Callable[[], str],
    document: Callable[[], Document],
    measured: bool = False,
) -> None:
    """Write what a command has to say, in the format and to the place that were asked for.

    Args:
        output_format: ``json`` or a format of documents.
        output: a path, or ``-``.
        json: makes the JSON text.
        document: makes the document for every other format.
        measured: it took minutes, so where the file cannot be written it goes to standard output.

    Raises:
        DataFileError: it cannot be written.
    """
    from sebench.reporting.formats import render

    suggested = FORMAT_OF_SUFFIX.get(Path(output).suffix.lower(), "table")
    if output_format == "table" and suggested != "table":
        say(f"warning: {output} has the plain-text table; for {suggested} use --format {suggested}")
    if output_format == "json":
        emit(json(), output, measured=measured)
        return
    width, color = display_width(output), use_color(output)
    emit(render(document(), output_format, width=width, color=color), output, measured=measured)


def show_findings(
    findings: Iterable[Finding], *, quiet: bool, further: Collection[str] = frozenset()
) -> None:
    """Warnings and errors on stderr, each once; quiet keeps the errors only.

    What is merely good to know stands in the documents and in ``sebench env``.

    Args:
        findings: all of them.
        quiet: whether warnings are left out.
        further: codes of those that are merely good to know, and shown all the same.
    """
    shown = ("error",) if quiet else ("warning", "error")
    for finding in dict.fromkeys(findings):
        if finding.severity not in shown and (quiet or finding.code not in further):
            continue
        hint = f" ({finding.hint})" if finding.hint else ""
        say(f"{finding.severity}: {finding.message}{hint}")


def check_output(output: str) -> None:
    """Refuse an output now rather than after the measurement.

    Raises:
        DataFileError: a directory, or not writable.
    """
    if output == "-":
        check_out()
    else:
        check_writable(Path(output))


def emit(text: str, output: str, *, measured: bool = False) -> None:
    """Write what was asked for to stdout (``-``) or, whole or not at all, to a file.

    Args:
        text: all of it.
        output: a path, or ``-``.
        measured: the text took a measurement to get, so it goes to stdout if the file cannot be written.

    Raises:
        DataFileError: it cannot be written.
    """
    text = text if text.endswith("\n") else f"{text}\n"
    if output == "-":
        write_out(text)
        return
    try:
        write_atomic(Path(output), text)
    except DataFileError:
        if measured:
            write_out(text)
        raise


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
