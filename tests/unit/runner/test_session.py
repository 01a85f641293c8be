"""A worker that is gone before it has read what it was asked."""

import sys

import psutil
import pytest

from sebench.runner.session import WorkerDied, WorkerSession
from sebench.schema import ModelSpec
from sebench.worker.protocol import CountRequest

# Longer than a pipe holds, so that writing it waits for a reader, and fails once there will be none.
UNREAD = CountRequest(
    spec=ModelSpec(model="x" * 2**20), input_shape=(1, 3, 8, 8), phase="inference", dtype="float32"
)


def test_a_worker_that_reads_nothing_leaves_nothing_open():
    before = psutil.Process().num_fds()
    with pytest.raises(WorkerDied, match="ended with status 7") as died:
        WorkerSession(UNREAD, command=(sys.executable, "-c", "exit(7)"), environ={}, timeout_s=60)
    assert psutil.Process().num_fds() == before
    assert died.traceback  # which would keep alive what was not closed
