"""Files of the host under an injectable root, and its CPUs: what cannot be read is None, no exception."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sized
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


CpuInfo = tuple[Mapping[str, str], ...]
"""``/proc/cpuinfo``, one mapping per logical CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Logical CPUs and the physical cores behind them; None where the host does not tell."""

    online: tuple[int, ...] | None
    allowed: tuple[int, ...] | None
    """The affinity mask, which already reflects a cgroup's cpuset."""
    cores: tuple[frozenset[int], ...] | None
    """Each physical core as the set of its online logical CPUs."""
    sockets: int | None
    physical_cores: int | None
    """Known on some hosts that do not tell which CPUs share a core."""

    @property
    def allowed_cores(self) -> tuple[frozenset[int], ...] | None:
        """Physical cores with at least one CPU inside the affinity mask."""
        if self.cores is None or self.allowed is None:
            return None
        return tuple(core for core in self.cores if core & set(self.allowed))

    @property
    def shared_cores(self) -> int | None:
        """Allowed cores with an SMT sibling outside the mask, where somebody else's work may run."""
        if self.allowed_cores is None or self.allowed is None:
            return None
        return sum(1 for core in self.allowed_cores if core - set(self.allowed))


def usable_core_count(topology: Topology, quota_cores: float | None) -> int | None:
    """Threads a benchmark should use: one per allowed physical core, within the whole cores of the quota.

    Where the host hides which CPUs share a core, the smaller of the allowed CPUs and the physical cores.
    Never below 1; None where neither is known.
    """
    cores = count_of(topology.allowed_cores) or lowest([count_of(topology.allowed), topology.physical_cores])
    if not cores:
        return None
    return int(cores) if quota_cores is None else max(1, min(int(cores), math.floor(quota_cores)))


def read_cpuinfo(host: Host) -> CpuInfo:
    """``/proc/cpuinfo`` by logical CPU; empty where there is none."""
    blocks = (host.text("proc/cpuinfo") or "").split("\n\n")
    parsed = (
        {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())}
        for block in blocks
    )
    return tuple(block for block in parsed if block)


def read_topology(host: Host, cpuinfo: CpuInfo) -> Topology:
    """CPUs, cores and sockets, from ``/sys`` first and ``/proc/cpuinfo`` where that is hidden."""
    online = parse_cpu_list(host.text(f"{SYS_CPU}/online")) or _listed_cpus(cpuinfo)
    packages = {host.integer(f"{SYS_CPU}/cpu{cpu}/topology/physical_package_id") for cpu in online or ()}
    packages -= {None}
    sockets = len(packages) or len({block["physical id"] for block in cpuinfo if "physical id" in block})
    cores = None if online is None else _cores_by_siblings(host, online) or _cores_by_id(cpuinfo, online)
    return Topology(
        online=online,
        allowed=_online_only(allowed_cpus(host), online),
        cores=cores,
        sockets=sockets or None,
        physical_cores=count_of(cores) or host.ask(lambda: psutil.cpu_count(logical=False)),
    )


def allowed_cpus(host: Host) -> tuple[int, ...] | None:
    """The affinity mask of this process's main thread; it may name CPUs that are offline or not there.

    OMP_PROC_BIND narrows it to the main thread's own place once OpenMP is up, so the number of usable cores
    has to be read before torch runs its first parallel region.
    """
    for line in (host.text("proc/self/status") or "").splitlines():
        if line.startswith("Cpus_allowed_list:"):
            return parse_cpu_list(line.partition(":")[2].strip())
    return host.ask(_allowed_by_system_call)


def _online_only(allowed: tuple[int, ...] | None, online: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if allowed is None or online is None:
        return allowed
    return tuple(cpu for cpu in allowed if cpu in online)


def _allowed_by_system_call() -> tuple[int, ...] | None:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    process = psutil.Process()
    return tuple(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else None  # macOS has no masks


def _listed_cpus(cpuinfo: CpuInfo) -> tuple[int, ...] | None:
    return parse_cpu_list(",".join(block["processor"] for block in cpuinfo if "processor" in block))


def _cores_by_siblings(host: Host, online: tuple[int, ...]) -> tuple[frozenset[int], ...] | None:
    cores: set[frozenset[int]] = set()
    for cpu in online:
        topology = f"{SYS_CPU}/cpu{cpu}/topology"
        names = ("core_cpus_list", "thread_siblings_list")  # the second is the name before Linux 5.3
        found = next((text for name in names if (text := host.text(f"{topology}/{name}"))), None)
        siblings = parse_cpu_list(found)
        if siblings is None:
            return None
        cores.add(frozenset(siblings) & frozenset(online))
    return tuple(sorted(cores, key=sorted))


def _cores_by_id(cpuinfo: CpuInfo, online: tuple[int, ...]) -> tuple[frozenset[int], ...] | None:
    cores: dict[tuple[str, str], set[int]] = {}
    for block in cpuinfo:
        if not {"processor", "physical id", "core id"} <= block.keys():
            return None
        cores.setdefault((block["physical id"], block["core id"]), set()).add(int(block["processor"]))
    found = (frozenset(core) & frozenset(online) for core in cores.values())
    return tuple(core for core in found if core) or None
