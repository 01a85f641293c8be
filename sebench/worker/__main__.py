"""The worker: started by the runner as a file, speaks the protocol on what were its stdin and stdout."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib.util
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import BinaryIO

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _end_with_parent() -> None:
    """Ask Linux to end this process with the one that started it, which may be killed without a word."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Requests and replies, on descriptors that no network's code knows.

    Whatever is printed, even past Python, goes to standard error; whoever reads from standard input finds its
    end. A forked child has neither pipe, so that it cannot speak for this process or keep it from ending.
    """
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)

    def leave_pipes() -> None:
        for descriptor in (requests, replies):
            os.dup2(null, descriptor, inheritable=False)

    os.register_at_fork(after_in_child=leave_pipes)
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb", buffering=0)


def _load_package() -> None:
    """Load the very package that this file is a part of; its folder is no place to import others from."""
    if "sebench" in sys.modules:
        return
    folder = Path(__file__).resolve().parents[1]
    spec = importlib.util.spec_from_file_location("sebench", folder / "__init__.py")
    assert spec is not None  # noqa: S101 - it is Python source
    assert spec.loader is not None  # noqa: S101 - likewise
    package = sys.modules["sebench"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)


def _work(requests: BinaryIO, replies: BinaryIO) -> int:
    """The exit status."""
    from sebench.profilers.probes import read_probe  # noqa: PLC0415 - there is no package before

    # An OpenMP runtime binds this thread to one of its CPUs as soon as torch is imported.
    cpus = read_probe().cpus
    # What is imported is no garbage, and looking for some in between takes a sixth of the time.
    gc.disable()
    from sebench.worker.serve import serve  # noqa: PLC0415 - imports torch

    gc.freeze()
    gc.enable()

    try:
        serve(requests, replies, cpus=cpus, exit_hooks=atexit._run_exitfuncs)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    return 0


if __name__ == "__main__":
    status = 1
    try:
        _end_with_parent()
        pipes = _take_pipes()
        _load_package()
        status = _work(*pipes)
    except BaseException:  # noqa: BLE001 - told by its last line
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        # A thread that a network's code has left behind must not hold up the end.
        os._exit(status)
