"""A child process in a group of its own, spoken to in lines. No wait is without an end.

What it runs may be anything: it may fork a child that keeps the pipes open, close them and go on, or leave
processes behind. So the end of the process counts, not that of its output, and all of its group is ended.
Environment variables, in place before torch loads, tell a worker where its threads run.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sebench.errors import SebenchError
from sebench.profilers.environment import usable_places
from sebench.schema import Pair, Workload, runtime_info
from sebench.store import temporary_file
from sebench.worker.channel import cause_of_death

STOP_S = 5.0
"""How long a process may take to end, once there is nothing left for it to do."""
_POLL_S = 0.1
_LONGEST_POLL_S = 3600.0
_CHUNK_BYTES = 2**16


class ChildGone(Exception):  # noqa: N818 - says what happened
    """Nobody reads what is written to it."""


class TimeLimitReached(SebenchError):  # noqa: N818 - says what happened
    """What was to be done within `time_limit` took longer."""


@dataclass(slots=True)
class _Limit:
    limit_s: float
    end_s: float

    def check(self) -> None:
        """Raise once it is reached."""
        if time.monotonic() >= self.end_s:
            raise TimeLimitReached(f"timed out after {self.limit_s:g} s")


_limit: ContextVar[_Limit | None] = ContextVar("limit", default=None)


@contextmanager
def time_limit(limit_s: float | None) -> Iterator[None]:
    """Within the block no wait for a child goes beyond `limit_s` in all.

    Args:
        limit_s: seconds from now; None sets no limit.

    Raises:
        TimeLimitReached: from whatever waits then.
    """
    token = _limit.set(None if limit_s is None else _Limit(limit_s, time.monotonic() + limit_s))
    try:
        yield
    finally:
        _limit.reset(token)


def leave_out_of_limit(waited_s: float) -> None:
    """Time that another run took is none of what is limited."""
    if limit := _limit.get():
        limit.end_s += waited_s


class Child:
    """A running command with pipes to its input and from its output; its errors go to a temporary file.

    Args:
        command: starts it.
        environ: all of its variables.
        directory: where it runs; None is here.
    """

    def __init__(self, command: Sequence[str], *, environ: Mapping[str, str], directory: Path | None) -> None:
        self._errors: IO[bytes] = temporary_file()
        # Its own session: Ctrl-C reaches the runner alone, which then ends the child in good order.
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            env=dict(environ),
            cwd=directory,
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - stdin=PIPE
        assert self._process.stdout is not None  # noqa: S101 - stdout=PIPE
        self._input, self._output = self._process.stdin, self._process.stdout
        for stream in (self._input, self._output):
            os.set_blocking(stream.fileno(), False)
        self._exit = _exit_descriptor(self._process.pid)
        self._unread = bytearray()
        self._output_ended = self._killed = False

    @property
    def pid(self) -> int:
        """Of the process, and of its group."""
        return self._process.pid

    def write(self, data: bytes, *, timeout_s: float) -> None:
        """Write all of `data`.

        Raises:
            ChildGone: it has ended or closed its input.
            TimeoutError: it did not read in time.
        """
        left, end_s = memoryview(data), time.monotonic() + timeout_s
        while left:
            try:
                left = left[os.write(self._input.fileno(), left) :]
            except BlockingIOError:
                self._wait(self._input.fileno(), select.POLLOUT, end_s)
                if self._has_ended():
                    raise ChildGone from None
            except BrokenPipeError:
                raise ChildGone from None

    def read_line(self, *, timeout_s: float) -> bytes:
        """The next line of its output; without a line end once it has ended or closed its output.

        Raises:
            TimeoutError: there was none in time.
        """
        if limit := _limit.get():  # asked here too: one that never stops talking is never waited for
            limit.check()
        end_s = time.monotonic() + timeout_s
        searched = 0
        while (end := self._unread.find(b"\n", searched)) < 0:
            if self._output_ended:
                rest, self._unread = bytes(self._unread), bytearray()
                return rest
            searched = len(self._unread)
            over = self._has_ended()  # asked first: all that it wrote is there to be read
            if not self._read() and over:
                self._output_ended = True  # somebody else may hold the other end
            elif len(self._unread) == searched and not self._output_ended:
                self._wait(self._output.fileno(), select.POLLIN, end_s)
        line = bytes(self._unread[: end + 1])
        del self._unread[: end + 1]
        return line

    def close_input(self) -> None:
        """There is nothing more to hear for it."""
        self._input.close()

    def cause_of_death(self) -> str:
        """Why its output has ended, e.g. ``was killed by SIGKILL``; all of its group is ended."""
        ended = self._ends_within(STOP_S)
        self.kill()
        code = self._process.returncode
        if not ended or code is None:
            return "closed its output but kept running"
        return cause_of_death(code, self._errors)

    def end(self, *, patience_s: float = STOP_S) -> None:
        """Let it end, then end it and everything that it has started, and close all there is to it.

        Args:
            patience_s: how long it may take to end by itself.
        """
        self.close_input()
        end_s = time.monotonic() + patience_s
        try:
            # One that is still writing must get rid of it before it can end.
            while (left_s := end_s - time.monotonic()) > 0 and self.read_line(timeout_s=left_s):
                pass
        except TimeoutError:
            pass
        except TimeLimitReached:
            end_s = 0.0
        self._ends_within(end_s - time.monotonic())
        self.kill()
        for stream in (self._output, self._errors):
            stream.close()
        if self._exit is not None:
            os.close(self._exit)
            self._exit = None

    def kill(self) -> None:
        """End it and everything in its group, at once."""
        if self._killed:
            return
        self._killed = True
        # Before the process is waited for: until then nobody else can have its number.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the kernel
            self._process.wait(timeout=STOP_S)

    def _read(self) -> bool:
        """Take what is there; whether there was anything."""
        try:
            chunk = os.read(self._output.fileno(), _CHUNK_BYTES)
        except BlockingIOError:
            return False
        self._output_ended = not chunk
        self._unread += chunk
        return bool(chunk)

    def _wait(self, descriptor: int, event: int, end_s: float) -> None:
        """Until `descriptor` is ready or the process has ended.

        Raises:
            TimeoutError: neither came in time.
            TimeLimitReached: nor within the limit of all that is done.
        """
        limit = _limit.get()
        if limit:
            limit.check()
            end_s = min(end_s, limit.end_s)
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        poll = select.poll()
        poll.register(descriptor, event)
        if self._exit is not None:
            poll.register(self._exit, select.POLLIN)
        longest_s = _POLL_S if self._exit is None else _LONGEST_POLL_S
        poll.poll(1000 * min(left_s, longest_s))
        if limit:
            limit.check()

    def _ends_within(self, limit_s: float) -> bool:
        end_s = time.monotonic() + limit_s
        while not (ended := self._has_ended()) and (left_s := end_s - time.monotonic()) > 0:
            poll = select.poll()
            if self._exit is not None:
                poll.register(self._exit, select.POLLIN)
            poll.poll(1000 * (min(left_s, _POLL_S) if self._exit is None else left_s))
        return ended

    def _has_ended(self) -> bool:
        if self._exit is None or self._killed:
            return self._process.poll() is not None
        poll = select.poll()
        poll.register(self._exit, select.POLLIN)
        return bool(poll.poll(0))


def _exit_descriptor(pid: int) -> int | None:
    """Becomes readable when the process ends; None where there is no such thing, and polling has to do."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # an older kernel, or a sandbox
        return None


_PLACEMENT_VARIABLES = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")


def worker_environ(
    workload: Workload, pair: Pair | None = None, *, number: int = 0, **variables: str
) -> dict[str, str]:
    """The environment of a worker, on top of our own: how many threads, and where.

    Args:
        workload: its threads and ranks.
        pair: whose sides may have runtimes of their own.
        number: of the worker among those that load at the same time or follow each other.
        variables: of this worker alone.
    """
    threads = str(workload.threads)
    sides = () if pair is None else (pair.baseline, pair.candidate)
    runtimes = {workload.runtime, *(workload.of(side).runtime for side in sides)}
    bound = not any(runtime_info(runtime).has_own_threads for runtime in runtimes)
    return {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        **(rank_placement(workload.world_size, number) if bound else {}),
        **variables,
    }


def rank_placement(world_size: int, number: int = 0) -> dict[str, str]:
    """What tells a process its place: the threads of a single one are bound, rank 0 of several is not.

    Bound ranks would all start on the first core. The names of the others are those that torchrun sets.
    """
    if world_size == 1:
        return thread_placement(os.environ, usable_places(), number)
    return {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": str(world_size)}


def thread_placement(
    environ: Mapping[str, str], places: Sequence[str] = (), number: int = 0
) -> dict[str, str]:
    """One OpenMP thread per core, unless the user has placed them.

    Must be in place before torch loads. Unplaced threads may share a core for a while, on one side of a
    pair only: small operations then wait for each other.

    Args:
        environ: where the user may have placed them.
        places: the cores, as OpenMP spells them; none leaves it to OpenMP which there are.
        number: of the process. OpenMP binds the main thread to the first place as soon as it is loaded, so
            each process begins with another core: those that load at the same time do so beside each other.
    """
    if any(name in environ for name in _PLACEMENT_VARIABLES):
        return {}
    first = number % len(places) if places else 0
    ordered = ",".join((*places[first:], *places[:first]))
    return {"OMP_PROC_BIND": "true", "OMP_PLACES": ordered or "cores"}
