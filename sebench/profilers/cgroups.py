"""Limits and throttling of the control groups (v1 and v2) this process is in.

A limit anywhere between the process's own group and the top of the hierarchy binds, so every reader walks
up. Sources: Linux Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from sebench.profilers.host import Host, lowest, to_integer

# A v1 group without a limit shows LONG_MAX rounded down to a page; no machine has an exbibyte.
_UNLIMITED_BYTES = 2**60


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttling:
    """CFS bandwidth counters since the groups were made, summed over the groups above this process."""

    periods: int
    throttled_periods: int


class _Mount(NamedTuple):
    root: str
    """Which group of the hierarchy is mounted."""
    point: str
    """Where, relative to the host's root."""


class _Hierarchy(NamedTuple):
    version: int
    levels: tuple[str, ...]
    """Directories from the process's own group up to the mount point."""


def cpu_quota_cores(host: Host) -> float | None:
    """CPU time per wall time that the groups allow, in cores; None where unlimited or unknown."""
    hierarchy = _hierarchy(host, "cpu")
    if hierarchy is None:
        return None
    read = _quota_v2 if hierarchy.version == 2 else _quota_v1
    return lowest(read(host, level) for level in hierarchy.levels)


def memory_limit_bytes(host: Host) -> int | None:
    """The tightest memory limit of the groups, in bytes; None where unlimited or unknown."""
    hierarchy = _hierarchy(host, "memory")
    if hierarchy is None:
        return None
    name = "memory.max" if hierarchy.version == 2 else "memory.limit_in_bytes"
    limits = (host.integer(f"{level}/{name}") for level in hierarchy.levels)
    return min((limit for limit in limits if limit is not None and limit < _UNLIMITED_BYTES), default=None)


def throttling(host: Host) -> Throttling | None:
    """How often a quota stopped these groups so far; None where no group keeps the counters."""
    hierarchy = _hierarchy(host, "cpu")
    if hierarchy is None:
        return None
    statistics = [host.keyed_integers(f"{level}/cpu.stat") for level in hierarchy.levels]
    counted = [values for values in statistics if "nr_throttled" in values]
    if not counted:
        return None
    return Throttling(
        periods=sum(values.get("nr_periods", 0) for values in counted),
        throttled_periods=sum(values["nr_throttled"] for values in counted),
    )


def _quota_v2(host: Host, level: str) -> float | None:
    quota, _, period = (host.text(f"{level}/cpu.max") or "").partition(" ")
    return _cores(to_integer(quota), to_integer(period))


def _quota_v1(host: Host, level: str) -> float | None:
    return _cores(host.integer(f"{level}/cpu.cfs_quota_us"), host.integer(f"{level}/cpu.cfs_period_us"))


def _cores(quota_us: int | None, period_us: int | None) -> float | None:
    if quota_us is None or not period_us or quota_us <= 0:  # v1 writes "unlimited" as -1
        return None
    return quota_us / period_us


def _hierarchy(host: Host, controller: str) -> _Hierarchy | None:
    own = _own_group(host, controller)
    if own is None:
        return None
    version, group = own
    mount = _mount(host, version, controller, group)
    return None if mount is None else _Hierarchy(version, tuple(_levels(mount, group)))


def _own_group(host: Host, controller: str) -> tuple[int, str] | None:
    """Version and path of this process's group; v1 wins in a hybrid set-up, as it does in the kernel."""
    unified = None
    for line in (host.text("proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controller in controllers.split(","):
            return 1, group
        if number == "0" and not controllers:
            unified = group
    return None if unified is None else (2, unified)


def _levels(mount: _Mount, group: str) -> Iterator[str]:
    inside = _strip_root(group, mount.root)
    # A path that leads out of the mount belongs to another namespace; the mount point is all that shows.
    parts = PurePosixPath(inside or "").parts
    steps = [] if ".." in parts else [part for part in parts if part != "/"]
    for depth in range(len(steps), -1, -1):
        yield "/".join([mount.point, *steps[:depth]])


def _strip_root(group: str, root: str) -> str | None:
    prefix = root.rstrip("/")
    return group[len(prefix) :] if group == prefix or group.startswith(f"{prefix}/") else None


def _mount(host: Host, version: int, controller: str, group: str) -> _Mount | None:
    mounts = list(_mounts(host, version, controller))
    showing = (mount for mount in mounts if _strip_root(group, mount.root) is not None)
    return next(showing, mounts[0] if mounts else _customary_mount(host, version, controller))


def _mounts(host: Host, version: int, controller: str) -> Iterator[_Mount]:
    """Lines of proc(5) mountinfo: ``id parent dev ROOT POINT options [tags] - TYPE source OPTIONS``."""
    for line in (host.text("proc/self/mountinfo") or "").splitlines():
        if "cgroup" not in line:
            continue
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        unified = version == 2 and kind[0] == "cgroup2"
        if unified or (version == 1 and kind[0] == "cgroup" and controller in kind[2].split(",")):
            yield _Mount(root=fields[3], point=fields[4].lstrip("/"))


def _customary_mount(host: Host, version: int, controller: str) -> _Mount | None:
    names = ("", "/unified") if version == 2 else (f"/{controller}", "/cpu,cpuacct")
    points = (f"sys/fs/cgroup{name}" for name in names)
    shows = "cgroup.controllers" if version == 2 else "tasks"
    return next((_Mount("/", point) for point in points if host.exists(f"{point}/{shows}")), None)
