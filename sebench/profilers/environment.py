"""The machine as a benchmark sees it, gathered without torch; unknown facts are None, never 0."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from sebench.profilers.cgroups import cpu_quota_cores
from sebench.profilers.findings import findings_for
from sebench.profilers.host import LIVE_ROOT, Host
from sebench.profilers.machine import read_load, read_memory, read_platform
from sebench.profilers.processor import read_cpu
from sebench.profilers.software import read_git, read_variables, read_versions
from sebench.profilers.topology import read_cpuinfo, read_topology, usable_core_count
from sebench.schema import Environment


def capture_environment(
    *,
    root: Path = LIVE_ROOT,
    environ: Mapping[str, str] = os.environ,
) -> Environment:
    """Reads everything about the machine that a benchmark result should carry.

    Args:
        root: Directory that stands for ``/``; with any other, system calls fill in nothing.
        environ: Environment variables; only allow-listed names are kept.

    Returns:
        The facts with the findings they give rise to, before a thread count is known; nothing of what torch
        says about itself (`sebench.profilers.runtime`).
    """
    host = Host.at(root)
    environment = Environment(
        cpu=read_cpu(host),
        memory=read_memory(host),
        platform=read_platform(host, environ),
        load=read_load(host),
        versions=read_versions(),
        variables=read_variables(environ),
        git=read_git(),
    )
    return msgspec.structs.replace(environment, findings=findings_for(environment))


def usable_cores(root: Path = LIVE_ROOT) -> int:
    """Default number of threads: physical cores in the affinity mask, within the quota; at least 1.

    To be asked before torch starts its threads: OpenMP may bind the main thread to one core.
    """
    host = Host.at(root)
    topology = read_topology(host, read_cpuinfo(host))
    return usable_core_count(topology, cpu_quota_cores(host)) or 1
