"""How a worker fails: errors that would come again, and what is left of a process that died."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import IO, TypeVar

from sebench import models
from sebench.errors import CountError, SebenchError, UnknownModelError
from sebench.worker.protocol import Code

T = TypeVar("T")
_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")


class Fatal(Exception):  # noqa: N818 - not an error of this program
    """The request cannot be met; said to the runner as `Failed`."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


def guarded(action: Callable[[], T]) -> T:
    """The result of `action`, which runs a network.

    Raises:
        Fatal: out of memory, or the network does not run.
    """
    try:
        return action()
    except MemoryError as error:
        raise Fatal("memory", "out of memory while building or warming up") from error
    except CountError as error:
        raise Fatal("count", str(error)) from error
    except UnknownModelError as error:
        raise Fatal("unknown", str(error)) from error
    except SebenchError as error:
        raise Fatal("build", str(error)) from error
    except RuntimeError as error:
        text = (str(error).splitlines() or [type(error).__name__])[0]
        if any(sign in text for sign in _OUT_OF_MEMORY):
            raise Fatal("memory", f"out of memory: {text}") from error
        raise Fatal("build", f"the network does not run on this input: {text}{_place(error)}") from error
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise Fatal("build", f"the network does not run on this input: {what}{_place(error)}") from error


def _place(error: Exception) -> str:
    place = models.place_in_own_code(error)
    return f" ({place})" if place else ""


def cause_of_death(code: int, errors: IO[bytes]) -> str:
    """E.g. ``was killed by SIGKILL``, or ``ended with status 1`` and the last line it wrote.

    Args:
        code: the return code, negative for a signal.
        errors: the file that was the process's standard error.
    """
    if code < 0:
        name = signal.Signals(-code).name
        guess = ", often the kernel's out-of-memory killer" if name == "SIGKILL" else ""
        return f"was killed by {name}{guess}"
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    said = f": {lines[-1]}" if lines else ""
    return f"ended with status {code}{said}"
