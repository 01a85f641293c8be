"""Which cores there are, and which of them this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from sebench.profilers.host import SYS_CPU, Host, count_of, lowest, parse_cpu_list

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
