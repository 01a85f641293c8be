"""Talking to a worker that may be gone, silent, or say half of something."""

import sys

import msgspec
import psutil
import pytest
from msgspec.structs import replace

from sebench.runner.measuring.process_plan import silence_limit_s
from sebench.runner.workers.session import (
    WORKER_COMMAND,
    OutOfMemory,
    OutOfTime,
    WorkerDied,
    WorkerFailed,
    WorkerSession,
    ask,
    expect,
)
from sebench.schema import ModelSpec, TimingPolicy, Workload
from sebench.worker.protocol import Alive, CountRequest, Done, Failed, Ready
from tests.interpreter import FRESH

# Longer than a pipe holds, so that writing it waits for a reader, and fails once there will be none.
UNREAD = CountRequest(
    spec=ModelSpec(model="x" * 2**20), input_shape=(1, 3, 8, 8), phase="inference", dtype="float32"
)
REQUEST = replace(UNREAD, spec=ModelSpec(model="toy"))


def test_workers_of_tests_share_the_start_up_of_torch():
    # A conftest that imports it too early would cost each of thousands of workers two seconds.
    assert WORKER_COMMAND[0] == sys.executable


def test_a_worker_that_reads_nothing_leaves_nothing_open():
    before = psutil.Process().num_fds()
    with pytest.raises(WorkerDied, match="ended with status 7") as died:
        WorkerSession(UNREAD, command=(FRESH, "-c", "exit(7)"), environ={}, timeout_s=600)
    assert psutil.Process().num_fds() == before
    assert died.traceback  # which would keep alive what was not closed


def session(script, *, timeout_s=600.0):
    command = (FRESH, "-c", f"import sys, time\n{script}")
    return WorkerSession(REQUEST, command=command, environ={}, timeout_s=timeout_s)


def saying(*messages):
    """A worker that reads its request and says these."""
    lines = b"".join(msgspec.json.encode(message) + b"\n" for message in messages)
    return f"sys.stdin.readline()\nsys.stdout.buffer.write({lines!r})\nsys.stdout.flush()\n"


def test_a_worker_that_dies_in_the_middle_of_a_message_has_died():
    half = 'sys.stdin.readline()\nsys.stdout.write(\'{"type": "Meas\')\nsys.stdout.flush()\n'
    with session(f"{half}sys.exit('no more')") as worker:
        assert_died(worker, "status 1: no more")
    with session(f"{half}import os, signal\nos.kill(os.getpid(), signal.SIGKILL)") as worker:
        assert_died(worker, "killed by SIGKILL")


@pytest.mark.parametrize("text", ["no JSON", '{"type": "Unheard"}', "[]"])
def test_what_is_no_message_is_a_death(text):
    with session(f"print({text!r}, flush=True)\nsys.stdin.read()") as worker:
        assert_died(worker, "sent an invalid message")


def assert_died(worker, words):
    with pytest.raises(WorkerDied, match=words):
        worker.receive()


def test_silence_has_a_limit_that_can_be_raised():
    silent = "sys.stdin.read()"
    with session(silent, timeout_s=0.01) as worker:
        assert_died(worker, r"did not answer for 0\.01 s")
    with session(silent) as worker:
        worker.allow_silence(0.02)
        assert_died(worker, r"did not answer for 0\.02 s")


def test_the_time_until_it_is_ready_has_a_limit_of_its_own():
    line = msgspec.json.encode(Alive()).decode()
    repeat = f"for _ in range(10**5):\n    print({line!r}, flush=True)\nsys.stdin.read()"
    alive = f"import sys\nsys.stdin.readline()\n{repeat}"
    command = (FRESH, "-c", alive)
    with (
        pytest.raises(OutOfTime),
        WorkerSession(REQUEST, command=command, environ={}, timeout_s=600.0, ready_within_s=0.05) as worker,
    ):
        worker.receive()  # however often it says that it lives


def test_what_is_ready_has_time():
    with WorkerSession(
        REQUEST,
        command=(FRESH, "-c", f"import sys, time\n{saying(Done())}"),
        environ={},
        timeout_s=600.0,
        ready_within_s=0.0,
    ) as worker:
        worker.allow_silence(600.0)
        assert worker.receive() == Done()


def test_signs_of_life_are_waited_through():
    with session(saying(Alive(), Alive(), Done())) as worker:
        assert worker.receive() == Done()


def test_the_limit_grows_with_what_a_block_takes():
    policy, eager = TimingPolicy(timeout_s=120.0), Workload(input_shape=(1, 3, 8, 8))
    compiled = replace(eager, runtime="compile")
    assert silence_limit_s(policy, eager) == 120.0
    assert silence_limit_s(policy, eager, block_s=5.0) == 120.0
    assert silence_limit_s(policy, eager, block_s=60.0) == 600.0
    assert silence_limit_s(policy, compiled) == 600.0
    assert silence_limit_s(policy, compiled, block_s=5.0) == 600.0


class Says:
    def __init__(self, reply):
        self.receive = lambda: reply


def test_one_answer_is_expected():
    assert expect(Says(Done()), Done) == Done()
    with pytest.raises(WorkerDied, match="sent Done instead of Ready"):
        expect(Says(Done()), Ready)
    with pytest.raises(OutOfMemory, match="^full$"):
        expect(Says(Failed(code="memory", message="full")), Done)
    with pytest.raises(WorkerFailed, match="^no$") as caught:
        expect(Says(Failed(code="build", message="no")), Done)
    assert not isinstance(caught.value, OutOfMemory)


def test_asking_is_one_request_and_one_answer():
    command = (FRESH, "-c", f"import sys\n{saying(Alive(), Done())}")
    assert ask(REQUEST, Done, command=command, environ={}, timeout_s=600.0) == Done()
