"""The CPU as a benchmark sees it: identity, instruction sets, clocks and caches."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterable
from typing import Any

import psutil

from sebench.errors import DeviceError
from sebench.profilers.cgroups import cpu_quota_cores
from sebench.profilers.host import (
    SYS_CPU,
    CpuInfo,
    Host,
    count_of,
    parse_cpu_list,
    read_cpuinfo,
    read_topology,
    usable_core_count,
)
from sebench.profilers.rapl import open_rapl

_X86_ISA = {
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512_bf16",
    "avx512_vnni",
    "avx512_fp16",
}
_ARM_ISA = {"neon", "asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve", "sve2"}
_ISA_PREFIXES = ("amx_",)
_BINARY_SUFFIX = {"K": 2**10, "M": 2**20, "G": 2**30}


def read_cpu(host: Host) -> dict[str, Any]:
    """Everything ``Environment.cpu`` holds; frequencies in Hz, cache sizes in bytes."""
    cpuinfo = read_cpuinfo(host)
    topology = read_topology(host, cpuinfo)
    quota = cpu_quota_cores(host)
    allowed, physical = topology.allowed, topology.physical_cores
    logical = count_of(topology.online) or host.ask(psutil.cpu_count)
    return {
        "model": _model(host, cpuinfo),
        "vendor": _first(cpuinfo, "vendor_id", "CPU implementer"),
        "isa": _isa(cpuinfo),
        "microcode": _first(cpuinfo, "microcode"),
        "sockets": topology.sockets,
        "physical_cores": physical,
        "logical_cores": logical,
        "threads_per_core": logical // physical if logical and physical else None,
        "affinity": None if allowed is None else list(allowed),
        "affinity_count": count_of(allowed),
        "allowed_physical_cores": count_of(topology.allowed_cores),
        "shared_cores": topology.shared_cores,
        "quota_cores": quota,
        "usable_cores": usable_core_count(topology, quota),
        **_scaling(host, allowed or topology.online or (), cpuinfo),
        "energy_counter": _energy_counter(host),
        "caches": _caches(host),
        "numa_nodes": count_of(parse_cpu_list(host.text("sys/devices/system/node/online"))),
    }


def _model(host: Host, cpuinfo: CpuInfo) -> str | None:
    named = _first(cpuinfo, "model name", "cpu model", "cpu")
    implementer, part = _first(cpuinfo, "CPU implementer"), _first(cpuinfo, "CPU part")
    if named is None and implementer and part:  # ARM kernels print numbers only
        named = f"implementer {implementer} part {part}"
    return named or host.text("proc/device-tree/model") or host.ask(platform.processor) or None


def _isa(cpuinfo: CpuInfo) -> list[str] | None:
    flags = _first(cpuinfo, "flags", "Features")
    if flags is None:
        return None
    return sorted(
        flag for flag in set(flags.split()) if flag in _X86_ISA | _ARM_ISA or flag.startswith(_ISA_PREFIXES)
    )


def _first(cpuinfo: CpuInfo, *keys: str) -> str | None:
    return next((block[key] for key in keys for block in cpuinfo if block.get(key)), None)


def _scaling(host: Host, cpus: Iterable[int], cpuinfo: CpuInfo) -> dict[str, Any]:
    cpus = tuple(cpus)
    directories = [f"{SYS_CPU}/cpu{cpu}/cpufreq" for cpu in cpus]
    # The current frequency is read on one CPU only: an idle one is woken by an interrupt to tell it.
    first = directories[0] if directories else f"{SYS_CPU}/cpu0/cpufreq"
    current = _kilohertz(host, f"{first}/scaling_cur_freq") or _megahertz(_first(cpuinfo, "cpu MHz"))
    return {
        "governor": _distinct(host, (f"{directory}/scaling_governor" for directory in directories)),
        "driver": _distinct(host, (f"{directory}/scaling_driver" for directory in directories)),
        "turbo": _turbo(host),
        "frequency_hz": {
            "min": _kilohertz(host, f"{first}/cpuinfo_min_freq"),
            "max": _kilohertz(host, f"{first}/cpuinfo_max_freq"),
            "current": current,
        },
    }


def _distinct(host: Host, paths: Iterable[str]) -> str | None:
    found = {text for text in map(host.text, paths) if text}
    return ",".join(sorted(found)) or None


def _turbo(host: Host) -> bool | None:
    disabled = host.integer(f"{SYS_CPU}/intel_pstate/no_turbo")
    if disabled is not None:
        return disabled == 0
    boost = host.integer(f"{SYS_CPU}/cpufreq/boost")
    return None if boost is None else boost == 1


def _kilohertz(host: Host, path: str) -> int | None:
    value = host.integer(path)
    return value * 1000 if value else None


def _megahertz(text: str | None) -> int | None:
    with contextlib.suppress(TypeError, ValueError):
        return round(float(text or "") * 1e6)
    return None


def _energy_counter(host: Host) -> str | None:
    """The zones of RAPL that this user may read, e.g. ``rapl: package-0, dram``; None without any."""
    try:
        counter = open_rapl(host)
    except DeviceError:
        return None
    return f"{counter.name}: {', '.join(zone.name for zone in counter.zones)}"


def _caches(host: Host) -> list[dict[str, Any]] | None:
    """Caches that the first CPU sees, nearest first."""
    caches: list[dict[str, Any]] = []
    while host.exists(entry := f"{SYS_CPU}/cpu0/cache/index{len(caches)}"):
        caches.append(
            {
                "level": host.integer(f"{entry}/level"),
                "type": host.text(f"{entry}/type"),
                "size_bytes": _binary_size(host.text(f"{entry}/size")),
                "shared_cpus": count_of(parse_cpu_list(host.text(f"{entry}/shared_cpu_list"))),
            }
        )
    return caches or None


def _binary_size(text: str | None) -> int | None:
    """``"1024K"`` -> 1048576."""
    if not text or not text.rstrip("KMG").isdecimal():
        return None
    return int(text.rstrip("KMG")) * _BINARY_SUFFIX.get(text[-1], 1)
