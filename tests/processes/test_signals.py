"""SIGINT, SIGTERM and SIGHUP end a command alike: cleaned up, one line, 128 and the signal's number."""

import os
import signal
import subprocess
import sys
import time

import pytest

from sebench.cli import _process as signals
from tests.interpreter import FRESH

# A command that takes its time, in its work as in its cleaning up.
COMMAND = """
import sys, time
from pathlib import Path
from sebench.cli import main
from sebench.cli._app import application
from sebench.cli._boundary import guarded

@guarded
def wait() -> None:
    try:
        print("begun", flush=True)
        time.sleep(600)
    except KeyboardInterrupt:
        {reaction}
    finally:
        time.sleep(0.3)
        Path("cleaned").touch()

application("wait").command("wait")(wait)
sys.argv = ["sebench", "wait"]
main()
"""


def start(folder, reaction="raise", ignored=()):
    def dispositions():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    process = subprocess.Popen(
        [FRESH, "-c", COMMAND.format(reaction=reaction)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=dispositions,  # noqa: PLW1509 - no threads here
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGINT, "interrupted"),
        (signal.SIGTERM, "ended by SIGTERM"),
        (signal.SIGHUP, "ended by SIGHUP"),
    ],
)
def test_it_cleans_up_and_says_so_in_one_line(tmp_path, number, said):
    process = start(tmp_path)
    process.send_signal(number)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out, error) == (128 + number, "", f"sebench: error: {said}\n")
    assert (tmp_path / "cleaned").exists()


def test_one_more_signal_does_not_disturb_the_cleaning_up(tmp_path):
    process = start(tmp_path)
    process.send_signal(signal.SIGINT)
    for _ in range(3):  # as CI systems do
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "sebench: error: interrupted\n")
    assert (tmp_path / "cleaned").exists()


def test_an_error_that_something_made_of_it_is_still_the_signal(tmp_path):
    process = start(tmp_path, reaction="raise ValueError('half-way')")
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (143, "sebench: error: ended by SIGTERM\n")


def test_what_is_ignored_stays_ignored(tmp_path):
    process = start(tmp_path, ignored=(signal.SIGHUP,))
    process.send_signal(signal.SIGHUP)  # nohup
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with signals.interruptible():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
