"""Processes that do not end as they should: whatever they leave behind, nobody waits for it."""

import os

import psutil
import pytest

from sebench.runner.workers.child import Child, ChildGone
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
