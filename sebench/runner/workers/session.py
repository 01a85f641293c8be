"""One worker process as the runner sees it: start, talk, stop; its death is an exception with a cause."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

import msgspec

import sebench
from sebench.errors import WorkerError
from sebench.runner.workers.child import STOP_S, Child, ChildGone
from sebench.worker.protocol import Alive, Asked, Code, Failed, Finish, Go, Reply, Request, Run

# By its file and with -P: nothing in the current folder stands in for a module of Python's or of ours.
WORKER_COMMAND = (sys.executable, "-P", str(Path(sebench.__path__[0], "worker", "__main__.py")))
_LATE = "a worker process was not ready in time"
R = TypeVar("R", bound=Reply)


class WorkerDied(WorkerError):  # noqa: N818 - says what happened
    """The process ended, or fell silent, without a word; worth one retry."""


class WorkerSilent(WorkerDied):
    """It lived, and said nothing for too long."""


class WorkerFailed(WorkerError):  # noqa: N818 - says what happened
    """The worker said why it cannot do what it was asked; it would say so again."""


class NotCountable(WorkerFailed):
    """The network cannot be counted; it may run all the same."""


class OutOfTime(WorkerError):  # noqa: N818 - says what happened
    """The worker was not ready by the end of a hard budget."""


class OutOfMemory(WorkerFailed):
    """The batch does not fit; a smaller one might."""


class Misnamed(WorkerFailed):
    """The worker was asked for something that cannot be meant."""


class NetworkMissing(Misnamed):
    """There is no such network where the worker looked."""


_FAILURES: Mapping[Code, type[WorkerFailed]] = {
    "memory": OutOfMemory,
    "count": NotCountable,
    "unknown": NetworkMissing,
    "usage": Misnamed,
}


class MessageSource(Protocol):
    """Where messages of a worker come from."""

    def receive(self) -> Reply:
        """The next one."""


class Worker(MessageSource, Protocol):
    """The worker of one pair, which measures after `go`."""

    def go(self, message: Go, /) -> None:
        """Let it measure."""

    def allow_silence(self, limit_s: float) -> None:
        """From now on it may say nothing for `limit_s`, and has all the time it needs."""


class OpenWorker(Protocol):
    """Starts the worker of a pair in a with-statement."""

    def __call__(
        self,
        request: Request,
        /,
        *,
        environ: Mapping[str, str],
        timeout_s: float,
        ready_within_s: float | None,
    ) -> AbstractContextManager[Worker]:
        """Start a worker; leaving the context ends it.

        Args:
            request: what it is asked first.
            environ: variables that it has besides ours.
            timeout_s: seconds that it may stay silent.
            ready_within_s: seconds in all until it has built and warmed up; None is for ever.
        """


class Load(Protocol):
    """Has workers load at the same time, before they are opened one by one."""

    def __call__(self, environs: Sequence[Mapping[str, str]], /, *, within_s: float) -> int:
        """See `sebench.runner.workers.loading.LoadedWorkers.load`."""


def load_none(environs: Sequence[Mapping[str, str]], /, *, within_s: float) -> int:
    """Each loads when it is opened."""
    del environs, within_s
    return 0


def expect(worker: MessageSource, kind: type[R]) -> R:
    """The worker's next message, which is to be of this kind.

    Raises:
        WorkerDied: it ended, stayed silent for too long or sent something else.
        OutOfMemory: it said that memory does not suffice.
        NotCountable: it said that the network has no counts.
        Misnamed: it was asked for what cannot be meant; a `NetworkMissing` if there is no such network.
        WorkerFailed: it said why else it cannot go on.
    """
    reply = worker.receive()
    if isinstance(reply, Failed):
        raise _FAILURES.get(reply.code, WorkerFailed)(reply.message)
    if not isinstance(reply, kind):
        raise WorkerDied(f"a worker process sent {type(reply).__name__} instead of {kind.__name__}")
    return reply


class WorkerSession:
    """A worker process in a with-statement: neither it nor what it has started outlives the block.

    Args:
        request: what it is asked first.
        command: starts it.
        environ: variables it has besides ours.
        timeout_s: how long it may say nothing.
        directory: where it runs; None is here.
        ready_within_s: how long it may take in all until `allow_silence`; None is for ever.
        child: the process, if it has been started before.
    """

    def __init__(
        self,
        request: Asked,
        *,
        command: Sequence[str],
        environ: Mapping[str, str],
        timeout_s: float,
        directory: Path | None = None,
        ready_within_s: float | None = None,
        child: Child | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._end_s = math.inf if ready_within_s is None else time.monotonic() + ready_within_s
        self._about = ""
        self._child = child or Child(command, environ={**os.environ, **environ}, directory=directory)
        try:
            self.go(request)
        except WorkerDied:
            self.kill()
            raise

    def receive(self) -> Reply:
        """The worker's next message; signs of life are waited through.

        Raises:
            WorkerDied: it ended, also in the middle of a message, or stayed silent for too long.
            OutOfTime: it was not ready in time.
        """
        while isinstance(reply := self._receive(), Alive):
            if reply.about is not None:
                self._about = reply.about
        return reply

    def allow_silence(self, limit_s: float) -> None:
        """From now on it may say nothing for `limit_s`, and has all the time it needs."""
        self._timeout_s, self._end_s = limit_s, math.inf

    def _receive(self) -> Reply:
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:  # even where there are messages: signs of life may come faster than they are read
            raise OutOfTime(_LATE)
        try:
            line = self._child.read_line(timeout_s=min(self._timeout_s, left_s))
        except TimeoutError:
            if left_s < self._timeout_s:
                raise OutOfTime(_LATE) from None
            raise WorkerSilent(self._named(f"did not answer for {self._timeout_s:g} s")) from None
        if not line.endswith(b"\n"):  # whatever there is, was cut off by the end of the process
            raise self._died(self._child.cause_of_death())
        try:
            reply: Reply = msgspec.json.decode(line, type=Reply)
        except msgspec.DecodeError as error:
            raise self._died(f"sent an invalid message: {error}") from error
        return reply

    def go(self, message: Asked | Go | Run | Finish) -> None:
        """Tell it something, e.g. to measure.

        Raises:
            WorkerDied: it ended, or does not listen.
        """
        try:
            self._child.write(msgspec.json.encode(message) + b"\n", timeout_s=self._timeout_s)
        except ChildGone:
            raise self._died(self._child.cause_of_death()) from None
        except TimeoutError:
            raise self._died(f"did not read its input for {self._timeout_s:g} s") from None

    def ask_to_stop(self) -> None:
        """Send the process SIGTERM, which one that trains answers with a checkpoint."""
        with suppress(ProcessLookupError):
            os.kill(self._child.pid, signal.SIGTERM)

    def finish(self) -> None:
        """There is nothing more to hear for it; what it still has to say is read as before."""
        self._child.close_input()

    @property
    def pid(self) -> int:
        """Of the worker process."""
        return self._child.pid

    def __enter__(self) -> WorkerSession:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.end(patience_s=STOP_S if kind is None else 0.0)

    def kill(self) -> None:
        """End it at once, with everything that it has started."""
        self._child.end(patience_s=0.0)

    def _died(self, how: str) -> WorkerDied:
        return WorkerDied(self._named(how))

    def _named(self, how: str) -> str:
        """With the network whose code it ran, if it said so."""
        return f"{self._about}{': ' if self._about else ''}a worker process {how}"


def ask(
    request: Asked,
    kind: type[R],
    *,
    command: Sequence[str],
    environ: Mapping[str, str],
    timeout_s: float,
    directory: Path | None = None,
) -> R:
    """What a worker answers to a request that takes one message; see `expect` and `WorkerSession`."""
    with WorkerSession(
        request, command=command, environ=environ, timeout_s=timeout_s, directory=directory
    ) as session:
        return expect(session, kind)
