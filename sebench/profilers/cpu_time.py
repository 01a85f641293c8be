"""CPU time that the kernel accounts to running, idling and the hypervisor (proc_stat(5))."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sebench.profilers.host import Host

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
