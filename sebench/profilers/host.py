"""Files of the host under an injectable root: whatever cannot be read is None, never an exception."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

LIVE_ROOT = Path("/")
SYS_CPU = "sys/devices/system/cpu"

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Host:
    """Read-only view of one machine's ``/proc`` and ``/sys``.

    Attributes:
        root: Directory that stands for ``/``.
        live: Whether this is the machine we run on, so that system calls (psutil, ``os``) may fill in what
            no file tells. A tree captured elsewhere must not be completed with facts of this machine.
    """

    root: Path = LIVE_ROOT
    live: bool = True

    @classmethod
    def at(cls, root: Path) -> Host:
        """The machine whose file system is at `root`; live only for ``/``."""
        return cls(root=root, live=root == LIVE_ROOT)

    def text(self, path: str) -> str | None:
        """Contents of `path` (relative to the root) without surrounding blanks, or None."""
        try:
            # Device-tree strings end in NUL; /proc and /sys promise no encoding.
            return (self.root / path).read_bytes().decode(errors="replace").strip("\0 \t\n")
        except (OSError, ValueError):
            return None

    def integer(self, path: str) -> int | None:
        """The decimal integer that `path` holds, or None."""
        return to_integer(self.text(path))

    def exists(self, path: str) -> bool:
        """Whether `path` is there; False also where looking is not allowed."""
        try:
            return (self.root / path).exists()
        except (OSError, ValueError):
            return False

    def names(self, path: str) -> tuple[str, ...]:
        """What the folder `path` holds, sorted; empty if unreadable."""
        try:
            return tuple(sorted(entry.name for entry in (self.root / path).iterdir()))
        except OSError:
            return ()

    def refusal(self, path: str) -> str | None:
        """Why `path` cannot be read, in the system's words; None where it can."""
        try:
            (self.root / path).read_bytes()
        except OSError as error:
            return error.strerror
        return None

    def keyed_integers(self, path: str) -> dict[str, int]:
        """A flat-keyed file (``nr_throttled 3`` or ``MemTotal: 16 kB`` per line); empty if unreadable."""
        pairs = (line.replace(":", " ").split() for line in (self.text(path) or "").splitlines())
        numbers = ((pair[0], to_integer(pair[1])) for pair in pairs if len(pair) > 1)
        return {key: number for key, number in numbers if number is not None}

    def ask(self, question: Callable[[], Answer]) -> Answer | None:
        """What a system call answers where no file tells; None unless live, or where it is refused."""
        if not self.live:
            return None
        try:
            return question()
        except (OSError, psutil.Error, RuntimeError, RuntimeWarning):
            return None


def to_integer(text: str | None) -> int | None:
    """`text` as a decimal integer, or None where it is not one (``max``, ``<not supported>``)."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def parse_cpu_list(text: str | None) -> tuple[int, ...] | None:
    """The kernel's list format: ``"0-2,8"`` -> ``(0, 1, 2, 8)``; None where unreadable or empty."""
    if not text:
        return None
    cpus: set[int] = set()
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            cpus.update(range(int(first), int(last or first) + 1))
    except ValueError:
        return None
    return tuple(sorted(cpus))


def lowest(values: Iterable[float | None]) -> float | None:
    """The smallest known value; None where none is known."""
    return min((value for value in values if value is not None), default=None)


def count_of(values: Sized | None) -> int | None:
    """How many there are; None where they are unknown."""
    return None if values is None else len(values)
