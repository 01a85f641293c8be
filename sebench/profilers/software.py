"""Software facts: package versions, the environment variables that steer kernels, the git state."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import sebench
from sebench.installation import find_namesake
from sebench.profilers.git import run_git

NAMESAKE = "sebench of another project"

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
