"""What torch says about itself. Importing this module imports torch, so import it where it is used."""

from __future__ import annotations

import hashlib
import re
import warnings
from types import ModuleType
from typing import Any

import torch

from sebench.errors import DeviceError
from sebench.profilers.accelerator import device_uuid
from sebench.profilers.nvml import NvmlReader, open_reader

_ONEDNN = re.compile(r"(?:oneDNN|MKL-DNN) v(\d+(?:\.\d+)*)")


def runtime_facts(device: str = "cpu") -> dict[str, Any]:
    """Facts for ``Environment.runtime``: threads, kernels' instruction set, libraries, numeric flags.

    Args:
        device: of the measurement; its own facts stand under ``device``, empty on the CPU.
    """
    build = torch.__config__.show()
    return {
        "device": device_facts(device),
        "torch": str(torch.__version__),
        "torch_git": torch.version.git_version,
        "build_sha256": hashlib.sha256(build.encode()).hexdigest(),
        "num_threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "parallel_backend": _parallel_backend(),
        "onednn": _onednn_version(build),
        "onednn_enabled": _has(torch.backends.mkldnn) and torch.backends.mkldnn.enabled,
        "mkl": _has(torch.backends.mkl),
        "openmp": _has(torch.backends.openmp),
        "cuda_built": torch.version.cuda,
        "cuda_available": _cuda_available(),
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "default_dtype": str(torch.get_default_dtype()).removeprefix("torch."),
    }


def _has(backend: ModuleType) -> bool:
    return bool(backend.is_available())


def _onednn_version(build: str) -> str | None:
    found = _ONEDNN.search(build)
    return found[1] if found else None


def _parallel_backend() -> str | None:
    """The last fact of ``parallel_info``, e.g. ``OpenMP`` or ``native thread pool``."""
    found = re.search(r"ATen parallel backend: (.+)", torch.__config__.parallel_info())
    return found[1].strip() if found else None


def _cuda_available() -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a broken driver warns; here its absence is the answer
        return torch.cuda.is_available()


def device_facts(name: str) -> dict[str, Any]:
    """Facts for ``Environment.device``; empty on the CPU."""
    device = torch.device(name)
    if device.type == "cpu":
        return {}
    facts: dict[str, Any] = {"type": device.type, "index": device.index or 0}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        facts |= {
            "name": properties.name,
            "memory_bytes": properties.total_memory,
            "multiprocessors": properties.multi_processor_count,
            "capability": f"{properties.major}.{properties.minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
        reader = open_reader(device_uuid(device))
        facts |= {**reader.facts(), "energy_counter": _counter_name(reader)} if reader else _NO_NVML
    return facts


_NO_NVML = {"nvml": "unavailable", "energy_counter": None}


def _counter_name(reader: NvmlReader) -> str | None:
    try:
        return reader.energy_counter().name
    except DeviceError:
        return None
