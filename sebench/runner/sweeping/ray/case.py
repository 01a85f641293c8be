"""The process that runs cases on a node of a Ray cluster: ``python -P -m sebench.runner.sweeping.ray.case``.

It reads `CaseRequest`s from standard input, one a line, and answers each with a `CaseReply` on what was its
standard output. It ends when its input does, which whoever started it keeps open for as long as it lives. A
case is measured in fresh worker processes; what is the same for all of them, this process has imported once.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec.structs import replace

from sebench import models
from sebench.errors import EXIT_INTERRUPTED, EXIT_OK, Interrupted, SebenchError
from sebench.files import digests
from sebench.profilers.environment import renewed_environment
from sebench.runner.counting.counter import default_cache
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.measuring.context import Host, RunContext
from sebench.runner.planning.pairs import make_pairs
from sebench.runner.planning.workloads import says_input
from sebench.runner.sweeping.execution import plan_case, run_case
from sebench.runner.sweeping.local import count_ahead
from sebench.runner.sweeping.ray.messages import CaseReply, CaseRequest, take_pipes
from sebench.schema import Finding
from sebench.schema.sweep import Case, CaseOutcome

_CLEANING_S = 10.0
"""After which a process that was told to end does so in any case."""


def main(host: Host | None = None) -> int:
    """Run the cases that are asked for.

    Args:
        host: the machine; None is this one.

    Returns:
        The exit status.
    """
    requests, replies = take_pipes()
    # Ray's threads block signals, and a node that was started in the background ignores this one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    asked: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, asked), daemon=True).start()
    run: CaseRunner | None = None
    try:
        with ExitStack() as kept:
            while line := asked.get():
                request = msgspec.json.decode(line, type=CaseRequest)
                run = run or CaseRunner(request, Host() if host is None else host, kept)
                replies.write(msgspec.json.encode(run(request)) + b"\n")
                replies.flush()
    except (KeyboardInterrupt, Interrupted, BrokenPipeError):
        return EXIT_INTERRUPTED
    return EXIT_OK


def code_digests(case: Case) -> tuple[str, ...]:
    """SHA-256 (hex) of the files that networks of the user's own are written in, as they are on this machine.

    Args:
        case: whose networks; where they cannot be meant here there are none.
    """
    try:
        (pair,) = make_pairs(
            [case.model],
            [case.variant],
            case.baseline,
            options=case.options,
            own_inputs=not says_input(case.request),
        )
    except SebenchError:
        return ()
    files = {str(path): None for spec in (pair.baseline, pair.candidate) for path in models.code_files(spec)}
    return tuple(sorted(digests(files).values()))


class CaseRunner:
    """Runs the cases of a sweep; what is the same for all of them is found out once.

    Args:
        first: the first of them.
        host: the machine.
        kept: what is open as long as there are cases.
    """

    def __init__(self, first: CaseRequest, host: Host, kept: ExitStack) -> None:
        self._cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
        cache, folder = default_cache() if first.cache else None, first.calibrations
        environment = host.capture_environment()
        self._counter = kept.enter_context(host.open_counter(cache, {}, host.command))
        self._counted: set[str] = set()
        self._context = RunContext(
            cache=cache,
            calibrations=None if folder is None else Calibrations(Path(folder)),
            argv=first.argv,
            host=dataclasses.replace(
                host,
                open_counter=lambda *_: nullcontext(self._counter),
                capture_environment=lambda: renewed_environment(environment),
            ),
        )

    def __call__(self, request: CaseRequest) -> CaseReply:
        """Run one."""
        case = request.case
        if request.code and (code := code_digests(case)) != request.code:  # its id is that of another network
            here = platform.node()
            lack = f"not the same on {here} as where the sweep was started" if code else f"not on {here}"
            reason = f"{case.model} is {lack}"
            return CaseReply(outcome=CaseOutcome(id=case.id, status="failed", reason=reason, machine=here))
        niced = take_back_niceness(request.nice)
        if case.id not in self._counted:
            self._count((case, *request.ahead))
        self._unbind()
        ran = run_case(case, self._context)
        result = ran.result
        if result is not None and niced is not None:
            result = replace(result, findings=(*result.findings, niced))
        return CaseReply(outcome=ran.outcome, result=result)

    def _count(self, cases: Sequence[Case]) -> None:
        """Count networks by one worker process, which takes as long to start as many of them to count."""
        self._unbind()
        sessions = []
        for case in cases:
            with suppress(SebenchError):  # is said again when it is measured
                sessions.append(plan_case(case).sessions[0])
            self._counted.add(case.id)
        count_ahead(sessions, self._counter)
        with suppress(SebenchError):
            self._counter.close()

    def _unbind(self) -> None:
        """Torch, which counts have imported, may have bound this thread to one core."""
        if self._cpus is not None:
            with suppress(OSError):
                os.sched_setaffinity(0, self._cpus)


def take_back_niceness(nice: int | None) -> Finding | None:
    """Take back the niceness that Ray gives to its processes; where that is not allowed, a finding says so.

    Args:
        nice: what the node runs at; None where that is not known.
    """
    own = os.getpriority(os.PRIO_PROCESS, 0)
    if nice is None or own <= nice:
        return None
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    except OSError:
        return Finding(
            code="niced",
            severity="warning",
            message=f"measured at nice {own}, as Ray runs its processes: everything else goes first",
            hint="start the node with RAY_worker_niceness=0 in its environment",
        )
    return None


def _listen(requests: BinaryIO, asked: queue.SimpleQueue[bytes]) -> None:
    """Hand requests over; at their end nobody waits for the case at hand either."""
    for line in requests:
        asked.put(line)
    asked.put(b"")
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_CLEANING_S)
    os._exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
