"""The processes of ranks 1 to N - 1 as rank 0 sees them: started, told what to run, blamed, ended.

Commands go through pipes: an idle rank costs no CPU time, and a rank whose leader is gone reads the end of
its pipe.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import IO

import msgspec
from msgspec.structs import replace

from sebench.profilers.device import Step
from sebench.schema import Side
from sebench.store import temporary_file
from sebench.worker.channel import Fatal, cause_of_death
from sebench.worker.protocol import Alive, Failed, Join, Request, Span

# Where a rank dies the others notice at once (gloo) or not at all (NCCL): they get this long.
GRACE_S = 5.0


class Ranks:
    """Ranks 1 to N - 1, started with this process's own command; none outlives the with-statement."""

    def __init__(self, request: Request, *, port: int, send: Callable[[Failed], None]) -> None:
        self._send = send
        self._sides: dict[int, Side] = {}
        self._ended: queue.SimpleQueue[tuple[int, Failed | None]] = queue.SimpleQueue()
        self._dismissed = threading.Event()
        self._members = {rank: _start(request, rank, port) for rank in range(1, request.workload.world_size)}
        for rank, member in self._members.items():
            threading.Thread(target=self._watch, args=(rank, member), daemon=True).start()

    def set_steps(self, steps: Mapping[Side, Step]) -> None:
        """From now on `announce` knows these steps."""
        self._sides = {id(step): side for side, step in steps.items()}

    def announce(self, step: Step, count: int) -> None:
        """Have every other rank run its own step of the same side."""
        span = Span(side=self._sides[id(step)], count=count)
        for member in self._members.values():
            member.send(span)

    def dismiss(self) -> None:
        """Let them end."""
        self._dismissed.set()
        for member in self._members.values():
            member.close()

    def blame(self, error: Exception) -> None:
        """Find out whether another rank, the first that ended, is what `error` comes from.

        Raises:
            Fatal: it said why it cannot go on.
            SystemExit: it died.
        """
        try:
            rank, failed = self._ended.get(timeout=GRACE_S)
        except queue.Empty:
            return
        if failed is None:
            raise SystemExit(f"rank {rank} {self._members[rank].cause_of_death()}") from error
        if failed.message != str(error):  # else all ranks fail alike
            raise Fatal(failed.code, _of(rank, failed.message)) from error

    def __enter__(self) -> Ranks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dismiss()
        for member in self._members.values():
            member.end(patience_s=0.0 if kind else GRACE_S)

    def _watch(self, rank: int, member: _Member) -> None:
        member.wait()
        if self._dismissed.is_set():
            return
        failed = member.last_reply()
        self._ended.put((rank, failed))
        if self._dismissed.wait(GRACE_S * 2):
            return
        # The main thread compiles, or waits for the dead in a collective.
        if failed is None:
            sys.stderr.write(f"rank {rank} {member.cause_of_death()}\n")
            sys.stderr.flush()
        else:
            self._send(replace(failed, message=_of(rank, failed.message)))
        os._exit(1)


def _of(rank: int, message: str) -> str:
    return f"rank {rank}: {message}"


class _Member:
    """The process of one rank."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._process, self._errors = process, errors

    def send(self, message: Join | Span) -> None:
        assert self._process.stdin is not None  # noqa: S101 - stdin=PIPE
        self._process.stdin.write(msgspec.json.encode(message) + b"\n")
        self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - stdin=PIPE
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def wait(self) -> int:
        return self._process.wait()

    def last_reply(self) -> Failed | None:
        """Why it said that it cannot go on, before it ended; None if it did not say so."""
        assert self._process.stdout is not None  # noqa: S101 - stdout=PIPE
        os.set_blocking(self._process.stdout.fileno(), False)  # what it has started may hold the pipe open
        while line := self._process.stdout.readline():
            reply = msgspec.json.decode(line, type=Alive | Failed)
            if isinstance(reply, Failed):
                return reply
        return None

    def cause_of_death(self) -> str:
        return cause_of_death(self.wait(), self._errors)

    def end(self, *, patience_s: float) -> None:
        try:
            self._process.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):  # stuck in the kernel; the runner ends the whole group
                self._process.wait(timeout=GRACE_S)


def _start(request: Request, rank: int, port: int) -> _Member:
    errors = temporary_file()
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": request.workload.world_size}
    process = subprocess.Popen(
        [sys.executable, *sys.orig_argv[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={**os.environ, **{name: str(value) for name, value in place.items()}},
    )
    member = _Member(process, errors)
    member.send(Join(request=request, rank=rank, port=port, leader=os.getpid()))
    return member
