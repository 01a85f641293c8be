"""An interpreter that has imported torch, and forks for everybody who asks: ``server.py SOCKET EXECUTABLE``.

A test that starts ten processes would otherwise wait ten times for two seconds of imports. What is forked is
as fresh as a new interpreter, but for the libraries that it finds imported: none of them is sebench, and none
has been used. SOCKET is the number of the socket that it listens on. It lives until its input is closed.
"""

import atexit
import contextlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
import warnings
from array import array
from pathlib import Path

LIBRARIES = ("torch", "torchvision", "scipy.stats", "msgspec", "fvcore.nn", "jinja2")


class Program:
    """What was forked for one client."""

    def __init__(self, pid, client):
        self.pid, self.client = pid, client
        self.exit = os.pidfd_open(pid)

    def fileno(self):
        return self.client.fileno()

    def goes_on(self, ready):
        """Pass on what the client was sent, or how the program ended; whether it still runs."""
        if self.exit in ready:
            _, status = os.waitpid(self.pid, 0)
            self.close(status)
            return False
        numbers = self.client.recv(64) if self in ready else None
        if numbers == b"":
            self.kill()
            return False
        for number in numbers or b"":
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
        return True

    def kill(self):
        """End it, and all that it has started in its group."""
        with contextlib.suppress(ProcessLookupError):  # of a group: it may not have one of its own yet
            os.killpg(self.pid, signal.SIGKILL)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.close()

    def close(self, status=None):
        if status is not None:
            with contextlib.suppress(OSError):
                self.client.sendall(status.to_bytes(4, "big"))
        self.client.close()
        os.close(self.exit)


def serve(listener, executable):
    """Fork for every client, until standard input is closed."""
    programs = []
    while True:
        waiting = [0, listener, *programs, *(program.exit for program in programs)]
        ready, _, _ = select.select(waiting, [], [])
        if 0 in ready and not os.read(0, 1):
            break
        programs = [program for program in programs if program.goes_on(ready)]
        if listener in ready:
            client, _ = listener.accept()
            programs.append(fork(client, [listener, *programs], executable))
    for program in programs:
        program.kill()


def fork(client, inherited, executable):
    """Start what a client asks for; `inherited` is what it has to close."""
    request, streams = receive(client)
    pid = os.fork()
    if pid == 0:
        for opened in (*inherited, client):
            opened.close()
        become(request, streams, executable)
    for number in streams.values():
        os.close(number)
    return Program(pid, client)


def receive(client):
    """The request of a client, and its streams by number."""
    head, ancillary, _, _ = client.recvmsg(64, socket.CMSG_SPACE(3 * 4))
    numbers = head[9 : head[0] + 1]
    descriptors = array("i")
    for _, _, data in ancillary:
        descriptors.frombytes(data)
    length, body = int.from_bytes(head[1:9], "big"), head[head[0] + 1 :]
    while len(body) < length:
        body += client.recv(length - len(body))
    return json.loads(body.decode("utf-8", "surrogateescape")), dict(zip(numbers, descriptors, strict=True))


def become(request, streams, executable):
    """Be a fresh interpreter with these streams, variables and arguments; does not return."""
    status = 1
    try:
        os.setsid()
        for number in (0, 1, 2):
            if number in streams:
                os.dup2(streams[number], number)
            else:
                os.close(number)
        for number in streams.values():
            if number > 2:
                os.close(number)
        for number in request["ignored"]:
            signal.signal(number, signal.SIG_IGN)
        os.sched_setaffinity(0, request["affinity"])
        os.environ.clear()
        os.environ.update(request["environ"])
        os.chdir(request["directory"])
        os.getppid = lambda: request["parent"]  # whoever asked, not this server
        open_streams(streams)
        sys.executable, sys.orig_argv = executable, request["argv"]
        status = run(request["argv"][1:])
    except BaseException:  # noqa: BLE001 - the server's own loop must never go on in here
        traceback.print_exc()
    finally:
        os._exit(status)


def open_streams(streams):
    """`sys.stdin` and its like, as Python opens them."""
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8").partition(":")[0] or "utf-8"
    modes = {
        0: ("stdin", "r", "strict"),
        1: ("stdout", "w", "strict"),
        2: ("stderr", "w", "backslashreplace"),
    }
    for number, (name, mode, errors) in modes.items():
        stream = None
        if number in streams:
            raw = open(number, mode + "b", buffering=-1, closefd=False)  # noqa: SIM115
            lines = number == 2 or os.isatty(number)
            stream = io.TextIOWrapper(raw, encoding=encoding, errors=errors, line_buffering=lines)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def run(arguments):
    """Run what Python is asked to run; the exit status. A signal that ends Python ends this process."""
    safe = arguments[:1] == ["-P"]
    form, *rest = arguments[1:] if safe else arguments
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    first = {"-m": str(Path.cwd()), "-c": ""}.get(form, str(Path(form).resolve().parent))
    sys.path[:0] = paths if safe else [first, *paths]
    sys.argv = [form, *rest] if form not in {"-m", "-c"} else [form, *rest[1:]]
    sys.modules.pop("sitecustomize", None)
    with contextlib.suppress(ImportError):
        import sitecustomize  # noqa: F401
    status = 0
    try:
        if form == "-m":
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        elif form == "-c":
            exec(compile(rest[0], "<string>", "exec"), vars(sys.modules["__main__"]))  # noqa: S102
        else:
            run_file(form)
    except SystemExit as end:
        status = exit_status(end)
    except KeyboardInterrupt:
        traceback.print_exc()
        status = None
    except BaseException:  # noqa: BLE001 - as Python does
        error = sys.exception()
        sys.excepthook(type(error), error, error.__traceback__.tb_next)
        status = 1
    leave(status)
    return status


def run_file(path):
    main = sys.modules["__main__"]
    main.__file__ = path
    with io.open_code(path) as file:
        exec(compile(file.read(), path, "exec"), vars(main))  # noqa: S102


def exit_status(end):
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    print(end.code, file=sys.stderr)  # noqa: T201
    return 1


def leave(status):
    """What Python does at its end; a KeyboardInterrupt that nobody caught ends it by that signal."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    if status is None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    _, given_socket, given_executable = sys.argv
    if os.fork():  # a test that looks for processes it has left behind is not to find this one
        os._exit(0)
    del sys.path[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for library in LIBRARIES:
            __import__(library)
    # What is forked has a `__main__` of its own, with nothing of this file in it.
    this_file = sys.modules["__main__"]
    sys.modules["__main__"] = type(sys)("__main__")
    serve(socket.socket(fileno=int(given_socket)), given_executable)
