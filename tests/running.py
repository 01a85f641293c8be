"""Questions about other processes, which may end between two of them."""

from __future__ import annotations

import signal
import time

import psutil


def heeding_ctrl_c():
    """For ``preexec_fn``: where tests run in the background, the shell has them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def children_of(pid):
    """The processes that it started, and those that these started; none if it has ended."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def command_of(process):
    """Its command line; empty if it ended after it was listed, as what asks the system for a version does."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def assert_gone(pid, *, within_s):
    """Wait until it has ended, whether or not its parent has asked how."""
    deadline = time.monotonic() + within_s
    while not has_ended(pid):
        assert time.monotonic() < deadline, f"process {pid} lives on"
        time.sleep(0.01)


def has_ended(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
