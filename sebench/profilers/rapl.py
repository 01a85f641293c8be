"""RAPL: energy counters of x86 processors, Intel and AMD, through the kernel's powercap interface.

Layout: docs.kernel.org/power/powercap/powercap.html. Since Linux 5.10 only root may read ``energy_uj``
(CVE-2020-8694).
"""

from __future__ import annotations

from collections.abc import Iterator

from sebench.errors import DeviceError
from sebench.profilers.device import Zone
from sebench.profilers.host import Host
from sebench.profilers.machine import read_platform

POWERCAP = "sys/class/powercap"
_PREFIX = "intel-rapl:"  # the control type of AMD processors too
_MICROJOULE = 1e-6
_WITHOUT = "measure without --energy"


class RaplCounter:
    """The packages of this machine, and their memory where it is counted apart."""

    name = "rapl"

    def __init__(self, host: Host, files: tuple[str, ...], zones: tuple[Zone, ...]) -> None:
        self.zones = zones
        self._host, self._files = host, files

    def read(self) -> tuple[int, ...]:
        """Microjoules of every zone.

        Raises:
            DeviceError: one is no longer readable.
        """
        return tuple(self._read(path) for path in self._files)

    def _read(self, path: str) -> int:
        value = self._host.integer(path)
        if value is None:
            why = self._host.refusal(path) or "not a number"
            raise DeviceError(f"the energy counter /{path} cannot be read: {why}", hint=_WITHOUT)
        return value


def open_rapl(host: Host) -> RaplCounter:
    """The counter of a machine.

    Packages are summed. Memory (``dram``) is outside of them and added; cores and graphics are inside and
    left out, as is ``psys``, which contains the packages.

    Args:
        host: the machine.

    Raises:
        DeviceError: there is none, or it may not be read; says which.
    """
    found = dict(_zones(host))
    if not found:
        raise DeviceError(f"no energy counter of the CPU: {_absence(host)}", hint=_WITHOUT)
    for path in found:
        refusal = host.refusal(path)
        if refusal is not None:
            raise DeviceError(
                f"the CPU's energy counter cannot be read: /{path}: {refusal}",
                hint=f"let this user read it (as root: chmod a+r /{POWERCAP}/{_PREFIX}*/energy_uj), "
                f"or {_WITHOUT}",
            )
    return RaplCounter(host, tuple(found), tuple(found.values()))


def _zones(host: Host) -> Iterator[tuple[str, Zone]]:
    for folder in host.names(POWERCAP):
        if not folder.startswith(_PREFIX):
            continue
        name = host.text(f"{POWERCAP}/{folder}/name") or ""
        if name.startswith("package") or name == "dram":
            zone = Zone(
                name=name,
                joules_per_count=_MICROJOULE,
                range_counts=host.integer(f"{POWERCAP}/{folder}/max_energy_range_uj"),
            )
            yield f"{POWERCAP}/{folder}/energy_uj", zone


def _absence(host: Host) -> str:
    platform = read_platform(host, {})
    nothing = f"there is no RAPL under /{POWERCAP}"
    if platform["virtualization"] not in (None, "none"):
        return f"{nothing}, as in most virtual machines (this is one: {platform['virtualization']})"
    if platform["container"] not in (None, "none"):
        return f"{nothing}, which containers hide (this is one: {platform['container']})"
    return nothing
