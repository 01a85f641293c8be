"""How a worker fails: errors that would come again, and what is left of a process that died."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import chdir
from typing import IO, TypeVar

from sebench import models
from sebench.errors import CountError, SebenchError, UnknownModelError, UsageError
from sebench.worker.protocol import Code

T = TypeVar("T")
_LAST_WORDS_BYTES = 2**16
_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")


class Fatal(Exception):  # noqa: N818 - not an error of this program
    """The request cannot be met; said to the runner as `Failed`."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


def guarded(action: Callable[[], T]) -> T:
    """The result of `action`, which runs somebody else's code; the current folder stays what it was.

    Raises:
        Fatal: out of memory, or the network does not build or run.
    """
    try:
        with chdir("."):
            return action()
    except Fatal:
        raise
    except MemoryError as error:
        raise Fatal("memory", "out of memory while building or warming up") from error
    except CountError as error:
        raise Fatal("count", _placed(error)) from error
    except UnknownModelError as error:
        raise Fatal("unknown", str(error)) from error
    except UsageError as error:
        raise Fatal("usage", str(error)) from error
    except SebenchError as error:
        raise Fatal("build", _placed(error)) from error
    except RuntimeError as error:
        text = models.message_of(error) or type(error).__name__
        if any(sign in text for sign in _OUT_OF_MEMORY):
            raise Fatal("memory", f"out of memory: {text}") from error
        raise Fatal("build", f"the network does not run on this input: {text}{_place(error)}") from error
    # Ctrl-C reaches the runner alone, so whatever else is raised here is the network's own doing.
    except BaseException as error:
        raise Fatal("build", f"the network does not run on this input: {models.describe(error)}") from error


def _place(error: BaseException | None) -> str:
    place = models.place_in_own_code(error) if error is not None else None
    return f" ({place})" if place else ""


def _placed(error: SebenchError) -> str:
    """Its text, with the line of the user's code that it comes from, if it does not name that itself."""
    place = _place(error.__cause__)
    if place.strip(" ()") in error.message:
        return str(error)
    return str(type(error)(f"{error.message}{place}", hint=error.hint))


def cause_of_death(code: int, errors: IO[bytes]) -> str:
    """E.g. ``was killed by SIGKILL``, or ``ended with status 1`` and the last line it wrote.

    Args:
        code: the return code, negative for a signal.
        errors: the file that was the process's standard error.
    """
    if code < 0:
        known = {each.value: each.name for each in signal.Signals}
        name = known.get(-code, f"signal {-code}")
        guess = ", often the kernel's out-of-memory killer" if name == "SIGKILL" else ""
        return f"was killed by {name}{guess}"
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - _LAST_WORDS_BYTES))
    lines = errors.read().decode(errors="replace").strip().splitlines()
    if code == 0:  # what it printed is no reason to end
        return "ended with status 0 before it had answered (os._exit or sys.exit in its code?)"
    said = f": {lines[-1]}" if lines else ""
    return f"ended with status {code}{said}"
