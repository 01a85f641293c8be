"""Where one worker's request comes in and its replies go out, and how it fails."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import chdir
from typing import IO, TYPE_CHECKING, Protocol, TypeVar

import msgspec

from sebench import models
from sebench.errors import CountError, SebenchError, UnknownModelError, UsageError
from sebench.profilers.device import Device
from sebench.schema import ModelSpec, Workload
from sebench.worker.protocol import Alive, Code, Reply

if TYPE_CHECKING:
    from torch import nn

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


ALIVE_PERIOD_S = 1.0
Build = Callable[[ModelSpec, int, Workload, ModelSpec | None], "nn.Module"]
"""Makes a network, its weights drawn by a seed, for a workload and to be compared with another network."""
Select = Callable[[Workload], Device]
"""Makes the device of a workload, set up as it asks."""


class Lines(Protocol):
    """The readable end of a pipe."""

    def readline(self) -> bytes:
        """One line, or ``b""`` at the end."""


class Sink(Protocol):
    """The writable end of a pipe."""

    def write(self, data: bytes, /) -> object:
        """Write all of `data`."""


class WorkerChannel:
    """The pipes of a worker, and how it makes networks and devices out of what is asked.

    Args:
        requests: JSON lines from the runner.
        replies: JSON lines to it.
        build: makes a network.
        select: makes the device of a workload.
    """

    def __init__(self, requests: Lines, replies: Sink, build: Build, select: Select) -> None:
        self.build = build
        self._requests, self._replies, self._select = requests, replies, select
        self._said_s = time.monotonic()

    def readline(self) -> bytes:
        """The next line, ``b""`` at the end."""
        return self._requests.readline()

    def read(self, kind: type[T]) -> T | None:
        """The next message; None once the other end has closed."""
        line = self.readline()
        return msgspec.json.decode(line, type=kind) if line else None

    def send(self, message: Reply) -> None:
        """One message, in one write."""
        self._replies.write(msgspec.json.encode(message) + b"\n")
        self._said_s = time.monotonic()

    def alive(self) -> None:
        """Something has got done; said once a second at most, so that it costs no time."""
        if time.monotonic() - self._said_s >= ALIVE_PERIOD_S:
            self.send(Alive())

    def about(self, label: str) -> None:
        """From now on the code of this network runs; ``""`` if it is no single one's."""
        self.send(Alive(about=label))

    def device(self, workload: Workload) -> Device:
        """The device of `workload`.

        Raises:
            Fatal: there is none.
        """
        try:
            return self._select(workload)
        except SebenchError as error:
            raise Fatal("device", str(error)) from error
