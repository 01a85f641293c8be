"""Stands in for the Python interpreter: has a `server.py` run what the interpreter was asked for.

What it is asked is what Python is asked: ``[-P] FILE``, ``-m MODULE`` or ``-c CODE`` with arguments. Input,
output, errors, variables and folder are those of this process, and so is the end: exit status or signal.
Imports as little as it can, because its start is what a test waits for.
"""

import ctypes
import json
import os
import signal
import socket
import sys
from array import array

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PDEATHSIG = 1  # linux/prctl.h


def asks_for_a_program(arguments):
    """Whether it is one of the three forms that the server knows, in a folder that there is."""
    try:
        os.getcwd()  # noqa: PTH109 - pathlib takes time
    except FileNotFoundError:
        return False
    rest = arguments[1:] if arguments[:1] == ["-P"] else arguments
    return len(rest) > 0 and (rest[0] in {"-m", "-c"} or not rest[0].startswith("-"))


def end_like(status):
    """End as the process of that wait status did."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def main(real, address, executable):
    arguments = sys.argv[1:]
    if not asks_for_a_program(arguments):
        os.execv(real, [real, *arguments])  # noqa: S606
    # The end of whoever waits for us is our end, and the server then ends what it runs for us.
    ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGKILL)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.connect(address)
    request = {
        "argv": [executable, *arguments],
        "environ": dict(os.environ),
        "directory": os.getcwd(),  # noqa: PTH109
        "parent": os.getppid(),
        "affinity": sorted(os.sched_getaffinity(0)),
        "ignored": [int(number) for number in FORWARDED if signal.getsignal(number) == signal.SIG_IGN],
    }
    body = json.dumps(request).encode("utf-8", "surrogateescape")
    streams = [number for number in (0, 1, 2) if is_open(number)]
    head = len(body).to_bytes(8, "big") + bytes(streams)
    head = bytes([len(head)]) + head
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", streams))]
    server.sendmsg([head], rights)
    server.sendall(body)
    for number in FORWARDED:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, frame: server.send(bytes([number])))
    # Only the program has the streams now: their other ends are to see when it closes them.
    null = os.open(os.devnull, os.O_RDWR)
    for number in streams:
        os.dup2(null, number)
    answer = b""
    while len(answer) < 4 and (part := server.recv(4 - len(answer))):
        answer += part
    end_like(int.from_bytes(answer, "big") if len(answer) == 4 else 1 << 8)


def is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
