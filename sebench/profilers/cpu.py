"""The CPU as a device: thread count, denormals and garbage collection under control."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class CpuDevice:
    """Times on `time.perf_counter`; nothing is asynchronous, so there is nothing to synchronize."""

    name = "cpu"

    def __init__(self, *, threads: int) -> None:
        torch.set_num_threads(threads)

    def clock(self) -> float:
        """Monotonic seconds with sub-microsecond resolution."""
        return time.perf_counter()

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def pause(self, duration_s: float) -> None:
        """Sleep between segments (never inside one)."""
        time.sleep(duration_s)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Garbage collection off and denormals flushed to zero, both restored afterwards.

        Random weights behind sigmoids can produce denormals, which slow x86 arithmetic many-fold and
        would be blamed on the attention module.
        """
        was_enabled = gc.isenabled()
        gc.collect()
        gc.disable()
        torch.set_flush_denormal(True)
        try:
            yield
        finally:
            torch.set_flush_denormal(False)
            if was_enabled:
                gc.enable()
