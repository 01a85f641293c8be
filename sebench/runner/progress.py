"""Where a running measurement stands, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sebench.statistics import RatioEstimate

Stage = Literal["counted", "waiting", "preparing", "measuring", "measured", "memory", "energy"]
"""The exact part is known; another run holds the device; a process starts; measures blocks; has ended; what
follows the times."""


@dataclass(frozen=True)
class Holder:
    """A run that holds the device."""

    pid: int
    command: str
    """As it was typed, e.g. ``sebench compare --model resnet50``."""

    def __str__(self) -> str:
        return f"pid {self.pid}: {self.command}"


@dataclass(frozen=True)
class Progress:
    """Where a running measurement stands."""

    stage: Stage
    title: str
    """Of the pair, e.g. ``resnet50: se against plain``; with its workload where the pair has several."""
    session: int
    """Of the pairs and workloads that are measured one after the other, from 0."""
    sessions: int
    process: int
    """Of this session, from 0; `processes` are planned."""
    processes: int
    block: int
    """How many this process has measured; `blocks` are planned."""
    blocks: int
    least_blocks: int = 0
    """Measured of a process however long they take; 0 under a hard budget."""
    elapsed_s: float = 0.0
    """Since the measurement began; waiting for other runs does not count."""
    left_s: float | None = None
    """What all that is planned will still take, never more than a hard budget leaves. Before the first
    process is ready that is what the effort aims at. None while memory or energy is measured."""
    aim_s: float | None = None
    """What the effort aims at, or the budget allows, for everything."""
    exact: Mapping[str, float] = field(default_factory=dict)
    """Candidate / baseline of what is counted, by metric (``params``, ``macs``, ...); told once for each
    pair, at the stage ``counted``."""
    ratio: RatioEstimate | None = None
    """Candidate / baseline so far; None until there is something to say. From its second process on, of
    those that have ended: a few blocks say little of a process."""
    holder: Holder | None = None
    """The run that is waited for, where it says who it is."""

    @property
    def is_interim(self) -> bool:
        """Whether more blocks are planned.

        An interval is a result only when all of them are measured: their number is fixed beforehand, and
        nobody is to stop where an interval suits.
        """
        if self.stage == "measured":
            return self.process + 1 < self.processes
        return self.stage not in ("memory", "energy")

    @property
    def completed(self) -> float:
        """The part of the whole that is done, from 0 to 1."""
        within = self.block / self.blocks if self.blocks else 0.0
        done = self.process + (1.0 if self.stage == "measured" else within)
        return (self.session + min(done / self.processes, 1.0)) / self.sessions


Observer = Callable[[Progress], None]
"""Told about every step; what it raises ends the measurement."""


def unobserved(_: Progress) -> None:
    """An observer for whoever does not ask."""
