"""Worker processes that load side by side, before they are asked for anything.

A worker spends most of its preparation importing torch, on one core. So as many as there are cores import at
the same time, while nothing is timed, and then wait for their turn without using the CPU. Each is a process
of its own from the start, with its own environment, address layout and heap: what the interval over processes
speaks about.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from types import TracebackType

from sebench.profilers.environment import usable_cores
from sebench.runner.workers.child import Child
from sebench.runner.workers.session import WorkerSession
from sebench.worker.protocol import Request

MOST_AT_ONCE = 8
"""Each takes some 200 MB when it has loaded torch."""
Start = Callable[[Mapping[str, str]], Child]


class LoadedWorkers:
    """Opens the workers of pairs, several of which load at the same time; ends what is left over.

    Args:
        command: starts a worker, which says a line when it has loaded.
        at_once: how many load at the same time; by default one per usable core.
        start: starts a process with an environment.
    """

    def __init__(
        self, command: Sequence[str], *, at_once: int | None = None, start: Start | None = None
    ) -> None:
        self._command = command
        self._at_once = min(usable_cores(), MOST_AT_ONCE) if at_once is None else at_once
        self._start = self._child if start is None else start
        self._waiting: list[tuple[Mapping[str, str], Child]] = []

    def _child(self, environ: Mapping[str, str]) -> Child:
        return Child(self._command, environ=environ, directory=None)

    def load(self, environs: Sequence[Mapping[str, str]], *, within_s: float) -> int:
        """See to it that the first of these workers has loaded, and that none is loading.

        Args:
            environs: variables that each has besides ours, in the order in which they will be opened.
            within_s: seconds after which it is left to whoever opens them.

        Returns:
            How many were started for that.
        """
        if self._at_once < 2 or any(environ == environs[0] for environ, _ in self._waiting):
            return 0
        end_s = time.monotonic() + within_s
        started = [(environ, self._start({**os.environ, **environ})) for environ in environs[: self._at_once]]
        self._waiting += started
        with suppress(TimeoutError):
            for _, child in started:
                child.read_line(timeout_s=max(end_s - time.monotonic(), 0.0))
        return len(started)

    def __call__(
        self,
        request: Request,
        *,
        environ: Mapping[str, str],
        timeout_s: float,
        ready_within_s: float | None,
    ) -> WorkerSession:
        """Open one, loaded or not; see `sebench.runner.workers.session.OpenWorker`."""
        return WorkerSession(
            request,
            command=self._command,
            environ=environ,
            timeout_s=timeout_s,
            ready_within_s=ready_within_s,
            child=self._taken(environ),
        )

    def _taken(self, environ: Mapping[str, str]) -> Child | None:
        for index, (waiting, child) in enumerate(self._waiting):
            if waiting == environ:
                del self._waiting[index]
                return child
        return None

    def __enter__(self) -> LoadedWorkers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with ExitStack() as stack:
            while self._waiting:
                _, child = self._waiting.pop()
                stack.callback(child.end, patience_s=0.0)
