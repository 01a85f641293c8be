"""One worker process as the runner sees it: start, talk, stop; its death is an exception with a cause."""

from __future__ import annotations

import contextlib
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, TypeVar

import msgspec

from sebench.errors import WorkerError
from sebench.schema import TimingPolicy, Workload
from sebench.store import temporary_file
from sebench.worker.failures import cause_of_death
from sebench.worker.protocol import Alive, Asked, Code, Failed, Go, Reply, Request, Run

WORKER_COMMAND = (sys.executable, "-m", "sebench.worker")
_STOP_S = 5.0
# Compiling a network says nothing for minutes.
COMPILE_PATIENCE = 5
# A block may take this many times as long as those before it.
BLOCK_PATIENCE = 10
_LATE = "a worker process was not ready in time"
R = TypeVar("R", bound=Reply)


class WorkerDied(WorkerError):  # noqa: N818 - says what happened
    """The process ended, or fell silent, without a word; worth one retry."""


class WorkerFailed(WorkerError):  # noqa: N818 - says what happened
    """The worker said why it cannot do what it was asked; it would say so again."""


class NotCountable(WorkerFailed):
    """The network cannot be counted; it may run all the same."""


class OutOfTime(WorkerError):  # noqa: N818 - says what happened
    """The worker was not ready by the end of a hard budget."""


class OutOfMemory(WorkerFailed):
    """The batch does not fit; a smaller one might."""


class NetworkMissing(WorkerFailed):
    """There is no such network where the worker looked."""


_FAILURES: Mapping[Code, type[WorkerFailed]] = {
    "memory": OutOfMemory,
    "count": NotCountable,
    "unknown": NetworkMissing,
}


def silence_limit_s(policy: TimingPolicy, workload: Workload, *, block_s: float = 0.0) -> float:
    """How long a worker may say nothing.

    Args:
        policy: its `timeout_s` is the least.
        workload: whether it is compiled.
        block_s: what a block is expected to take, once that is known.
    """
    base_s = policy.timeout_s * (1 if workload.execution == "eager" else COMPILE_PATIENCE)
    return max(base_s, BLOCK_PATIENCE * block_s)


class Speaker(Protocol):
    """Whoever sends messages of a worker."""

    def receive(self) -> Reply:
        """The next one."""


class Worker(Speaker, Protocol):
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
        """Args: see `WorkerSession`."""


def expect(worker: Speaker, kind: type[R]) -> R:
    """The worker's next message, which is to be of this kind.

    Raises:
        WorkerDied: it ended, stayed silent for too long or sent something else.
        OutOfMemory: it said that memory does not suffice.
        NotCountable: it said that the network has no counts.
        NetworkMissing: it said that there is no such network.
        WorkerFailed: it said why else it cannot go on.
    """
    reply = worker.receive()
    if isinstance(reply, Failed):
        raise _FAILURES.get(reply.code, WorkerFailed)(reply.message)
    if not isinstance(reply, kind):
        raise WorkerDied(f"a worker process sent {type(reply).__name__} instead of {kind.__name__}")
    return reply


class WorkerSession:
    """A worker process in a with-statement: it never outlives the block.

    Args:
        request: what it is asked first.
        command: starts it.
        environ: variables it has besides ours.
        timeout_s: how long it may say nothing.
        directory: where it runs; None is here.
        ready_within_s: how long it may take in all until `allow_silence`; None is for ever.
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
    ) -> None:
        self._timeout_s = timeout_s
        self._end_s = math.inf if ready_within_s is None else time.monotonic() + ready_within_s
        self._errors: IO[bytes] = temporary_file()
        # Its own session: Ctrl-C reaches the runner alone, which then ends the worker in good order.
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **environ},
            cwd=directory,
            start_new_session=True,
        )
        self._replies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._send(request)
        except WorkerDied:
            self._stop()
            raise

    def receive(self) -> Reply:
        """The worker's next message; signs of life are waited through.

        Raises:
            WorkerDied: it ended, also in the middle of a message, or stayed silent for too long.
            OutOfTime: it was not ready in time.
        """
        while isinstance(reply := self._receive(), Alive):
            pass
        return reply

    def allow_silence(self, limit_s: float) -> None:
        """From now on it may say nothing for `limit_s`, and has all the time it needs."""
        self._timeout_s, self._end_s = limit_s, math.inf

    def _receive(self) -> Reply:
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:  # even where there are messages: signs of life may come faster than they are read
            raise OutOfTime(_LATE)
        try:
            line = self._replies.get(timeout=min(self._timeout_s, left_s))
        except queue.Empty:
            if left_s < self._timeout_s:
                raise OutOfTime(_LATE) from None
            raise WorkerDied(f"a worker process was silent for {self._timeout_s:g} s") from None
        if not line.endswith(b"\n"):  # whatever there is, was cut off by the end of the process
            raise WorkerDied(self._cause_of_death())
        try:
            reply: Reply = msgspec.json.decode(line, type=Reply)
        except msgspec.DecodeError as error:
            raise WorkerDied(f"a worker process sent what is no message: {error}") from error
        return reply

    def go(self, message: Go | Run) -> None:
        """Let it measure."""
        self._send(message)

    @property
    def pid(self) -> int:
        """Of the worker process."""
        return self._process.pid

    def __enter__(self) -> WorkerSession:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None and kind is not None:
            self._kill()
        self._stop()

    def _stop(self) -> None:
        if self._process.stdin is not None:
            _close(self._process.stdin)  # one that still listens has nothing more to hear
        try:
            self._process.wait(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            self._kill()
            self._process.wait()
        self._reader.join()
        for stream in (self._process.stdout, self._errors):
            if stream is not None:
                _close(stream)

    def _kill(self) -> None:
        """With the ranks it has started: as a session of its own it leads their process group too."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()

    def _send(self, message: Asked | Go | Run) -> None:
        assert self._process.stdin is not None  # noqa: S101 - stdin=PIPE above
        try:
            self._process.stdin.write(msgspec.json.encode(message) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerDied(self._cause_of_death()) from None

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - stdout=PIPE above
        for line in self._process.stdout:
            self._replies.put(line)
        self._replies.put(b"")

    def _cause_of_death(self) -> str:
        return f"a worker process {cause_of_death(self._process.wait(), self._errors)}"


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
    ) as worker:
        return expect(worker, kind)


def _close(stream: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):  # what was still buffered has no reader any more
        stream.close()
