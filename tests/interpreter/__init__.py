"""A Python interpreter for tests that has torch imported when it starts: `shared_interpreter`."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FRESH = sys.executable
"""The interpreter itself, for tests of what it imports and how it ends."""
_FOLDER = Path(__file__).parent
_PROGRAM = """#!{python} -IS
import sys
sys.path.append({folder!r})
from client import main
main({python!r}, {address!r}, {executable!r})
"""


@contextmanager
def shared_interpreter() -> Iterator[str]:
    """A program to be used like `sys.executable`. All that it runs is forked from one process.

    That process is started when the program is first used. It ends with the with-statement, together with
    everything that it still runs.
    """
    with tempfile.TemporaryDirectory(prefix="sebench-tests-") as folder:
        address, program = Path(folder, "socket"), Path(folder, "python")
        values = {"folder": str(_FOLDER), "address": str(address), "executable": str(program)}
        program.write_text(_PROGRAM.format(python=FRESH, **values))
        program.chmod(0o755)
        listener, (inner, outer) = socket.socket(socket.AF_UNIX), socket.socketpair()
        listener.bind(str(address))
        listener.listen(64)

        def serve_when_asked() -> None:
            ready, _, _ = select.select([listener, inner], [], [])
            if inner not in ready:
                command = [FRESH, str(_FOLDER / "server.py"), str(listener.fileno()), str(program)]
                subprocess.run(command, stdin=inner, pass_fds=[listener.fileno()], check=False)

        thread = threading.Thread(target=serve_when_asked, daemon=True)
        thread.start()
        yield str(program)
        outer.close()
        thread.join(timeout=10)
        for opened in (listener, inner):
            opened.close()
