"""Memory, platform and load of the host, and the CPU time that its kernel accounts to each."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import psutil

from sebench.profilers.cgroups import memory_limit_bytes, throttling
from sebench.profilers.host import Host, read_cpuinfo

# user nice system idle iowait irq softirq steal guest guest_nice; guest time is also within user.
_BUSY_FIELDS = (0, 1, 2, 5, 6)
_STEAL_FIELD = 7

_MACHINE = "cpu"
TICK_S = 0.01
"""The kernel's USER_HZ on all common architectures."""


class CpuTicks(NamedTuple):
    """CPU time since boot in clock ticks (10 ms on all common kernels)."""

    busy: int
    steal: int

    @property
    def demand(self) -> int:
        """What ran and what was stolen: idle time cannot be stolen, so it does not dilute the ratio."""
        return self.busy + self.steal

    @property
    def steal_ratio(self) -> float | None:
        """Share of requested CPU time that the hypervisor gave to somebody else."""
        return self.steal / self.demand if self.demand > 0 else None


def read_cpu_ticks(host: Host) -> dict[str, CpuTicks]:
    """Ticks by line name of ``/proc/stat`` (``cpu`` for the machine, ``cpu0`` ...); empty if unreadable."""
    table: dict[str, CpuTicks] = {}
    for line in (host.text("proc/stat") or "").splitlines():
        if not line.startswith(_MACHINE):
            break  # the cpu lines come first, and the interrupt counters after them are long
        name, *fields = line.split()
        if len(fields) > _STEAL_FIELD and all(field.isdecimal() for field in fields):
            busy = sum(int(fields[index]) for index in _BUSY_FIELDS)
            table[name] = CpuTicks(busy=busy, steal=int(fields[_STEAL_FIELD]))
    return table


def machine_ticks(table: Mapping[str, CpuTicks]) -> CpuTicks | None:
    """Ticks of the whole machine, or None."""
    return table.get(_MACHINE)


def allowed_ticks(table: Mapping[str, CpuTicks], cpus: Collection[int] | None) -> CpuTicks | None:
    """Ticks summed over those of `cpus` that are online; None where none is known."""
    lines = [table[name] for name in (f"{_MACHINE}{cpu}" for cpu in cpus or ()) if name in table]
    if not lines:
        return None
    return CpuTicks(busy=sum(line.busy for line in lines), steal=sum(line.steal for line in lines))


NONE_FOUND = "none"
"""Looked for and not there, as opposed to None: could not look."""

_HYPERVISORS = (
    "KVM",
    "QEMU",
    "VMware",
    "VirtualBox",
    "Xen",
    "Hyper-V",
    "Firecracker",
    "Parallels",
    "Amazon EC2",
)
_CONTAINERS = ("kubepods", "docker", "libpod", "lxc", "containerd")
_CONTAINER_NAMES = {"kubepods": "kubernetes", "libpod": "podman"}


def read_memory(host: Host) -> dict[str, int | None]:
    """Everything ``Environment.memory`` holds, in bytes."""
    kib = host.keyed_integers("proc/meminfo")
    facts = {
        "total_bytes": _kibibytes(kib, "MemTotal"),
        "available_bytes": _kibibytes(kib, "MemAvailable"),
        "swap_used_bytes": _difference(_kibibytes(kib, "SwapTotal"), _kibibytes(kib, "SwapFree")),
    }
    if facts["total_bytes"] is None:
        memory, swap = host.ask(psutil.virtual_memory), host.ask(psutil.swap_memory)
        facts = {
            "total_bytes": memory.total if memory else None,
            "available_bytes": memory.available if memory else None,
            "swap_used_bytes": swap.used if swap else None,
        }
    return {**facts, "limit_bytes": memory_limit_bytes(host)}


def read_platform(host: Host, environ: Mapping[str, str]) -> dict[str, Any]:
    """Everything ``Environment.platform`` holds; the host name only as a hash, for privacy."""
    randomize = host.integer("proc/sys/kernel/randomize_va_space")
    return {
        "system": platform.system() or None,
        "kernel": host.text("proc/sys/kernel/osrelease")
        or (platform.release() if host.live else None)
        or None,
        "machine": platform.machine() or None,
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "python": platform.python_implementation(),
        "hostname_hash": hashlib.sha256(platform.node().encode()).hexdigest()[:12]
        if platform.node()
        else None,
        "virtualization": _virtualization(host),
        "container": _container(host, environ),
        "aslr": None if randomize is None else randomize > 0,
    }


def read_load(host: Host) -> dict[str, Any]:
    """Everything ``Environment.load`` holds.

    ``psi_*_avg10`` are the kernel's percentages of the last 10 s; ``steal_ratio`` and the throttling counters
    accumulate since ``steal_window`` and since the cgroup was made (blocks have their own probes).
    """
    ticks = machine_ticks(read_cpu_ticks(host))
    stopped = throttling(host)
    return {
        **_load_average(host),
        "steal_ratio": ticks.steal_ratio if ticks else None,
        "steal_window": "since boot" if ticks else None,
        "psi_cpu_some_avg10": _pressure(host, "cpu"),
        "psi_memory_some_avg10": _pressure(host, "memory"),
        "nr_periods": stopped.periods if stopped else None,
        "nr_throttled": stopped.throttled_periods if stopped else None,
    }


def _kibibytes(values: Mapping[str, int], key: str) -> int | None:
    return values[key] * 1024 if key in values else None


def _difference(total: int | None, free: int | None) -> int | None:
    return None if total is None or free is None else total - free


def _virtualization(host: Host) -> str | None:
    product = " ".join(
        filter(None, (host.text(f"sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name")))
    )
    if "microsoft" in (host.text("proc/sys/kernel/osrelease") or "").lower():
        return "wsl"
    if kind := host.text("sys/hypervisor/type"):
        return kind
    cpuinfo = read_cpuinfo(host)
    flags = next((block["flags"].split() for block in cpuinfo if "flags" in block), None)
    known = next((name.lower() for name in _HYPERVISORS if name.lower() in product.lower()), None)
    if flags is not None and "hypervisor" not in flags:
        return NONE_FOUND  # x86 tells for certain; vendors such as Amazon sell bare metal under the same name
    if product.startswith("Microsoft") and "Virtual Machine" in product:
        return "hyper-v"
    return known or ("hypervisor" if flags else None)


def _container(host: Host, environ: Mapping[str, str]) -> str | None:
    groups = host.text("proc/1/cgroup")
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "kubernetes"
    if host.exists("run/.containerenv"):
        return "podman"
    if host.exists(".dockerenv"):
        return "docker"
    marks = (groups or "") + environ.get("container", "")
    found = next((name for name in _CONTAINERS if name in marks), None)
    if found:
        return _CONTAINER_NAMES.get(found, found)
    if environ.get("container"):
        return "other"
    return None if groups is None else NONE_FOUND


def _load_average(host: Host) -> dict[str, float | int | None]:
    fields = (host.text("proc/loadavg") or "").split()
    try:
        loads: tuple[float | None, ...] = tuple(float(field) for field in fields[:3])
        runnable = int(fields[3].partition("/")[0]) if len(fields) > 3 else None
    except ValueError:
        loads, runnable = (), None
    if len(loads) < 3:
        loads = host.ask(psutil.getloadavg) or (None, None, None)
    return {"load1": loads[0], "load5": loads[1], "load15": loads[2], "runnable": runnable}


def _pressure(host: Host, resource: str) -> float | None:
    """``some avg10=1.50 avg60=...`` -> 1.5 (percent); kernels without PSI have no such file."""
    for line in (host.text(f"proc/pressure/{resource}") or "").splitlines():
        kind, _, rest = line.partition(" avg10=")
        if kind == "some":
            try:
                return float(rest.split()[0])
            except (IndexError, ValueError):
                return None
    return None
