"""Cases on the machines of a Ray cluster. Ray itself runs in a process of its own, the driver."""

from __future__ import annotations

import os
import platform
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import msgspec

import sebench
from sebench.errors import Interrupted, SebenchError, UsageError, WorkerError
from sebench.installation import extra_hint
from sebench.runner.sweeping.execution import Ran
from sebench.runner.sweeping.expansion import case_words
from sebench.runner.sweeping.ray.case import code_digests
from sebench.runner.sweeping.ray.messages import (
    Began,
    CaseReply,
    Cases,
    Job,
    Joined,
    LeftOut,
    Loaded,
    Lost,
    Message,
    Over,
    Refused,
    Versions,
)
from sebench.runner.sweeping.ray.nodes import set_ups
from sebench.runner.sweeping.ray.seat import sources_digest
from sebench.runner.workers.child import Child, ChildGone
from sebench.schema.sweep import Case

AUTO = "auto"
REACH_S = 10.0
"""How long an address may take to answer."""
PATIENCE_S = 60.0
"""How long a node may take to answer."""
PENDING_S = 60.0
"""How long a case waits where no node can take it."""
JOIN_S = 20.0
"""How long Ray may take to join a cluster whose address answers."""
IMPORT_S = 120.0
"""How long importing Ray may take, from a slow disk."""
SILENCE_S = 90.0
"""Ray's driver says something every few seconds."""
STOP_S = 20.0
"""How long the driver may take to end the cases on the nodes."""

_LOST_HEAD = "Failed to connect to GCS"
"""In what Ray says before it ends its driver."""

DRIVER = ("-P", "-m", "sebench.runner.sweeping.ray.driver")
CASE = ("-P", "-m", "sebench.runner.sweeping.ray.case")
Tell = Callable[[str], None]
"""Told what nodes there are, and what runs where: one line each."""


def require_cluster(address: str) -> None:
    """Ray is installed, and something answers at the address.

    Args:
        address: ``auto`` or ``HOST:PORT``.

    Raises:
        UsageError: it is not, or there is no such address.
        SebenchError: nothing answers.
    """
    if find_spec("ray") is None:
        raise UsageError("--ray needs Ray", hint=extra_hint("ray"))
    require_reachable(address)


def labels_of(said: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """``label=value`` several times: values by label.

    Raises:
        UsageError: one is none.
    """
    labels: dict[str, tuple[str, ...]] = {}
    for each in said:
        name, equals, value = each.partition("=")
        if not (name and equals and value):
            raise UsageError(f"--on {each!r} is not label=value", hint="e.g. --on zone=a")
        labels[name] = (*labels.get(name, ()), value)
    return labels


def require_reachable(
    address: str, *, limit_s: float = REACH_S, environ: Mapping[str, str] = os.environ
) -> None:
    """Something answers at an address. Ray itself would wait for minutes, and say nothing.

    Args:
        address: ``auto`` or ``HOST:PORT``.
        limit_s: how long it may take.
        environ: ``RAY_ADDRESS`` in it is what Ray takes ``auto`` for.

    Raises:
        UsageError: no such address.
        SebenchError: nothing answers.
    """
    if address == AUTO:
        named = environ.get("RAY_ADDRESS", "")
        if named in ("", AUTO, "local"):
            return  # Ray looks for a cluster on this machine, and says at once that there is none
        require_reachable(named, limit_s=limit_s, environ={})
        return
    if address.startswith("ray://"):
        raise UsageError(
            f"--ray {address}: Ray's client is not supported",
            hint="start sebench on a machine of the cluster, with --ray auto",
        )
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 2**16):
        raise UsageError(f"--ray {address!r} is not an address", hint="use auto or HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=limit_s).close()
    except OSError as error:
        why = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise SebenchError(
            f"--ray {address}: {why}", hint="see 'ray status' on a machine of the cluster for its address"
        ) from error


def own_versions() -> Versions:
    """Of this machine."""
    return Versions(
        sebench=sebench.__version__,
        sources=sources_digest(sebench.__path__[0]),
        torch=metadata.version("torch"),
        python=".".join(platform.python_version_tuple()[:2]),
    )


class RayExecutor:
    """Runs cases on the nodes of a Ray cluster, one at a time on each machine, or one on each of its GPUs.

    Args:
        address: ``auto`` or ``HOST:PORT``.
        labels: takes nodes that have one of the values of every label; none takes all.
        tell: told what nodes there are, and what runs where.
        argv: recorded in the results.
        cache: whether nodes keep counts of networks.
        calibrations: folder of the calibrations on a node; None looks nothing up.
        patience_s: how long a node may take to answer.
        pending_s: how long a case waits where no node can take it.
        command: arguments of a node's Python that start the process of a case.
    """

    def __init__(
        self,
        address: str,
        *,
        labels: Mapping[str, tuple[str, ...]] | None = None,
        tell: Tell = lambda line: None,
        argv: Sequence[str] = (),
        cache: bool = True,
        calibrations: Path | None = None,
        patience_s: float = PATIENCE_S,
        pending_s: float = PENDING_S,
        command: Sequence[str] = CASE,
    ) -> None:
        self._address, self._labels, self._tell = address, dict(labels or {}), tell
        self._argv, self._cache, self._calibrations = tuple(argv), cache, calibrations
        self._driver: Child | None = None
        self._messages: Iterator[Message] = iter(())
        self._patience_s, self._pending_s, self._command = patience_s, pending_s, tuple(command)

    def __enter__(self) -> Self:
        """Join the cluster. Without this, the first cases do.

        Raises:
            UsageError: Ray is not installed, the address is none, or no node has the labels.
            SebenchError: nothing answers, no node takes cases, or their versions differ.
            WorkerError: Ray's driver has ended.
        """
        require_cluster(self._address)
        self._driver = Child(
            [sys.executable, *DRIVER], environ={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}, directory=None
        )
        self._messages = self._listen(self._driver)
        try:
            self._driver.write(msgspec.json.encode(self._job()) + b"\n", timeout_s=IMPORT_S)
            for message in self._messages:
                self._say(message, {}, 0)
                if isinstance(message, Joined):
                    break
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End all cases, and leave the cluster."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.end(patience_s=STOP_S)

    def __call__(self, cases: Sequence[Case]) -> Iterator[Ran]:
        """Run cases on whatever node is free. Each is over once, though it may have begun more than once.

        Yields:
            Each case as soon as it is over.

        Raises:
            SebenchError: as `__enter__`, where that was not called.
            WorkerError: Ray's driver has ended; what was yielded until then stands.
            Interrupted: after Ctrl-C; likewise.
        """
        left = {case.id: case for case in cases}
        if not left:
            return
        try:
            with nullcontext() if self._driver else self:
                self._hand_over(cases)
                for message in self._messages:
                    self._say(message, left, len(cases))
                    if isinstance(message, Over):
                        ran = _ran(message, left)
                        del left[ran.case.id]
                        yield ran
                    if not left:
                        return
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None

    def _hand_over(self, cases: Sequence[Case]) -> None:
        assert self._driver is not None  # noqa: S101 - it has joined
        code = {case.id: code for case in cases if (code := code_digests(case))}
        asked = msgspec.json.encode(Cases(cases=tuple(cases), code=code)) + b"\n"
        with suppress(ChildGone):  # whoever listens next hears why
            self._driver.write(asked, timeout_s=SILENCE_S)

    def _say(self, message: Message, left: Mapping[str, Case], count: int) -> None:
        for line in _lines(message, left, count):
            self._tell(line)

    def _job(self) -> Job:
        folder = self._calibrations
        return Job(
            address=self._address,
            labels=self._labels,
            own=own_versions(),
            command=self._command,
            directory=str(Path.cwd()),
            argv=self._argv,
            cache=self._cache,
            calibrations=None if folder is None else str(folder),
            patience_s=self._patience_s,
            pending_s=self._pending_s,
        )

    def _listen(self, driver: Child) -> Iterator[Message]:
        """What the driver says.

        Raises:
            SebenchError: it refuses the job, or Ray does not join the cluster in time.
            WorkerError: it has ended, or says nothing any more.
        """
        limit_s, lateness = IMPORT_S, "Ray was not imported in time"
        try:
            while line := driver.read_line(timeout_s=limit_s):
                message = msgspec.json.decode(line, type=Message)
                if isinstance(message, Refused):
                    kind = UsageError if message.usage else SebenchError
                    raise kind(message.message, hint=message.hint)
                if isinstance(message, Loaded):
                    limit_s, lateness = JOIN_S, f"no Ray cluster answered within {JOIN_S:g} s"
                else:
                    limit_s, lateness = SILENCE_S, f"Ray's driver said nothing for {SILENCE_S:g} s"
                yield message
        except TimeoutError:
            driver.kill()  # it would not hear of its end
            raise WorkerError(f"--ray {self._address}: {lateness}") from None
        except msgspec.DecodeError:
            pass
        cause = driver.cause_of_death()
        if _LOST_HEAD in cause:
            cause = "lost the head of the cluster"
        raise WorkerError(f"Ray's driver {cause}", hint="go on with --resume when the cluster is back")


def _ran(message: Over, cases: Mapping[str, Case]) -> Ran:
    """What a node said of a case."""
    reply = msgspec.json.decode(message.reply, type=CaseReply)
    return Ran(cases[reply.outcome.id], reply.outcome, reply.result)


def _lines(message: Message, left: Mapping[str, Case], count: int) -> Iterator[str]:
    """A message in words; nothing where there is nothing to tell."""
    if isinstance(message, Joined):
        for line in set_ups(message.nodes):
            yield f"ray: {line}"
    elif isinstance(message, LeftOut):
        yield f"ray: {message.host} is left out: {message.reason}"
    elif isinstance(message, Began):
        over = count - len(left)
        yield f"ray: {message.host} measures {case_words(left[message.case])} ({over} of {count} are over)"
    elif isinstance(message, Lost):
        names = ", ".join(case_words(left[each]) for each in message.cases)
        yield f"ray: {message.host} is lost{f'; for another node: {names}' if names else ''}"
