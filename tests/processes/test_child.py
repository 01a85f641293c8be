"""Processes that do not end as they should: whatever they leave behind, nobody waits for it."""

import os

import psutil
import pytest

from sebench.runner.workers.child import (
    Child,
    ChildGone,
    TimeLimitReached,
    leave_out_of_limit,
    time_limit,
)
from tests.interpreter import FRESH
from tests.running import assert_gone

# A bound against hanging, which is never measured.
FOR_EVER_S = 600.0
# Reports the id of a child that holds all pipes; `detach` makes it leave the group of its parent.
FORK = """
import os, signal
child = os.fork()
if not child:
    {detach}
    signal.pause()
os.write(1, b"%d\\n" % child)
"""


@pytest.fixture
def child():
    """Starts a script; afterwards no descriptor of it is open."""
    before, started = psutil.Process().num_fds(), []

    def start(script, executable=FRESH):
        started.append(Child((executable, "-c", script), environ=os.environ, directory=None))
        return started[-1]

    yield start
    for each in started:
        each.end(patience_s=0.0)
    assert psutil.Process().num_fds() == before


@pytest.mark.parametrize("ending", ["os._exit(3)", "os.kill(os.getpid(), signal.SIGSEGV)"])
def test_the_end_of_a_process_counts_though_a_child_of_it_holds_the_pipe(child, ending):
    parent = child(FORK.format(detach="") + ending)
    forked = int(parent.read_line(timeout_s=FOR_EVER_S))
    assert parent.read_line(timeout_s=FOR_EVER_S) == b""
    expected = "ended with status 3" if "exit" in ending else "was killed by SIGSEGV"
    assert parent.cause_of_death() == expected
    assert_gone(forked, within_s=FOR_EVER_S)


def test_what_left_the_group_is_not_waited_for(child):
    parent = child(FORK.format(detach="os.setsid()") + "os._exit(3)")
    forked = int(parent.read_line(timeout_s=FOR_EVER_S))
    try:
        assert parent.read_line(timeout_s=FOR_EVER_S) == b""
        parent.end()
        assert psutil.pid_exists(forked)
    finally:
        psutil.Process(forked).kill()


def test_a_process_that_closes_its_output_and_goes_on_is_ended(child, monkeypatch):
    monkeypatch.setattr("sebench.runner.workers.child.STOP_S", 0.1)
    alive = child("import os, signal\nos.close(1)\nsignal.pause()")
    assert alive.read_line(timeout_s=FOR_EVER_S) == b""
    assert alive.cause_of_death() == "closed its output but kept running"
    assert_gone(alive.pid, within_s=FOR_EVER_S)


def test_one_that_does_not_listen_is_not_waited_for(child):
    deaf = child("import signal; signal.pause()")
    with pytest.raises(TimeoutError):
        deaf.write(b"x" * 2**20, timeout_s=0.05)  # more than a pipe holds
    ended = child("pass")
    with pytest.raises(ChildGone):
        ended.write(b"x" * 2**20, timeout_s=FOR_EVER_S)


def test_lines_are_whole_however_they_are_written(child):
    script = "import os\nfor part in (b'on', b'e\\n' + b't' * 10**6, b'\\nrest'):\n    os.write(1, part)"
    writer = child(script)
    found = [writer.read_line(timeout_s=FOR_EVER_S) for _ in range(4)]
    assert found == [b"one\n", b"t" * 10**6 + b"\n", b"rest", b""]


def test_one_that_is_still_writing_is_ended_too(child):
    writer = child("import os\nwhile True:\n    os.write(1, b'words\\n')")
    writer.end(patience_s=0.05)
    assert_gone(writer.pid, within_s=FOR_EVER_S)


def test_without_descriptors_of_processes_polling_does(child, monkeypatch):
    monkeypatch.delattr(os, "pidfd_open", raising=False)  # as on macOS
    parent = child(FORK.format(detach="") + "os._exit(3)")
    forked = int(parent.read_line(timeout_s=FOR_EVER_S))
    assert parent.read_line(timeout_s=FOR_EVER_S) == b""
    assert parent.cause_of_death() == "ended with status 3"
    assert_gone(forked, within_s=FOR_EVER_S)


# --- a limit to all that is done ------------------------------------------------------------------------


def test_within_a_limit_no_wait_is_longer(child):
    silent = child("import time; time.sleep(600)")
    with time_limit(0.05), pytest.raises(TimeLimitReached, match=r"^timed out after 0.05 s$"):
        silent.read_line(timeout_s=FOR_EVER_S)


def test_one_that_never_stops_talking_is_not_listened_to_for_ever(child):
    talker = child("while True: print(1, flush=True)")
    lines = iter(lambda: talker.read_line(timeout_s=FOR_EVER_S), b"")
    with time_limit(0.05), pytest.raises(TimeLimitReached):
        list(lines)


def test_one_that_does_not_listen_is_not_written_to_for_ever(child):
    deaf = child("import time; time.sleep(600)")
    with time_limit(0.05), pytest.raises(TimeLimitReached):
        deaf.write(b"x" * 2**24, timeout_s=FOR_EVER_S)


def test_after_the_limit_a_process_is_ended_all_the_same(child):
    forked = child("import time; time.sleep(600)")
    with time_limit(1e-9):
        forked.end(patience_s=FOR_EVER_S)
    assert_gone(forked.pid, within_s=FOR_EVER_S)


def test_time_of_others_is_left_out_and_limits_end_with_their_block(child):
    echo = child("import sys; [print(line, flush=True) for line in sys.stdin]")
    with time_limit(1e-9):
        leave_out_of_limit(FOR_EVER_S)
        echo.write(b"one\n", timeout_s=FOR_EVER_S)
        assert echo.read_line(timeout_s=FOR_EVER_S) == b"one\n"
    echo.write(b"two\n", timeout_s=FOR_EVER_S)
    with time_limit(None):
        assert echo.read_line(timeout_s=FOR_EVER_S) == b"\n"
        assert echo.read_line(timeout_s=FOR_EVER_S) == b"two\n"
