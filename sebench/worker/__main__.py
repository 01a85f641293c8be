"""``python -m sebench.worker``: started by the runner, speaks the protocol on stdin and stdout."""

from __future__ import annotations

import os
import sys

from sebench.profilers.probes import read_probe

if __name__ == "__main__":
    # Whatever a network prints must not end up among the replies: keep the pipe, point stdout at stderr.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # An OpenMP runtime binds this thread to one of its CPUs as soon as torch is imported.
    cpus = read_probe().cpus
    from sebench.worker.serve import serve

    serve(sys.stdin.buffer, replies, cpus=cpus)
