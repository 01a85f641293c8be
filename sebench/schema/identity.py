"""Which results were measured on one and the same set-up."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sebench.schema.measurements import Environment

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
_CPU_FACTS = ("model", "isa", "usable_cores", "quota_cores")
_DEVICE_FACTS = ("name", "power_limit_w", "mig", "cuda", "cudnn")


def fingerprint(environment: Environment) -> str:
    """SHA-256 (hex) of the facts that must agree before times of two results may be compared.

    Only what stays the same between two runs on one set-up: no load, no frequencies, no memory in use. The
    workload (threads, precision, batch ...) is compared on its own.
    """
    return hashlib.sha256(json.dumps(_stable(environment), sort_keys=True).encode()).hexdigest()


def fingerprint_facts(environment: Environment) -> dict[str, Any]:
    """What `fingerprint` is made of, by name, e.g. ``cpu.model`` or ``variables.OMP_NUM_THREADS``."""
    facts: dict[str, Any] = {}
    for group, value in _stable(environment).items():
        inner = value if isinstance(value, dict) else {"": value}
        facts |= {f"{group}.{name}".rstrip("."): fact for name, fact in inner.items()}
    return facts


def _stable(environment: Environment) -> dict[str, Any]:
    cpu, torch = environment.cpu, environment.versions.get("torch")
    stable = {
        "cpu": {key: cpu.get(key) for key in _CPU_FACTS},
        "machine": environment.platform.get("machine"),
        "torch": ".".join(torch.split(".")[:2]) if torch else None,
        "variables": {name: environment.variables.get(name) for name in _THREAD_VARIABLES},
    }
    device = environment.device
    if device:
        driver = str(device.get("driver") or "").partition(".")[0]
        stable["device"] = {"driver": driver, **{key: device.get(key) for key in _DEVICE_FACTS}}
    return stable
