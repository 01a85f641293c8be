"""Standard streams that are closed, full or cut off: one line where there is a place for it."""

import os
import subprocess

import pytest
import typer

from sebench.cli._boundary import complain, emit, guarded, say
from sebench.errors import DataFileError
from tests.interpreter import FRESH

HOSTILE = "a\x1b]0;title\x07b\u202ec\x9b31m\u2028d\r\n  größe 大"
INERT = r"a\x1b]0;title\x07b\u202ec\x9b31m d größe 大"
OUT = "sebench: error: cannot write to standard output: "


def run(script, **variables):
    """A shell line with ``$S`` for sebench."""
    return subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "S": f"{FRESH} -m sebench", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("script", "status", "errors"),
    [
        ("$S list tables >&-", 1, f"{OUT}it is closed; name a file with --output\n"),
        ("$S --help >&-", 1, f"{OUT}it is closed; name a file with --output\n"),
        ("$S list tables >/dev/full", 1, f"{OUT}No space left on device; name a file with --output\n"),
        ("$S list banana 2>&-", 2, ""),
        ("$S list banana 2>/dev/full", 2, ""),
        ("$S list tables <&- >&- 2>&-", 1, ""),
        ("$S list tables -o tables.txt >&- && grep -c imagenet -i tables.txt >/dev/null", 0, ""),
        ("set -o pipefail; $S list models | head -1 >/dev/null", 0, ""),
    ],
)
def test_each_ends_with_its_own_status(tmp_path, monkeypatch, script, status, errors):
    monkeypatch.chdir(tmp_path)
    done = run(script)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", errors)


def test_a_stream_of_few_letters_gets_the_others_spelt_out():
    done = run("$S list tables --format csv", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()


def test_what_is_said_is_one_harmless_line(capsys):
    say(HOSTILE)
    complain(HOSTILE)
    assert capsys.readouterr().err == f"{INERT}\nsebench: error: {INERT}\n"


def test_a_line_without_end_is_cut(capsys):
    say("x" * 100_000)
    assert capsys.readouterr().err == f"{'x' * 4000} ...\n"


class SilentError(RuntimeError):
    def __str__(self):
        raise ValueError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError(""), "internal error: RuntimeError; run again with --debug and report it"),
        (SilentError(), "internal error: SilentError; run again with --debug and report it"),
        (KeyError("x\ny\x07"), r"internal error: KeyError: 'x\ny\x07'; run again with --debug and report it"),
        (
            RuntimeError(HOSTILE),
            f"internal error: RuntimeError: {INERT}; run again with --debug and report it",
        ),
        (MemoryError(), "out of memory; close other programs, or ask for less at a time"),
        (
            OSError(24, "Too many open files", "some"),
            "some: Too many open files; run again with --debug to see where",
        ),
        (OSError("odd"), "OSError: odd; run again with --debug to see where"),
        (SystemExit(0), "stopped by SystemExit: 0 in other code; run again with --debug to see where"),
        (DataFileError(HOSTILE, hint=HOSTILE), f"{INERT}; {INERT}"),
    ],
)
def test_whatever_is_raised_is_one_line_and_status_1(capsys, error, message):
    @guarded
    def command():
        raise error

    with pytest.raises(typer.Exit) as ended:
        command()
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == f"sebench: error: {message}\n"


def test_what_took_minutes_goes_to_standard_output_where_its_file_cannot_be_written(capsys):
    with pytest.raises(DataFileError, match="cannot write /dev/full: No space left on device"):
        emit("table", "/dev/full", measured=True)
    assert capsys.readouterr().out == "table\n"
    with pytest.raises(DataFileError):
        emit("table", "/dev/full")
    assert capsys.readouterr().out == ""
