"""A command as a process: its standard streams, and what ends it from outside.

Streams may be closed, full, or read by nobody any more. The end comes by Ctrl-C, SIGTERM (a CI system, a
scheduler) or SIGHUP (a terminal).
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from sebench.errors import DataFileError
from sebench.lines import single_line

GRACE_S = 10.0
"""Senders repeat themselves; until this is over, one more signal does not disturb the cleaning up."""
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_received: list[tuple[signal.Signals, float]] = []


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block each of the signals raises `KeyboardInterrupt`, so that all of them clean up alike.

    A signal that is ignored stays ignored: that is what ``nohup`` and background jobs ask for.
    """
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    _received.clear()
    try:
        for number, handler in before.items():
            if handler not in (signal.SIG_IGN, None):
                signal.signal(number, _interrupt)
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def was_interrupted() -> bool:
    """Whether a signal has asked for the end."""
    return bool(_received)


def cause() -> str:
    """How the end is reported: ``interrupted``, or the signal where it was another than Ctrl-C."""
    number = _first()
    return "interrupted" if number == signal.SIGINT else f"ended by {number.name}"


def exit_status() -> int:
    """128 and the number of the signal, as shells have it; 130 after Ctrl-C."""
    return 128 + _first()


def _first() -> signal.Signals:
    # Where nobody listened, it was Python's own KeyboardInterrupt.
    return _received[0][0] if _received else signal.SIGINT


def _interrupt(number: int, _frame: FrameType | None) -> None:
    now_s = time.monotonic()
    if _received and now_s - _received[0][1] < GRACE_S:
        return
    _received.append((signal.Signals(number), now_s))
    raise KeyboardInterrupt


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
        import typer  # slow to import, and signals are listened to before

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
