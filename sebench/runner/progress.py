"""Where a running measurement stands, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sebench.statistics import Headline


@dataclass(frozen=True)
class Progress:
    """Where a running measurement stands; `ratio` is None until there is something to say."""

    session: int
    sessions: int
    title: str
    """Of the pair, e.g. ``resnet50: se against plain``."""
    process: int
    processes: int
    block: int
    blocks: int
    ratio: Headline | None = None
    waiting: bool = False
    """Another run holds the device."""
    activity: str = ""
    """What goes on once the times are taken, e.g. ``energy``."""


Observer = Callable[[Progress], None]
