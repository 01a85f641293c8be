"""What training steps take."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

import torch


class StepClock:
    """Times what is done in its with-statements: on an accelerator by its own events, without waiting for it.

    Args:
        device: that the steps run on.
    """

    def __init__(self, device: torch.device) -> None:
        self._module: Any = None if device.type == "cpu" else torch.get_device_module(device)
        self._times: list[float] = []
        self._events: list[tuple[Any, Any]] = []
        self._begun: Any = None

    def __enter__(self) -> None:
        self._begun = self._now()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._module is None:
            self._times.append(time.perf_counter() - self._begun)
        else:
            self._events.append((self._begun, self._now()))

    def drain(self) -> list[float]:
        """Seconds of each since it was asked last; waits until the last is over."""
        if self._events:
            self._events[-1][1].synchronize()
            self._times += [begin.elapsed_time(end) / 1e3 for begin, end in self._events]
            self._events = []
        times, self._times = self._times, []
        return times

    def _now(self) -> Any:  # noqa: ANN401 - seconds, or an event
        if self._module is None:
            return time.perf_counter()
        event = self._module.Event(enable_timing=True)
        event.record()
        return event
