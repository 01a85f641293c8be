"""Where one worker's request comes in and its replies go out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from sebench.errors import SebenchError
from sebench.profilers.device import Device
from sebench.schema import Workload
from sebench.worker.failures import Fatal
from sebench.worker.preparing import Build
from sebench.worker.protocol import Alive, Reply

ALIVE_PERIOD_S = 1.0
T = TypeVar("T")
Select = Callable[[Workload], Device]


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
