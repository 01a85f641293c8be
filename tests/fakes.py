"""Doubles for the clock and the device: costs are set, so every outcome is exact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sebench.profilers.device import Timing

CANARY_S = 0.004


class FakeDevice:
    """Time passes only when a step runs or somebody pauses.

    `cost_s` is called with the time and returns what the step costs, so drift and neighbours can be played.
    """

    name = "cpu"

    def __init__(self) -> None:
        self.now_s = 0.0
        self.log: list[str] = []

    def clock(self) -> float:
        return self.now_s

    def timed(self, step, count: int) -> Timing:
        self.log.append("sync")
        steps_s, forward_s = [], []
        for _ in range(count):
            start_s, self._marked_s = self.now_s, None
            step()
            steps_s.append(self.now_s - start_s)
            if self._marked_s is not None:
                forward_s.append(self._marked_s - start_s)
        return Timing(steps_s=tuple(steps_s), forward_s=tuple(forward_s))

    def mark(self) -> None:
        self._marked_s = self.now_s

    def canary_s(self) -> float:
        return CANARY_S

    def state(self) -> None:
        return None

    def pause(self, duration_s: float) -> None:
        self.now_s += duration_s

    @contextmanager
    def quiet(self) -> Iterator[None]:
        yield

    def step(self, letter: str, cost_s):
        """A step that costs `cost_s` seconds, or `cost_s(now)`."""

        def run() -> None:
            self.log.append(letter)
            self.now_s += cost_s(self.now_s) if callable(cost_s) else cost_s

        return run
