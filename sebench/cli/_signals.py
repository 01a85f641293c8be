"""What ends a command from outside: Ctrl-C, SIGTERM (a CI system, a scheduler) and SIGHUP (a terminal)."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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
