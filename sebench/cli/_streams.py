"""Standard output and standard error, also where they are closed, full, or read by nobody any more."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TextIO

import typer

from sebench.errors import DataFileError
from sebench.lines import single_line

_LONGEST_LINE = 4000


def ensure_standard_streams() -> None:
    """Fill the places of closed standard streams, lest the next file that is opened take one of them.

    Writing to a standard output that was closed goes on failing; standard error is then heard by nobody.
    """
    for number, name, flags, mode in (
        (0, "stdin", os.O_RDONLY, "r"),
        (1, "stdout", os.O_RDONLY, "w"),
        (2, "stderr", os.O_WRONLY, "w"),
    ):
        if getattr(sys, name) is None:
            _point_at_nothing(number, flags)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - a number, for good


def write_out(text: str) -> None:
    """Write all of a text to standard output. A reader that has seen enough (head, less) is no error.

    Raises:
        DataFileError: it cannot be written to.
    """
    try:
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)
    except (OSError, ValueError) as error:
        raise refused_output(error) from error


def check_out() -> None:
    """Refuse a standard output that takes nothing now rather than after the measurement.

    Raises:
        DataFileError: it is closed, or the device it leads to is full.
    """
    try:
        os.write(sys.stdout.fileno(), b"")
    except (AttributeError, io.UnsupportedOperation, BrokenPipeError):  # no file of the system's; or `head`
        return
    except (OSError, ValueError) as error:
        raise refused_output(error) from error


def refused_output(error: OSError | ValueError) -> DataFileError:
    """What became of an attempt to write to standard output; nothing more will be written there.

    Args:
        error: a `ValueError` where the stream is closed.
    """
    _discard(sys.stdout)
    is_open = isinstance(error, OSError) and error.errno != errno.EBADF
    reason = error.strerror if isinstance(error, OSError) and is_open else "it is closed"
    return DataFileError(f"cannot write to standard output: {reason}", hint="name a file with --output")


def tell(line: str) -> None:
    """One line on standard error, harmless to a terminal. Where nobody can be told, nothing else is lost."""
    shown = single_line(line)
    if len(shown) > _LONGEST_LINE:
        shown = f"{shown[:_LONGEST_LINE]} ..."
    try:
        typer.echo(shown, err=True)
    except (OSError, ValueError):
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Send what is still buffered nowhere: the interpreter would fail on it once more at its end."""
    with contextlib.suppress(OSError, ValueError):
        _point_at_nothing(stream.fileno(), os.O_WRONLY)


def _point_at_nothing(number: int, flags: int) -> None:
    opened = os.open(os.devnull, flags)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    os.set_inheritable(number, True)
