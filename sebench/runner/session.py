"""One worker process as the runner sees it: start, talk, stop; its death is an exception with a cause."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

from sebench.errors import WorkerError
from sebench.schema import TimingPolicy, Workload
from sebench.worker.failures import cause_of_death
from sebench.worker.protocol import Asked, Go, Reply, Run

WORKER_COMMAND = (sys.executable, "-m", "sebench.worker")
_STOP_S = 5.0
# Compiling a network says nothing for minutes.
COMPILE_PATIENCE = 5


class WorkerDied(WorkerError):  # noqa: N818 - says what happened
    """The process ended, or fell silent, without a word; worth one retry."""


def silence_limit_s(policy: TimingPolicy, workload: Workload) -> float:
    """How long a worker may say nothing."""
    return policy.timeout_s * (1 if workload.execution == "eager" else COMPILE_PATIENCE)


class WorkerSession:
    """A worker process in a with-statement: it never outlives the block."""

    def __init__(
        self,
        request: Asked,
        *,
        command: Sequence[str],
        environ: Mapping[str, str],
        timeout_s: float,
        directory: Path | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the session
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
        """The worker's next message.

        Raises:
            WorkerDied: it ended or stayed silent for too long.
        """
        try:
            line = self._replies.get(timeout=self._timeout_s)
        except queue.Empty:
            raise WorkerDied(f"a worker process was silent for {self._timeout_s:g} s") from None
        if not line:
            raise WorkerDied(self._cause_of_death())
        reply: Reply = msgspec.json.decode(line, type=Reply)
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


def _close(stream: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):  # what was still buffered has no reader any more
        stream.close()
