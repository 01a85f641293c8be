"""``python -m sebench.worker``: started by the runner, speaks the protocol on stdin and stdout."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from sebench.profilers.probes import read_probe

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _end_with_parent() -> None:
    """Ask Linux to end this process with the one that started it, which may be killed without a word."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    _end_with_parent()
    # Whatever a network prints must not end up among the replies: keep the pipe, point stdout at stderr.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # An OpenMP runtime binds this thread to one of its CPUs as soon as torch is imported.
    cpus = read_probe().cpus
    from sebench.worker.serve import serve

    serve(sys.stdin.buffer, replies, cpus=cpus)
