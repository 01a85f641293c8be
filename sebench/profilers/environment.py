"""The machine as a benchmark sees it, gathered without torch; unknown facts are None, never 0."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

import sebench
from sebench.installation import NAMESAKE, find_namesake
from sebench.profilers.cgroups import cpu_quota_cores
from sebench.profilers.findings import findings_for
from sebench.profilers.git import run_git
from sebench.profilers.host import LIVE_ROOT, Host, read_cpuinfo, read_topology, usable_core_count
from sebench.profilers.machine import read_load, read_memory, read_platform
from sebench.profilers.processor import read_cpu
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


def renewed_environment(known: Environment, *, root: Path = LIVE_ROOT) -> Environment:
    """The same machine some minutes later: load, free memory and commit are read again, and nothing else.

    Args:
        known: as `capture_environment` returned it.
        root: as there.
    """
    host = Host.at(root)
    environment = msgspec.structs.replace(
        known, memory=read_memory(host), load=read_load(host), git=read_git(), findings=()
    )
    return msgspec.structs.replace(environment, findings=findings_for(environment))


def usable_cores(root: Path = LIVE_ROOT) -> int:
    """Default number of threads: physical cores in the affinity mask, within the quota; at least 1.

    To be asked before torch starts its threads: OpenMP may bind the main thread to one core.
    """
    host = Host.at(root)
    topology = read_topology(host, read_cpuinfo(host))
    return usable_core_count(topology, cpu_quota_cores(host)) or 1


def usable_places(root: Path = LIVE_ROOT) -> tuple[str, ...]:
    """The physical cores of the affinity mask as OpenMP places, e.g. ``{0,4}``; none where they are unknown.

    To be asked before torch starts its threads, as `usable_cores`.
    """
    host = Host.at(root)
    topology = read_topology(host, read_cpuinfo(host))
    allowed = set(topology.allowed or ())
    cores = (sorted(core & allowed) for core in topology.allowed_cores or ())
    return tuple("{" + ",".join(map(str, core)) + "}" for core in cores)


PACKAGES = (
    "torch",
    "torchvision",
    "fvcore",
    "thop",
    "numpy",
    "scipy",
    "pandas",
    "typer",
    "rich",
    "timm",
    "nvidia-ml-py",
    "msgspec",
    "psutil",
    "triton",
)

VARIABLE_PREFIXES = (
    "OMP_",
    "MKL_",
    "KMP_",
    "GOMP_",
    "ONEDNN_",
    "DNNL_",
    "ATEN_",
    "CUDA_",
    "NVIDIA_",
    "PYTORCH_",
    "CUBLAS_",
    "TORCH_",
    "LD_PRELOAD",
    "MALLOC_",
)
# Results get published; NVIDIA_API_KEY and its like would pass the prefixes.
_SECRET_WORDS = frozenset({"KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIALS", "AUTH"})

GIT_TIMEOUT_S = 2.0


def read_versions() -> dict[str, str | None]:
    """Versions by distribution name without importing any; None for what is not installed.

    ``sebench`` is this program; another project's distribution of that name is `NAMESAKE`, if there is one.
    """
    versions: dict[str, str | None] = {"python": platform.python_version(), "sebench": sebench.__version__}
    namesake = find_namesake()
    other = {} if namesake is None else {NAMESAKE: namesake.version}
    return versions | other | {package: _version(package) for package in PACKAGES}


def read_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The allow-listed part of `environ`, sorted; nothing else may leave the machine."""
    return {name: environ[name] for name in sorted(environ) if _is_listed(name)}


def read_git(directory: Path | None = None, *, timeout_s: float = GIT_TIMEOUT_S) -> dict[str, Any]:
    """Commit, branch and whether tracked files were changed; all None outside a repository.

    Args:
        directory: Where to look; None is the current directory.
        timeout_s: Give up after this many seconds, as on a slow network drive.
    """
    lines = _git_status(directory, timeout_s)
    headers = dict(
        line.removeprefix("# ").split(" ", 1) for line in lines or () if line.startswith("# branch.")
    )
    commit, branch = headers.get("branch.oid"), headers.get("branch.head")
    return {
        "commit": None if commit == "(initial)" else commit,
        "dirty": None if lines is None else any(not line.startswith("#") for line in lines),
        "branch": None if branch == "(detached)" else branch,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _is_listed(name: str) -> bool:
    return name.startswith(VARIABLE_PREFIXES) and not _SECRET_WORDS & set(name.upper().split("_"))


def _git_status(directory: Path | None, timeout_s: float) -> list[str] | None:
    try:
        done = run_git(
            directory, "status", "--porcelain=v2", "--branch", "--untracked-files=no", timeout_s=timeout_s
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout.encode(errors="surrogateescape").decode(errors="replace")
    return text.splitlines() if done.returncode == 0 else None
