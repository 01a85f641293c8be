"""The machine as a benchmark sees it, gathered without torch; unknown facts are None, never 0."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from sebench.profilers.cgroups import cpu_quota_cores
from sebench.profilers.findings import findings_for
from sebench.profilers.host import LIVE_ROOT, Host
from sebench.profilers.machine import read_load, read_memory, read_platform
from sebench.profilers.processor import read_cpu
from sebench.profilers.software import read_git, read_variables, read_versions
from sebench.profilers.topology import read_cpuinfo, read_topology, usable_core_count
from sebench.schema import Environment

# Variables that change how many threads run, where, or which kernels they pick.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OMP_PROC_BIND",
    "OMP_PLACES",
    "OMP_SCHEDULE",
    "OMP_WAIT_POLICY",
    "OMP_DYNAMIC",
    "GOMP_CPU_AFFINITY",
    "GOMP_SPINCOUNT",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "KMP_HW_SUBSET",
    "MKL_NUM_THREADS",
    "MKL_DYNAMIC",
    "MKL_ENABLE_INSTRUCTIONS",
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
)


def capture_environment(
    *,
    root: Path = LIVE_ROOT,
    environ: Mapping[str, str] = os.environ,
    runtime: Mapping[str, Any] | None = None,
) -> Environment:
    """Reads everything about the machine that a benchmark result should carry.

    Args:
        root: Directory that stands for ``/``; with any other, system calls fill in nothing.
        environ: Environment variables; only allow-listed names are kept.
        runtime: What `sebench.profilers.runtime.runtime_facts` returned, where torch is loaded.

    Returns:
        The facts with the findings they give rise to, before a thread count is known.
    """
    host = Host.at(root)
    environment = Environment(
        cpu=read_cpu(host),
        memory=read_memory(host),
        platform=read_platform(host, environ),
        load=read_load(host),
        runtime=dict(runtime or {}),
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


def fingerprint(environment: Environment) -> str:
    """SHA-256 (hex) of the facts that must agree before two results may be compared over time.

    Only what stays the same between two runs on one set-up: no load, no frequencies, no memory in use.
    """
    cpu, torch = environment.cpu, environment.versions.get("torch")
    stable = {
        "cpu": {key: cpu.get(key) for key in ("model", "isa", "usable_cores", "quota_cores")},
        "machine": environment.platform.get("machine"),
        "torch": ".".join(torch.split(".")[:2]) if torch else None,
        "variables": {name: environment.variables.get(name) for name in _THREAD_VARIABLES},
    }
    return hashlib.sha256(json.dumps(stable, sort_keys=True).encode()).hexdigest()
