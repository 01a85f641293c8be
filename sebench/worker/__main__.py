"""``python -m sebench.worker``: started by the runner, speaks the protocol on stdin and stdout."""

from __future__ import annotations

import os
import sys

from sebench.worker.serve import serve

if __name__ == "__main__":
    # Whatever a network prints must not end up among the replies: keep the pipe, point stdout at stderr.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, replies)
