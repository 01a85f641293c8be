"""What runs inside a Ray worker on a node: one actor that starts sebench's own processes for cases.

Ray sends this module's code to the nodes, which may have no sebench: the standard library is all that it
imports. The actor holds what Ray knows of the node's processors and GPUs, so Ray starts nothing beside a case
that asks for any of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

FACTS_TIMEOUT_S = 50.0
STOP_S = 5.0
"""How long a case may take to clean up before it is killed."""
_LAST_WORDS_BYTES = 2**14
_INTERRUPTED = 130
"""As `sebench.errors.EXIT_INTERRUPTED`, which may not be here."""

# With the -P of a case: what stands in the current folder is neither sebench nor torch.
_FACTS = """
import importlib.util, json, sys
from importlib import metadata
from pathlib import Path
facts = {"folder": None, "sebench": None, "torch": None, "python": "%d.%d" % sys.version_info[:2]}
try:
    facts["torch"] = metadata.version("torch")
except metadata.PackageNotFoundError:
    pass
try:
    import sebench
    facts["folder"], facts["sebench"] = str(Path(sebench.__file__).parent), str(sebench.__version__)
except Exception:
    pass
print(json.dumps(facts))
"""


def sources_digest(folder: str) -> str:
    """SHA-256 (hex) over the Python sources of a package."""
    root, digest = Path(folder), hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def versions_of(python: str, environ: dict[str, str]) -> dict[str, str | None]:
    """What has to agree between nodes, as an interpreter finds it installed: the fields of `Versions`.

    Args:
        python: the interpreter.
        environ: its variables.
    """
    done = subprocess.run(
        [python, "-P", "-c", _FACTS],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=FACTS_TIMEOUT_S,
    )
    facts: dict[str, str | None] = json.loads(done.stdout)
    folder = facts.pop("folder")
    return {**facts, "sources": None if folder is None else sources_digest(folder)}


class Seat:
    """Runs cases on its node in processes of sebench; a threaded Ray actor.

    There is one such process for cases that have the machine to themselves, and one for each GPU that cases
    keep to. It starts fresh worker processes for each case, and is itself started again when it has ended.
    """

    def __init__(self) -> None:
        self._servers: dict[str | None, _Server] = {}
        self._serving: dict[str, _Server] = {}
        self._stopped: set[str] = set()
        self._heard_s = time.monotonic()

    def still_wanted(self) -> None:
        """The driver is there, and reaches this node."""
        self._heard_s = time.monotonic()

    def watch(self, silence_s: float) -> None:
        """Wait until the driver has said nothing for too long, then end all cases and this process.

        Where the head of a cluster or the way to it is gone, Ray lets actors go on, and nobody ends them.

        Args:
            silence_s: how long is too long.
        """
        while (left_s := self._heard_s + silence_s - time.monotonic()) > 0:
            time.sleep(left_s)
        self.stop()
        os._exit(1)

    def describe(self) -> dict[str, Any]:
        """The fields of `NodeFacts` that the node itself knows, as JSON would have them."""
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        return {
            "host": platform.node(),
            "versions": versions_of(sys.executable, environ_of_case()),
            "boot": _first_line("/proc/sys/kernel/random/boot_id"),
            "cpus": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [],
            "processor": _processor(),
            "visible_gpus": [each for each in visible.split(",") if each],
        }

    def measure(
        self, case: str, request: dict[str, Any], command: list[str], directory: str, gpu: str | None
    ) -> tuple[int, bytes, str]:
        """Have a case measured.

        Args:
            case: its id, which `stop` knows it by.
            request: what the process reads, a `CaseRequest` as JSON has it.
            command: arguments of Python that start the process.
            directory: where it runs if there is such a folder here.
            gpu: the only one that it sees; None is every one that the node has.

        Returns:
            0 and what the process replied; or the status that it ended with, nothing, and the last line of
            its standard error.
        """
        if case in self._stopped:  # before it was begun
            return _INTERRUPTED, b"", ""
        server = self._servers.get(gpu)
        if server is None:
            server = self._servers[gpu] = _Server(command, directory, gpu)
        self._serving[case] = server
        try:
            reply = server.ask({**request, "nice": _nice_of_node()})
            if reply:
                return 0, reply, ""
            del self._servers[gpu]
            return server.ending()
        finally:
            del self._serving[case]

    def stop(self, case: str | None = None) -> None:
        """End the process of a case, or all: politely, then by force.

        Args:
            case: its id; None is all.
        """
        if case is not None:
            self._stopped.add(case)
        named = [self._serving.get(case)] if case is not None else list(self._servers.values())
        servers = [each for each in named if each is not None]
        for server in servers:
            server.interrupt()
        for server in servers:
            server.end(within_s=STOP_S)
        serving = list(self._serving.values())
        for gpu, server in list(self._servers.items()):
            if server in servers and server not in serving:  # else whoever waits for its reply reads its end
                del self._servers[gpu]
                server.close()


class _Server:
    """The process of sebench that cases run in. The end of its input tells it that nobody waits any more."""

    def __init__(self, command: list[str], directory: str, gpu: str | None) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `close` does
        self._process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environ_of_case(gpu),
            cwd=directory if Path(directory).is_dir() else None,
            start_new_session=True,
        )

    def ask(self, request: dict[str, Any]) -> bytes:
        """Its reply to a request; nothing where it has ended instead."""
        assert self._process.stdin is not None  # noqa: S101 - stdin=PIPE
        assert self._process.stdout is not None  # noqa: S101 - stdout=PIPE
        with contextlib.suppress(BrokenPipeError):  # its status says why
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        return line if line.endswith(b"\n") else b""

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def end(self, within_s: float) -> None:
        """By itself within a time, or else by force, with everything in its group."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=within_s)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def ending(self) -> tuple[int, bytes, str]:
        """The status that it ended with, nothing, and the last line of its standard error."""
        self.end(within_s=STOP_S)
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _LAST_WORDS_BYTES))
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        self.close()
        return self._process.returncode, b"", lines[-1] if lines else ""

    def close(self) -> None:
        """All streams of one that has ended."""
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()


def environ_of_case(gpu: str | None = None) -> dict[str, str]:
    """The variables of this process as the node was started with, but for the GPUs that Ray gave to it.

    Ray sets OMP_NUM_THREADS to what it was asked for in processors. It would be recorded as the user's wish,
    and results of a node would not be comparable with those of the same machine without Ray.
    """
    environ = dict(os.environ)
    if "OMP_NUM_THREADS" not in _given():
        environ.pop("OMP_NUM_THREADS", None)
    return environ if gpu is None else {**environ, "CUDA_VISIBLE_DEVICES": gpu}


def _given() -> set[str]:
    """Variables that this process was started with; Ray sets its own later. None where Linux does not say."""
    try:
        content = Path("/proc/self/environ").read_bytes()
    except OSError:
        return set()
    return {entry.partition(b"=")[0].decode(errors="replace") for entry in content.split(b"\0") if entry}


def _nice_of_node() -> int | None:
    """Of the process that started this one, which Ray itself made nicer."""
    try:
        return os.getpriority(os.PRIO_PROCESS, os.getppid())
    except OSError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.machine()


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
